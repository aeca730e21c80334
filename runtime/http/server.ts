import { createServer, type RequestListener, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerClientErrors } from './client-errors';
import { boundPipelines } from './pipelines';

export type HttpServer = {
  server: Server;
  port: number;
  /** Lets requests in flight finish, at most `maxWaitMs`, then closes. The app must be draining already. */
  drain: (maxWaitMs?: number) => Promise<void>;
};

/** Nobody has sent anything for so long: nobody who was told to come back is still on a connection of ours. */
const quietMs = 300;

/**
 * Serves the app. Headers must arrive within 8 s and a whole request within 8.3 s of its first byte (the app
 * answers 503 at 8.2 s from the headers), and nobody may be silent for 20 s while an answer waits to be read, so
 * that neither a slow nor a malicious sender holds a connection.
 */
export async function listen(app: RequestListener, port: number, host: string): Promise<HttpServer> {
  const server = createServer(
    {
      headersTimeout: 8_000,
      requestTimeout: 8_300,
      connectionsCheckingInterval: 200,
      keepAliveTimeout: 65_000,
      // The app refuses a request without Host: Node's own 400 does not say why.
      requireHostHeader: false,
    },
    boundPipelines(app),
  );
  server.setTimeout(20_000);
  // Who closes the sending half behind a request still wants the answer. Node has this setting, and no word on it.
  Object.assign(server, { httpAllowHalfOpen: true });
  answerClientErrors(server);
  // Without this Node says 100 Continue before the token was looked at; `readBody` says it.
  server.on('checkContinue', (req, res) => server.emit('request', req, res));
  let inFlight = 0;
  let onIdle: (() => void) | undefined;
  let lastRequestMs = 0;
  server.prependListener('request', (req, res) => {
    req.url = originForm(req.url ?? '');
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

/** A request's target as a path. Express would parse any other form with its host, and fail on strange ones. */
const originForm = (target: string): string => {
  const path = target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '');
  return path.startsWith('/') ? path : `/${path}`;
};
