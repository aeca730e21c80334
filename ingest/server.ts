import { createServer, type Server } from 'node:http';
import type { Express } from 'express';

export type IngestServer = {
  server: Server;
  port: number;
  /** Lets requests in flight finish, at most `maxWaitMs`, then closes. The app must be draining already. */
  drain: (maxWaitMs?: number) => Promise<void>;
};

/**
 * Serves the app. Headers must arrive within 8 s and a whole request within 9.5 s (the app answers 503 at
 * 8.5 s), so that neither a slow nor a malicious sender holds a connection.
 */
export async function listen(app: Express, port: number, host: string): Promise<IngestServer> {
  const server = createServer(
    {
      headersTimeout: 8_000,
      requestTimeout: 9_500,
      connectionsCheckingInterval: 500,
      keepAliveTimeout: 65_000,
    },
    app,
  );
  let inFlight = 0;
  let onIdle: (() => void) | undefined;
  server.prependListener('request', (_req, res) => {
    inFlight++;
    res.once('close', () => {
      if (--inFlight === 0) onIdle?.();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  return {
    server,
    port: typeof address === 'object' && address ? address.port : port,
    async drain(maxWaitMs = 9_500) {
      // Still listening: a request that comes in meanwhile gets its 503 rather than a refused connection.
      if (inFlight > 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, maxWaitMs);
          onIdle = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
