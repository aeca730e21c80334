import { createClient, type ClickHouseClient } from '@clickhouse/client';
import { z } from 'zod';

export type { ClickHouseClient };

/** Where ClickHouse is: a server, a cluster, Cloud, or the embedded engine; only these differ. */
export const clickHouseConfigSchema = z.object({
  CLICKHOUSE_URL: z.url({ protocol: /^https?$/ }).default('http://127.0.0.1:8123'),
  CLICKHOUSE_USER: z.string().default('default'),
  CLICKHOUSE_PASSWORD: z.string().default(''),
  CLICKHOUSE_DATABASE: z.string().regex(/^\w+$/, 'must be a plain name').default('default'),
  /** Set on a self-hosted cluster: DDL runs ON CLUSTER, tables use the Replicated engines. Not on Cloud. */
  CLICKHOUSE_CLUSTER: z
    .string()
    .regex(/^(?:[\w-]+|\{\w+\})$/, 'must be a plain name, or a macro in braces')
    .optional(),
});

export type ClickHouseConfig = z.output<typeof clickHouseConfigSchema>;

const isLoopback = (url: string): boolean =>
  /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname);

/**
 * A client over HTTP. Inserts are synchronous: confirmed means written, and a bad row fails its own request. An answer has to
 * begin within `timeoutMs`.
 */
export function createClickHouse(config: ClickHouseConfig, timeoutMs = 60_000): ClickHouseClient {
  return createClient({
    url: config.CLICKHOUSE_URL,
    username: config.CLICKHOUSE_USER,
    password: config.CLICKHOUSE_PASSWORD,
    database: config.CLICKHOUSE_DATABASE,
    application: 'oot-ci-health',
    request_timeout: timeoutMs,
    // By the clock: in a Lambda that was frozen, no timer has closed what the server has closed meanwhile.
    keep_alive: { eagerly_destroy_stale_sockets: true },
    // Within one machine there is no way that is worth the processor's time.
    compression: isLoopback(config.CLICKHOUSE_URL)
      ? { request: false, response: false }
      : { request: true, response: true },
    clickhouse_settings: { async_insert: 0 },
    // The client would log URLs and error texts by itself; what is worth saying, callers log.
    log: { level: 127 },
  });
}
