import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { createClickHouse, type ClickHouseClient, type ClickHouseConfig } from '../clickhouse/client';
import { startEmbeddedClickHouse } from '../clickhouse/embedded/start';
import { tables } from '../clickhouse/tables';
import { migrate } from '../clickhouse/migrate';
import type { EmbeddedEngine } from '../local/dynamodb/engines';
import { startEmbeddedDynamoDb } from '../local/dynamodb/start';
import { awsClientOptions, patientRequests } from '../runtime/aws';
import { createLogger } from '../runtime/logger';
import { createAsk, type Ask } from './ask';
import type { Scope } from './scope';
import type { BenchContext } from './section';

export type BenchDynamo = {
  client: DynamoDBClient;
  streams: DynamoDBStreamsClient;
  /** What a process needs to find it. */
  env: { AWS_REGION: string; DYNAMODB_ENDPOINT: string };
  /** For people. */
  engine: string;
  /** A name that nobody has; the table is deleted with the section where the engine lives on. */
  tableName: () => string;
};

const silent = createLogger('bench', 'silent');
export const freshName = (prefix: string): string => `${prefix}${randomBytes(5).toString('hex')}`;

/**
 * The DynamoDB that the environment names, else an embedded one in memory: Amazon's own where a JDK is there.
 * In memory, so that what is measured is not this machine's disk.
 */
export async function openDynamo(
  { environment, scope }: BenchContext,
  wanted: 'auto' | EmbeddedEngine = 'auto',
): Promise<BenchDynamo> {
  let endpoint = environment.DYNAMODB_ENDPOINT;
  let engine = 'the DynamoDB of the environment';
  if (endpoint === undefined) {
    const started = await startEmbeddedDynamoDb({ engine: wanted, port: 0, dataDir: null, logger: silent });
    await scope.add(started.stop);
    ({ endpoint, engine } = started);
  }
  const env = { AWS_REGION: environment.AWS_REGION, DYNAMODB_ENDPOINT: endpoint };
  const options = { ...awsClientOptions(env), ...patientRequests };
  const client = new DynamoDBClient(options);
  const streams = new DynamoDBStreamsClient(options);
  const made: string[] = [];
  await scope.add(async () => {
    if (environment.DYNAMODB_ENDPOINT !== undefined) {
      for (const TableName of made) {
        await client.send(new DeleteTableCommand({ TableName })).catch(() => undefined);
      }
    }
    client.destroy();
    streams.destroy();
  });
  return {
    client,
    streams,
    env,
    engine,
    tableName() {
      const name = freshName('oot-bench-');
      made.push(name);
      return name;
    },
  };
}

export type BenchDatabase = {
  client: ClickHouseClient;
  ask: Ask;
  env: Omit<ClickHouseConfig, 'CLICKHOUSE_CLUSTER'>;
};

export type BenchClickHouse = BenchDatabase & {
  /** Attempts that have ended. Of each, one row says so, whether it was merged with that of its start or not. */
  countEnded: () => Promise<number>;
  /** Another migrated database beside this one. */
  openAnother: () => Promise<BenchDatabase>;
};

/** A migrated database of its own in the ClickHouse that the environment names, else in an embedded one. */
export async function openClickHouse(context: BenchContext): Promise<BenchClickHouse> {
  const { environment, scope, tempDir } = context;
  let url = environment.CLICKHOUSE_URL;
  if (url === undefined) {
    const dataDir = join(tempDir, freshName('clickhouse-'));
    await mkdir(dataDir, { recursive: true });
    const engine = await startEmbeddedClickHouse({ dataDir });
    await scope.add(async () => {
      await engine.stop();
    });
    url = engine.url;
  }
  const server = {
    CLICKHOUSE_URL: url,
    CLICKHOUSE_USER: environment.CLICKHOUSE_USER,
    CLICKHOUSE_PASSWORD: environment.CLICKHOUSE_PASSWORD,
  };
  const openAnother = () => createDatabase(scope, server);
  const database = await openAnother();
  return {
    ...database,
    openAnother,
    async countEnded() {
      const result = await database.client.query({
        query: `SELECT toUInt32(countIf(status = 'completed')) AS n FROM ${tables.workflowJob}`,
        format: 'JSONEachRow',
      });
      const [row] = await result.json<{ n: number }>();
      return row?.n ?? 0;
    },
  };
}

/** Dropped with the scope. */
async function createDatabase(
  scope: Scope,
  server: Omit<BenchDatabase['env'], 'CLICKHOUSE_DATABASE'>,
): Promise<BenchDatabase> {
  const database = freshName('oot_bench_');
  const outside = createClickHouse({
    ...server,
    CLICKHOUSE_DATABASE: 'default',
    CLICKHOUSE_CLUSTER: undefined,
  });
  await outside.command({ query: `CREATE DATABASE ${database}` });
  const env = { ...server, CLICKHOUSE_DATABASE: database };
  // To work out the runs of 30 million jobs takes longer than a minute.
  const client = createClickHouse({ ...env, CLICKHOUSE_CLUSTER: undefined }, 600_000);
  await scope.add(async () => {
    await client.close();
    await outside.command({ query: `DROP DATABASE IF EXISTS ${database}` });
    await outside.close();
  });
  await migrate(client);
  return { client, ask: createAsk(env), env };
}
