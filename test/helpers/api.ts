import { setImmediate } from 'node:timers/promises';
import { createApp, type AppDeps } from '../../api/app';
import { createApiMetrics } from '../../api/metrics';
import { createReader } from '../../api/read';
import { createClickHouse } from '../../clickhouse/client';
import { listen } from '../../runtime/http/server';
import { silent } from './engines';

export const readToken = 'a-read-token-of-the-tests';
/** The account of ClickHouse that the API has. */
export const reader = { user: 'reader', password: 'reads-only' };

export type Answer = { status: number; headers: Headers; text: string; json: unknown };

export type TestApi = {
  url: string;
  metrics: AppDeps['metrics'];
  get(path: string, headers?: Record<string, string>, method?: string): Promise<Answer>;
  /** Resolves when so many more requests have come as far as to wait for something. */
  waiting(count: number): Promise<void>;
  stop(): Promise<void>;
};

/** The API on a port of its own, in this process; public unless `deps` say otherwise. `timeoutMs` is for a look-up. */
export async function startApi(
  clickHouseUrl: string,
  { timeoutMs, database, ...deps }: Partial<AppDeps> & { timeoutMs?: number; database?: string } = {},
): Promise<TestApi> {
  const client = createClickHouse({
    CLICKHOUSE_URL: clickHouseUrl,
    CLICKHOUSE_USER: reader.user,
    CLICKHOUSE_PASSWORD: reader.password,
    CLICKHOUSE_DATABASE: database ?? 'default',
    CLICKHOUSE_CLUSTER: undefined,
  });
  const startReading = createReader(client);
  const metrics = createApiMetrics();
  const app = createApp({
    startReading: (ms) => startReading(timeoutMs ?? ms),
    tokens: [readToken],
    publicPart: 'all',
    cacheSeconds: 15,
    rateLimit: 100_000,
    trustedProxies: 0,
    logger: silent,
    metrics,
    now: Date.now,
    ...deps,
  });
  const { port, server } = await listen(app, 0, '127.0.0.1');
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    metrics,
    async get(path, headers = {}, method = 'GET') {
      const response = await fetch(`${url}${path}`, { method, headers, redirect: 'manual' });
      const text = await response.text();
      const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
      return {
        status: response.status,
        headers: response.headers,
        text,
        json: isJson && text !== '' ? (JSON.parse(text) as unknown) : undefined,
      };
    },
    async waiting(count) {
      let seen = 0;
      await new Promise<void>((resolve) => {
        server.on('request', () => {
          if (++seen === count) resolve();
        });
      });
      await setImmediate();
    },
    async stop() {
      // Not `drain`, which waits for late comers (api-process.test.ts).
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await client.close();
    },
  };
}
