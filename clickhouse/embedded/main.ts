import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError, readConfig } from '../../runtime/env';
import { createLogger } from '../../runtime/logger';
import { onShutdown, tellReady } from '../../runtime/shutdown';
import type { Role } from '../access/rights';
import { createEmbeddedClickHouse } from './create-embedded-clickhouse';

// Before the engine opens: it takes its time zone from the process, and a server here means UTC.
process.env.TZ = 'UTC';

const schema = z.object({
  CLICKHOUSE_PORT: z.coerce.number().int().min(0).max(65_535).default(8123),
  DATA_DIR: z.string().default('.data'),
  CLICKHOUSE_USER: z.string().default('default'),
  CLICKHOUSE_PASSWORD: z.string().default(''),
  CLICKHOUSE_DATABASE: z.string().regex(/^\w+$/, 'must be a plain name').default('default'),
  /** Users with the rights of our roles, where they are named. */
  CLICKHOUSE_READER_USER: z.string().optional(),
  CLICKHOUSE_READER_PASSWORD: z.string().default(''),
  CLICKHOUSE_WRITER_USER: z.string().optional(),
  CLICKHOUSE_WRITER_PASSWORD: z.string().default(''),
  /** More elements of config.xml: what the engine should know of other servers. */
  CLICKHOUSE_SERVER_CONFIG: z.string().optional(),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'fatal']).default('info'),
  // Read by libuv itself at start, so it can only be set from outside (start.ts does); 4 is libuv's default.
  UV_THREADPOOL_SIZE: z.coerce.number().int().min(1).max(1024).default(4),
});

async function main(): Promise<void> {
  const config = readConfig(schema, process.env);
  const logger = createLogger('clickhouse-embedded', config.LOG_LEVEL);
  // Two threads are left for files and compression, which share the pool with the queries.
  const maxSessions = Math.min(12, Math.max(2, config.UV_THREADPOOL_SIZE - 2));
  const engine = await createEmbeddedClickHouse({
    dataDir: join(config.DATA_DIR, 'clickhouse'),
    port: config.CLICKHOUSE_PORT,
    user: config.CLICKHOUSE_USER,
    password: config.CLICKHOUSE_PASSWORD,
    others: [
      ...account('reader', config.CLICKHOUSE_READER_USER, config.CLICKHOUSE_READER_PASSWORD),
      ...account('writer', config.CLICKHOUSE_WRITER_USER, config.CLICKHOUSE_WRITER_PASSWORD),
    ],
    database: config.CLICKHOUSE_DATABASE,
    ...(config.CLICKHOUSE_SERVER_CONFIG !== undefined && { serverConfig: config.CLICKHOUSE_SERVER_CONFIG }),
    maxSessions,
    logger,
    onFatal: () => {
      logger.fatal('The engine has stopped; the process must be started again');
      process.exit(1);
    },
  });

  onShutdown(async (reason) => {
    logger.info({ reason }, 'Stopping');
    await engine.close().catch((error: unknown) => {
      logger.error({ err: error }, 'Stopping failed');
      throw error;
    });
  });

  logger.info({ url: engine.url, maxSessions }, 'Listening');
  tellReady({ port: engine.port });
}

const account = (role: Role, user: string | undefined, password: string) =>
  user === undefined ? [] : [{ user, password, role }];

/** One line that says what to do about the failures that are nobody's bug. */
function explain(error: unknown): string {
  if (error instanceof ConfigError) return error.message;
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code === 'EADDRINUSE') {
    return 'The embedded ClickHouse could not start: its port is in use (set CLICKHOUSE_PORT to another)';
  }
  if (code === 'CHDB_CONNECTION') {
    return 'The embedded ClickHouse could not start: its data directory is in use by another process, or can not be opened (set DATA_DIR to another)';
  }
  return `The embedded ClickHouse could not start: ${String(message)}`;
}

main().catch((error: unknown) => {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
});
