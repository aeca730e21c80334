import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import {
  keptFrom,
  maxRetentionDays,
  minRetentionDays,
  parseRetentionDays,
  readRetention,
  RetentionError,
  setRetention,
} from '../../clickhouse/retention';
import { attemptTables, dateTimeOfMs } from '../../clickhouse/tables';
import { config } from '../../dashboards/config';
import { historyDays } from '../../dashboards/queries/readiness-criteria';
import { ensureTable } from '../../ingest/table';
import { backfill } from '../../replicator/backfill';
import { changeOfItem } from '../../replicator/change';
import { createSink } from '../../replicator/sink';
import { verify } from '../../replicator/verify';
import {
  eventually,
  freshName,
  startClickHouse,
  startDynamo,
  type TestClickHouse,
  type TestDynamo,
} from '../helpers/engines';
import { attempt } from '../helpers/rows';

const dayMs = 86_400_000;
const days = 120;

let clickHouse: TestClickHouse;
let dynamo: TestDynamo;
beforeAll(async () => {
  [clickHouse, dynamo] = await Promise.all([startClickHouse(), startDynamo('dynoxide')]);
});
afterAll(() => Promise.all([clickHouse.stop(), dynamo.stop()]));
beforeEach(async () => {
  await setRetention(clickHouse.client, null);
  for (const table of ['oot_workflow_job', 'oot_quarantine_log']) {
    await clickHouse.client.command({ query: `TRUNCATE TABLE ${table}` });
  }
});

const agoMs = (ageDays: number) => Date.now() - ageDays * dayMs;
const insert = (...ages: [string, number][]) =>
  clickHouse.client.insert({
    table: 'oot_workflow_job',
    values: ages.map(([dynamoKey, ageDays]) =>
      attempt({ dynamoKey, received_at: dateTimeOfMs(agoMs(ageDays)) }),
    ),
    format: 'JSONEachRow',
  });
const keys = async () =>
  (
    await clickHouse.rows<{ dynamoKey: string }>('SELECT dynamoKey FROM oot_workflow_job ORDER BY dynamoKey')
  ).map(({ dynamoKey }) => dynamoKey);
const merge = () => clickHouse.client.command({ query: 'OPTIMIZE TABLE oot_workflow_job FINAL' });

describe('retention of results', () => {
  it('is off at first: nothing is ever dropped', async () => {
    await insert(['now', 0], ['ten years', 3_650]);
    await merge();
    expect(await readRetention(clickHouse.client)).toEqual({ days: null, other: null });
    expect(await keys()).toEqual(['now', 'ten years']);
  });

  it('drops what is older, all revisions of it, and keeps the rest', async () => {
    await insert(['old', days + 2], ['kept', days - 2]);
    await insert(['old', days + 2]);
    await setRetention(clickHouse.client, days);
    expect(await readRetention(clickHouse.client)).toEqual({ days, other: null });
    await merge();
    expect(await keys()).toEqual(['kept']);
    const views = await clickHouse.rows(`SELECT dynamoKey FROM oot_jobs`);
    expect(views).toEqual([{ dynamoKey: 'kept' }]);
  });

  it('drops what is there by itself, and what comes later at its next merge', async () => {
    await insert(['old', days + 2], ['kept', 1]);
    await setRetention(clickHouse.client, days);
    await eventually(async () => (await keys()).join() === 'kept');
    await insert(['late', days + 2], ['new', 0]);
    await merge();
    expect(await keys()).toEqual(['kept', 'new']);
  });

  it('keeps whole days: the first moment that is kept stays, the last before it goes', async () => {
    const fromMs = keptFrom(days, Date.now());
    const values = [
      attempt({ dynamoKey: 'first', received_at: dateTimeOfMs(fromMs) }),
      attempt({ dynamoKey: 'before', received_at: dateTimeOfMs(fromMs - 1) }),
    ];
    await clickHouse.client.insert({ table: 'oot_workflow_job', values, format: 'JSONEachRow' });
    await setRetention(clickHouse.client, days);
    await merge();
    expect(await keys()).toEqual(['first']);
  });

  it('can be changed and switched off again, and then nothing more is dropped', async () => {
    await setRetention(clickHouse.client, days);
    await setRetention(clickHouse.client, 2 * days);
    expect(await readRetention(clickHouse.client)).toEqual({ days: 2 * days, other: null });
    await insert(['between', days + 2]);
    await merge();
    expect(await keys()).toEqual(['between']);
    await setRetention(clickHouse.client, null);
    await setRetention(clickHouse.client, null);
    expect(await readRetention(clickHouse.client)).toEqual({ days: null, other: null });
    await insert(['old', 3_650]);
    await merge();
    expect(await keys()).toEqual(['between', 'old']);
  });

  it('names a TTL that somebody else set, and takes its place', async () => {
    const query = 'ALTER TABLE oot_workflow_job MODIFY TTL toDateTime(received_at) + INTERVAL 9 YEAR';
    await clickHouse.client.command({ query });
    expect(await readRetention(clickHouse.client)).toEqual({
      days: null,
      other: 'toDateTime(received_at) + toIntervalYear(9)',
    });
    await setRetention(clickHouse.client, days);
    expect(await readRetention(clickHouse.client)).toEqual({ days, other: null });
  });

  it('leaves quarantine alone', async () => {
    await setRetention(clickHouse.client, days);
    const ttls = await clickHouse.rows<{ name: string }>(
      `SELECT name FROM system.tables WHERE database = 'default' AND match(engine_full, ' TTL ')`,
    );
    expect(ttls.map(({ name }) => name).sort()).toEqual([...attemptTables].sort());
  });
});

describe('retention of results whose items DynamoDB still has', () => {
  const itemOf = (dynamoKey: string, receivedAtMs: number) => ({
    dynamoKey,
    status: 'completed',
    conclusion: 'success',
    downstream_repo: 'a/b',
    workflow_name: 'w',
    job_name: 'j',
    check_run_id: '1',
    run_id: dynamoKey,
    received_at: receivedAtMs,
    revision: 3,
  });

  async function open(items: Record<string, number>) {
    const { client } = dynamo;
    const tableName = freshName('results');
    await ensureTable(client, tableName);
    for (const [key, receivedAtMs] of Object.entries(items)) {
      await client.send(
        new PutItemCommand({ TableName: tableName, Item: marshall(itemOf(key, receivedAtMs)) }),
      );
    }
    const scan = { client, tableName };
    return {
      copy: () => backfill({ ...scan, sink: createSink({ client: clickHouse.client, now: Date.now }) }),
      check: () => verify({ ...scan, clickHouse: clickHouse.client, settleMs: 200 }),
    };
  }

  it('does not copy them, and does not miss them', async () => {
    const { copy, check } = await open({ old: agoMs(days + 5), kept: agoMs(days - 5), now: agoMs(0) });
    expect(await copy()).toEqual({ rows: 3, quarantined: 0, skipped: 0 });
    expect(await check()).toMatchObject({ items: 3, rows: 3, differences: [], old: 0 });
    await setRetention(clickHouse.client, days);
    // Not merged yet, or merged: the same verdict.
    expect(await check()).toMatchObject({ items: 3, differences: [], old: 1 });
    await merge();
    expect(await check()).toEqual({
      items: 3,
      rows: 2,
      differences: [],
      expired: 0,
      old: 1,
      stale: { attempts: 0, runs: 0 },
    });
    expect(await copy()).toEqual({ rows: 2, quarantined: 0, skipped: 1 });
    await merge();
    expect(await keys()).toEqual(['kept', 'now']);
  });

  it('still misses what should be there', async () => {
    const { check } = await open({ old: agoMs(days + 5), kept: agoMs(days - 5) });
    await setRetention(clickHouse.client, days);
    expect((await check()).differences).toMatchObject([{ dynamoKey: 'kept', kind: 'missing' }]);
  });

  it('brings them back with a copy once it is off', async () => {
    const { copy, check } = await open({ old: agoMs(days + 5) });
    await setRetention(clickHouse.client, days);
    expect(await copy()).toEqual({ rows: 0, quarantined: 0, skipped: 1 });
    await setRetention(clickHouse.client, null);
    expect((await check()).differences).toMatchObject([{ dynamoKey: 'old', kind: 'missing' }]);
    expect(await copy()).toEqual({ rows: 1, quarantined: 0, skipped: 0 });
    expect((await check()).differences).toEqual([]);
  });

  it('takes from the stream what it brings, however old: the change is news', async () => {
    await setRetention(clickHouse.client, days);
    const sink = createSink({ client: clickHouse.client, now: Date.now });
    const change = changeOfItem(marshall(itemOf('old', agoMs(days + 5))));
    expect(await sink.write([change], 'stream')).toEqual({ rows: 1, quarantined: 0, skipped: 0 });
    await merge();
    expect(await keys()).toEqual([]);
  });
});

describe('--days', () => {
  it.each([String(minRetentionDays), '400', String(maxRetentionDays)])('takes %s', (text) => {
    expect(parseRetentionDays(text)).toBe(Number(text));
  });

  it.each([
    '',
    '0',
    String(minRetentionDays - 1),
    String(maxRetentionDays + 1),
    '-400',
    '4e2',
    '400.5',
    '400 DAY',
  ])('refuses %j, by its name', (text) => {
    expect(() => parseRetentionDays(text)).toThrow(RetentionError);
    expect(() => parseRetentionDays(text)).toThrow(
      `--days ${text}: must be a whole number from ${minRetentionDays} to ${maxRetentionDays}`,
    );
  });

  it('is more than any dashboard or alert looks back, with a week around each run', () => {
    const looksBack = (value: unknown, key = ''): number[] => {
      if (typeof value === 'number')
        return /days$/i.test(key) ? [value] : /hours$/i.test(key) ? [value / 24] : [];
      if (typeof value !== 'object' || value === null) return [];
      return Object.entries(value).flatMap(([name, inner]) =>
        looksBack(inner, typeof inner === 'number' && !/days$|hours$/i.test(name) ? key : name),
      );
    };
    const windows = looksBack(config);
    expect(windows).toEqual(expect.arrayContaining([90, 30, 14, 7]));
    const readiness = config.readiness.windowDays + historyDays;
    expect(Math.max(...windows, readiness) + 7).toBeLessThan(minRetentionDays);
  });
});
