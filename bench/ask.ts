import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { BenchClickHouse } from './engines';

/** Asks ClickHouse and resolves with the answer as JSONCompactEachRow. Rejects with an {@link AskError}. */
export type Ask = (query: string) => Promise<string>;

/** What ClickHouse refused; `code` is its own. */
export class AskError extends Error {
  override readonly name = 'AskError';
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Plain requests on connections that are kept, as Grafana's data source has them. @clickhouse/client lets a turn of Node's
 * timers pass before each request: 1 to 2 ms that no panel waits for.
 */
export function createAsk(env: BenchClickHouse['env']): { ask: Ask; close: () => void } {
  const url = new URL(env.CLICKHOUSE_URL);
  url.searchParams.set('database', env.CLICKHOUSE_DATABASE);
  url.searchParams.set('default_format', 'JSONCompactEachRow');
  const isSecure = url.protocol === 'https:';
  const agent = new (isSecure ? HttpsAgent : HttpAgent)({ keepAlive: true });
  const headers = { 'X-ClickHouse-User': env.CLICKHOUSE_USER, 'X-ClickHouse-Key': env.CLICKHOUSE_PASSWORD };
  const ask: Ask = (query) =>
    new Promise((resolve, reject) => {
      const request = (isSecure ? httpsRequest : httpRequest)(url, { method: 'POST', agent, headers });
      request.once('error', reject).once('response', (response) => {
        const pieces: Buffer[] = [];
        response
          .on('data', (piece: Buffer) => pieces.push(piece))
          .once('error', reject)
          .once('end', () => {
            const text = Buffer.concat(pieces).toString();
            const code = response.headers['x-clickhouse-exception-code'];
            if (response.statusCode === 200 && code === undefined) resolve(text);
            else reject(new AskError(String(code ?? response.statusCode), text.slice(0, 1_000)));
          });
      });
      request.end(query);
    });
  return { ask, close: () => agent.destroy() };
}
