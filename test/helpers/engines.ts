import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { createClickHouse, type ClickHouseClient } from '../../clickhouse/client';
import { startEmbeddedClickHouse, type RunningEmbeddedClickHouse } from '../../clickhouse/embedded/start';
import { migrate } from '../../clickhouse/migrate';
import { findDynamoDbLocal, type EmbeddedEngine } from '../../local/dynamodb/engines';
import { startEmbeddedDynamoDb, type EmbeddedDynamoDb } from '../../local/dynamodb/start';
import { createLogger } from '../../runtime/logger';

export const silent = createLogger('test', 'silent');

/** Both DynamoDB engines; the one that needs Java is left out, aloud, where there is none. */
export const dynamoEngines: EmbeddedEngine[] = ['dynoxide', 'dynamodb-local'];

export async function canRun(engine: EmbeddedEngine): Promise<boolean> {
  if (engine !== 'dynamodb-local') return true;
  const found = await findDynamoDbLocal();
  if (!found.ok) console.warn(`Not tested on DynamoDB Local: ${found.reason}`);
  return found.ok;
}

export type TestDynamo = {
  engine: EmbeddedDynamoDb;
  client: DynamoDBClient;
  streams: DynamoDBStreamsClient;
  stop(): Promise<void>;
};

export async function startDynamo(engine: EmbeddedEngine): Promise<TestDynamo> {
  const started = await startEmbeddedDynamoDb({ engine, port: 0, dataDir: null, logger: silent });
  const options = {
    region: 'us-east-1',
    endpoint: started.endpoint,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  };
  const client = new DynamoDBClient(options);
  const streams = new DynamoDBStreamsClient(options);
  return {
    engine: started,
    client,
    streams,
    async stop() {
      client.destroy();
      streams.destroy();
      await started.stop();
    },
  };
}

/** dynoxide's streams replay the records of a dropped table of the same name. */
export const freshName = (prefix: string): string => `${prefix}-${randomBytes(5).toString('hex')}`;

export type TestClickHouse = {
  url: string;
  client: ClickHouseClient;
  /** Kills the engine with SIGKILL and starts it again on the same port and data. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
  rows<T>(query: string): Promise<T[]>;
};

/** The embedded ClickHouse in a process of its own, migrated; with an account that may only read, where one is named. */
export async function startClickHouse(
  reader: { user?: string; password?: string } = {},
): Promise<TestClickHouse> {
  const dataDir = await mkdtemp(join(tmpdir(), 'oot-clickhouse-'));
  const env = {
    CLICKHOUSE_READER_USER: reader.user,
    CLICKHOUSE_READER_PASSWORD: reader.password,
  };
  let server: RunningEmbeddedClickHouse = await startEmbeddedClickHouse({ dataDir, env });
  const { url, port } = server;
  const client = createClickHouse({
    CLICKHOUSE_URL: url,
    CLICKHOUSE_USER: 'default',
    CLICKHOUSE_PASSWORD: '',
    CLICKHOUSE_DATABASE: 'default',
    CLICKHOUSE_CLUSTER: undefined,
  });
  await migrate(client);
  return {
    url,
    client,
    kill: () => server.kill(),
    async restart() {
      server = await startEmbeddedClickHouse({ dataDir, port, env });
    },
    async stop() {
      await client.close();
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
    async rows<T>(query: string) {
      const result = await client.query({
        query,
        format: 'JSONEachRow',
        clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
      });
      return result.json<T>();
    },
  };
}

/** Waits until `check` returns something, at most `timeoutMs`. */
export async function eventually<T>(
  check: () => Promise<T | undefined | null | false>,
  timeoutMs = 15_000,
): Promise<T> {
  const deadlineMs = Date.now() + timeoutMs;
  for (;;) {
    const result = await check();
    if (result !== undefined && result !== null && result !== false) return result;
    if (Date.now() > deadlineMs) throw new Error(`not so within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A moment that one part of a test waits for, and another one makes. */
export function createGate(): { opened: Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}
