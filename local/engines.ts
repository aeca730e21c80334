import { closeSync, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startEmbeddedClickHouse } from '../clickhouse/embedded/start';
import { createLogger } from '../runtime/logger';
import type { LocalConfig } from './config';
import { claimPort, PortUnavailableError } from './dynamodb/ports';
import { startEmbeddedDynamoDb } from './dynamodb/start';
import { partEnvironment } from './node-part';
import type { Part, Supervisor } from './supervisor';

/** One clear line for each port that is taken, with the variable that changes it. */
export async function checkPorts(config: LocalConfig): Promise<void> {
  const wanted = [
    ['PORT', config.PORT],
    ['METRICS_PORT', config.METRICS_PORT],
    ['API_PORT', config.API_PORT],
    ...(config.DYNAMODB_ENDPOINT ? [] : [['DYNAMODB_PORT', config.DYNAMODB_PORT] as const]),
    ...(config.CLICKHOUSE_URL ? [] : [['CLICKHOUSE_PORT', config.CLICKHOUSE_PORT] as const]),
  ] as const;
  const taken: string[] = [];
  for (const [variable, port] of wanted) {
    await claimPort(port).catch((error: unknown) => {
      if (!(error instanceof PortUnavailableError)) throw error;
      taken.push(`port ${port} is taken (${error.code}); set ${variable} to another`);
    });
  }
  if (taken.length > 0) throw new Error(taken.join('\n'));
}

/** What --fresh does. */
export async function deleteData(config: LocalConfig, dataDir: string): Promise<void> {
  if (config.DYNAMODB_ENDPOINT || config.CLICKHOUSE_URL) {
    throw new Error('--fresh only deletes embedded engines; unset DYNAMODB_ENDPOINT and CLICKHOUSE_URL');
  }
  // By name, so that a DATA_DIR that holds other things loses only ours.
  for (const name of ['dynamodb', 'clickhouse', 'clickhouse-spool', 'grafana', 'logs']) {
    await rm(join(dataDir, name), { recursive: true, force: true });
  }
}

/** The embedded DynamoDB, or the one that `DYNAMODB_ENDPOINT` names. */
export async function startDynamoDb(supervisor: Supervisor, config: LocalConfig, dataDir: string) {
  if (config.DYNAMODB_ENDPOINT) return { endpoint: config.DYNAMODB_ENDPOINT, name: 'DynamoDB, yours' };
  const starting = startEmbeddedDynamoDb({
    engine: config.DYNAMODB_ENGINE,
    port: config.DYNAMODB_PORT,
    dataDir: join(dataDir, 'dynamodb'),
    logger: createLogger('local', 'silent'),
  });
  const names = { 'dynamodb-local': 'DynamoDB Local', dynoxide: 'DynamoDB (dynoxide)' } as const;
  const { engine, endpoint } = await supervisor.add(
    starting.then((engine) => ({
      ...engine,
      name: names[engine.engine],
      exited: engine.exited.then(({ code, signal }) => ({ why: signal ?? `exit code ${code ?? '?'}` })),
    })),
  );
  return { endpoint, name: names[engine] };
}

/** The embedded ClickHouse, or the one that `CLICKHOUSE_URL` names. */
export async function startClickHouse(
  supervisor: Supervisor,
  config: LocalConfig,
  dirs: { dataDir: string; logDir: string },
  ownEnv: NodeJS.ProcessEnv,
) {
  if (config.CLICKHOUSE_URL) return { url: config.CLICKHOUSE_URL, name: 'ClickHouse, yours' };
  const log = openSync(join(dirs.logDir, 'clickhouse.log'), 'w');
  const starting = startEmbeddedClickHouse({
    dataDir: dirs.dataDir,
    port: config.CLICKHOUSE_PORT,
    env: partEnvironment(ownEnv, {
      CLICKHOUSE_USER: config.CLICKHOUSE_USER,
      CLICKHOUSE_PASSWORD: config.CLICKHOUSE_PASSWORD,
      CLICKHOUSE_DATABASE: config.CLICKHOUSE_DATABASE,
      CLICKHOUSE_READER_USER: ownEnv.CLICKHOUSE_READER_USER,
      CLICKHOUSE_READER_PASSWORD: ownEnv.CLICKHOUSE_READER_PASSWORD,
    }),
    logs: log,
  });
  const { url } = await supervisor.add(
    starting.then((engine): Part & { url: string } => ({
      name: 'ClickHouse',
      url: engine.url,
      exited: engine.exited.then((code) => ({ why: `exit code ${code ?? 'none, it was killed'}` })),
      stop: () => engine.stop().then(() => undefined),
    })),
  );
  closeSync(log);
  return { url, name: 'ClickHouse (embedded)' };
}
