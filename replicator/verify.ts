import { GetItemCommand, DescribeTimeToLiveCommand } from '@aws-sdk/client-dynamodb';
import type { ClickHouseClient } from '../clickhouse/client';
import { findStale } from '../clickhouse/rank';
import { keptFrom, readRetention } from '../clickhouse/retention';
import { dateTimeOfMs, tables, type WorkflowJobRow } from '../clickhouse/tables';
import { sleep } from '../runtime/retry';
import { scanTable, type ScanDeps } from './backfill';
import { changeOfItem, type Image } from './change';
import { decode, keyOf } from './decode';

/** How a key differs. `revision`: null where that side does not have the key. */
export type Difference = {
  dynamoKey: string;
  kind: 'missing' | 'behind' | 'ahead' | 'extra' | 'doubled' | 'quarantined';
  dynamoRevision: number | null;
  clickHouseRevision: number | null;
};

export type Verdict = {
  items: number;
  rows: number;
  differences: Difference[];
  /** Rows whose item is gone where the table has a TTL: history, and no difference. */
  expired: number;
  /** Items that are older than ClickHouse's retention: whether there is a row or not, that is no difference. */
  old: number;
  /** What is made of the rows and stored, and is not what it should be: which attempt is newest, and runs. */
  stale: { attempts: number; runs: number };
};

/**
 * What ClickHouse should show for an item: its revision, `unreadable` for what belongs in quarantine, `old` for what
 * the retention drops, sooner or later.
 */
type Expected = { revision: number } | 'unreadable' | 'old';

type VerifyDeps = ScanDeps & { clickHouse: ClickHouseClient; settleMs?: number; now?: () => number };

/**
 * Compares the table with ClickHouse, key by key and revision by revision, and what ClickHouse has made of its rows with
 * what it should have made.
 *
 * Both sides go on changing meanwhile, so what differs at first is looked at again until it agrees, or still
 * differs after `settleMs` (default 3 s; replication takes under one). Holds every key in memory: about
 * 0.3 GB a million items. Changes nothing.
 */
export async function verify(deps: VerifyDeps & { onProgress?: (items: number) => void }): Promise<Verdict> {
  const expected = new Map<string, Expected>();
  const oldest = await oldestExpected(deps);
  await scanTable(deps, (items) => {
    for (const item of items) expected.set(keyOf(item), expectedOf(item, oldest));
    deps.onProgress?.(expected.size);
    return Promise.resolve();
  });
  const actual = await readRevisions(deps.clickHouse);
  const keepsExpired = await hasTimeToLive(deps);

  const suspects = [...new Set([...expected.keys(), ...actual.keys()])].filter(
    (key) => differenceOf(key, expected.get(key), actual.get(key)) !== null,
  );
  const settled = await settle(deps, suspects, oldest);
  const expired = keepsExpired ? settled.filter(({ kind }) => kind === 'extra').length : 0;
  return {
    items: expected.size,
    rows: [...actual.values()].reduce((sum, revisions) => sum + revisions.length, 0),
    differences: settled.filter(({ kind }) => !(keepsExpired && kind === 'extra')),
    expired,
    old: [...expected.values()].filter((item) => item === 'old').length,
    stale: await settleStale(deps, oldest),
  };
}

/** What is being written just now is ranked at once, and its runs follow within seconds: the same must be stale twice. */
async function settleStale(deps: VerifyDeps, oldest: string): Promise<Verdict['stale']> {
  const look = async () => {
    const { attempts, runs } = await findStale(deps.clickHouse, oldest);
    return { attempts: new Set(attempts.map(({ attempt }) => attempt)), runs: new Set(runs) };
  };
  const first = await look();
  if (first.attempts.size + first.runs.size === 0) return { attempts: 0, runs: 0 };
  await sleep(deps.settleMs ?? 3_000, deps.signal);
  const again = await look();
  const inBoth = (kind: 'attempts' | 'runs') => [...first[kind]].filter((id) => again[kind].has(id)).length;
  return { attempts: inBoth('attempts'), runs: inBoth('runs') };
}

/** Looks at single keys again, item first, until they agree or time is up. */
async function settle(deps: VerifyDeps, suspects: string[], oldest: string): Promise<Difference[]> {
  const rounds = 4;
  let keys = suspects;
  let differences: Difference[] = [];
  for (let round = 0; round < rounds && keys.length > 0; round++) {
    await sleep((deps.settleMs ?? 3_000) / rounds, deps.signal);
    differences = [];
    for (let start = 0; start < keys.length; start += 500) {
      const chunk = keys.slice(start, start + 500);
      const items = await Promise.all(chunk.map((key) => readItem(deps, key)));
      const rows = await readRevisions(deps.clickHouse, chunk);
      chunk.forEach((key, index) => {
        const item = items[index];
        const difference = differenceOf(key, item && expectedOf(item, oldest), rows.get(key));
        if (difference) differences.push(difference);
      });
    }
    keys = differences.map(({ dynamoKey }) => dynamoKey);
  }
  return differences.sort((a, b) => (a.dynamoKey < b.dynamoKey ? -1 : 1));
}

function differenceOf(dynamoKey: string, item: Expected | undefined, rows: number[] = []): Difference | null {
  const clickHouseRevision = rows[0] ?? null;
  if (item === 'old') return null;
  const dynamoRevision = item && item !== 'unreadable' ? item.revision : null;
  const differ = (kind: Difference['kind']) => ({ dynamoKey, kind, dynamoRevision, clickHouseRevision });
  if (item === 'unreadable') return differ('quarantined');
  if (rows.length > 1) return differ('doubled');
  if (dynamoRevision === null) return clickHouseRevision === null ? null : differ('extra');
  if (clickHouseRevision === null) return differ('missing');
  if (clickHouseRevision === dynamoRevision) return null;
  return differ(clickHouseRevision < dynamoRevision ? 'behind' : 'ahead');
}

/** The received_at from which on every row must be there: a day later than kept, for a server in another time zone. */
async function oldestExpected({ clickHouse, now = Date.now }: VerifyDeps): Promise<string> {
  const { days } = await readRetention(clickHouse);
  return days === null ? '' : dateTimeOfMs(keptFrom(days - 1, now()));
}

function expectedOf(item: Image, oldest: string): Expected {
  const decoded = decode(changeOfItem(item), 'backfill');
  const row: WorkflowJobRow | undefined = decoded.outcome === 'rows' ? decoded.rows.at(-1) : undefined;
  if (!row) return 'unreadable';
  return row.received_at < oldest ? 'old' : { revision: row.revision };
}

/** Revisions by key, newest first; more than one means that a key has rows in two places. */
async function readRevisions(client: ClickHouseClient, keys?: string[]): Promise<Map<string, number[]>> {
  const result = await client.query({
    query: `SELECT dynamoKey, revision FROM ${tables.workflowJob} FINAL
      ${keys ? 'WHERE dynamoKey IN {keys:Array(String)}' : ''} ORDER BY revision DESC`,
    format: 'JSONCompactEachRow',
    ...(keys && { query_params: { keys } }),
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  const revisions = new Map<string, number[]>();
  for await (const rows of result.stream<[string, number]>()) {
    for (const row of rows) {
      const [key, revision] = row.json<[string, number]>();
      const known = revisions.get(key);
      if (known) known.push(revision);
      else revisions.set(key, [revision]);
    }
  }
  return revisions;
}

export async function readItem(
  { client, tableName }: Pick<ScanDeps, 'client' | 'tableName'>,
  dynamoKey: string,
): Promise<Image | undefined> {
  const { Item } = await client.send(
    new GetItemCommand({ TableName: tableName, Key: { dynamoKey: { S: dynamoKey } }, ConsistentRead: true }),
  );
  return Item;
}

async function hasTimeToLive({ client, tableName }: ScanDeps): Promise<boolean> {
  const { TimeToLiveDescription } = await client.send(
    new DescribeTimeToLiveCommand({ TableName: tableName }),
  );
  return TimeToLiveDescription?.TimeToLiveStatus === 'ENABLED';
}
