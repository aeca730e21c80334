import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DeleteTableCommand,
  DescribeTableCommand,
  ResourceNotFoundException,
  waitUntilTableNotExists,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { loadBackends, parseAllowlist } from '../clickhouse/backends';
import type { ClickHouseClient } from '../clickhouse/client';
import { clearAttempts } from '../clickhouse/retention';
import { enableStream, ensureTable } from '../ingest/table';
import { changeOfItem } from '../replicator/change';
import { createSink } from '../replicator/sink';
import { buildHistory } from './demo/items';
import { loadHistory } from './demo/load';

/** The demo's own seed: the same history at every first start, but for the day it ends on. */
const seed = 'oot-demo';
const rowsAtOnce = 1_000;

/** What the table of results looks like at start. `unfinished`: a first start was interrupted. */
export async function inspectTable(
  client: DynamoDBClient,
  tableName: string,
): Promise<'absent' | 'unfinished' | 'ready'> {
  try {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: tableName }));
    return Table?.StreamSpecification?.StreamEnabled ? 'ready' : 'unfinished';
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return 'absent';
    throw error;
  }
}

/** Throws away what an interrupted first load left. Only for engines that this bundle started itself. */
export async function discardHistory(
  dynamo: DynamoDBClient,
  clickHouse: ClickHouseClient,
  tableName: string,
): Promise<void> {
  await dynamo.send(new DeleteTableCommand({ TableName: tableName }));
  await waitUntilTableNotExists(
    { client: dynamo, maxWaitTime: 30, minDelay: 0.05 },
    { TableName: tableName },
  );
  await clearAttempts(clickHouse);
}

/** The registry of the demo's backends. */
export async function registerDemoBackends(client: ClickHouseClient, nowMs: number): Promise<void> {
  const allowlist = await readFile(join(__dirname, 'demo', 'allowlist.yml'), 'utf8');
  await loadBackends(client, parseAllowlist(allowlist), nowMs);
}

/**
 * Makes the table with three weeks of history in it, and returns how many items that is.
 *
 * The history is loaded before the stream is switched on: an emulator writes much faster then, and the
 * replicator copies the table anyway when it meets a new stream. Its rows are put into ClickHouse beside
 * that, by the same sink, so that they can be looked at while DynamoDB is still loading. Ingest must not run
 * yet: what an interrupted load left is thrown away.
 */
export async function loadFirstHistory(deps: {
  dynamo: DynamoDBClient;
  clickHouse: ClickHouseClient;
  tableName: string;
  state: 'absent' | 'unfinished';
  nowMs: number;
  onProgress: (done: number, total: number) => void;
}): Promise<number> {
  const { dynamo, clickHouse, tableName } = deps;
  if (deps.state === 'unfinished') await discardHistory(dynamo, clickHouse, tableName);
  await ensureTable(dynamo, tableName, { stream: false });
  const { items } = buildHistory({ seed, endMs: deps.nowMs });
  const sink = createSink({ client: clickHouse, now: Date.now });
  const showRows = async () => {
    for (let start = 0; start < items.length; start += rowsAtOnce) {
      const changes = items
        .slice(start, start + rowsAtOnce)
        .map((item) => changeOfItem(marshall(item, { removeUndefinedValues: true })));
      await sink.write(changes, 'backfill');
    }
    await sink.settleEverything();
  };
  await Promise.all([
    showRows(),
    loadHistory({
      client: dynamo,
      tableName,
      items,
      onProgress: (done) => deps.onProgress(done, items.length),
    }),
  ]);
  await enableStream(dynamo, tableName);
  return items.length;
}
