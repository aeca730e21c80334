import { createServer, type Server } from 'node:http';
import type { Registry } from 'prom-client';

/** Serves `/metrics` and `/healthz` of a process that has no other HTTP interface. */
export async function serveMetrics(registry: Registry, port: number, host: string): Promise<Server> {
  const server = createServer((req, res) => {
    if (req.url === '/healthz') res.setHeader('Content-Type', 'application/json').end('{"ok":true}');
    else if (req.url === '/metrics') {
      void registry.metrics().then((text) => res.setHeader('Content-Type', registry.contentType).end(text));
    } else res.writeHead(404).end();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return server;
}
