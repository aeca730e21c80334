import { createServer, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Express } from 'express';

export type IngestServer = {
  server: Server;
  port: number;
  /** Lets requests in flight finish, at most `maxWaitMs`, then closes. The app must be draining already. */
  drain: (maxWaitMs?: number) => Promise<void>;
};

/** Nobody has sent anything for so long: nobody who was told to come back is still on a connection of ours. */
const quietMs = 300;

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
  let lastRequestMs = 0;
  server.prependListener('request', (_req, res) => {
    inFlight++;
    lastRequestMs = Date.now();
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
    async drain(maxWaitMs = 8_600) {
      // Still listening: a request that comes in meanwhile gets its 503 rather than a dropped connection, which
      // the relay would not retry.
      if (inFlight > 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, maxWaitMs);
          onIdle = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      const untilMs = Date.now() + 2_000;
      while (Date.now() - lastRequestMs < quietMs && Date.now() < untilMs) await sleep(50);
      // Closes idle connections too; one that is being answered now closes by itself (its 503 says so).
      const closed = new Promise((resolve) => server.close(resolve));
      const lastResort = setTimeout(() => server.closeAllConnections(), 1_000);
      await closed;
      clearTimeout(lastResort);
    },
  };
}
