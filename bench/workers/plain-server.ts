import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseCallback } from '../../ingest/contract/callback';
import { serveRequests } from './serve-requests';

/* What ingest costs at the least: node:http, JSON.parse and the schema, with no store behind. */

const server = createServer((req, res) => {
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => {
    const parsed = parseCallback(JSON.parse(Buffer.concat(chunks).toString('utf8')));
    res.writeHead(parsed.ok ? 200 : 400, { 'content-type': 'application/json' });
    res.end(JSON.stringify({ ok: parsed.ok }));
  });
});

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  serveRequests(() => Promise.resolve(null), { port });
});
