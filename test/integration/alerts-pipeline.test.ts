import { loadBackends } from '../../clickhouse/backends';
import {
  tables,
  type QuarantineRow,
  type ReplicationRow,
  type WorkflowJobRow,
} from '../../clickhouse/tables';
import { renderAnnotations, type Labels } from '../../dashboards/alerts/evaluate';
import {
  alerting,
  at,
  days,
  hours,
  job,
  msAt,
  recovering,
  row,
  ruleOf,
  runbook,
  useAlertClock,
} from '../helpers/alert-clock';

const { add, changes, engine, follow, measureReadiness, reset, rows, texts } = useAlertClock();
const page = 'https://grafana.example/d/oot-pipeline?viewPanel=';

describe('OotReplicationStale', () => {
  const rule = 'OotReplicationStale';
  const poller: Labels = { replicator: 'poller' };
  const lambda: Labels = { replicator: 'lambda' };
  const critical = (labels: Labels): Labels => ({ ...labels, severity: 'critical' });
  const beat = async (minute: number, overrides: Partial<ReplicationRow> = {}) => {
    const heartbeat: ReplicationRow = {
      stream_arn: 'arn',
      shard_id: 'shard-1',
      replicator: 'poller',
      position: '7',
      newest_record_at: at(minute),
      delay_seconds: 0.4,
      heartbeat_at: at(minute),
      version: msAt(minute),
      is_deleted: 0,
      ...overrides,
    };
    await engine().client.insert({ table: tables.replication, values: [heartbeat], format: 'JSONEachRow' });
  };

  it('fires 2 minutes after a poller has not read for 5, is kept for 10 after it came back', async () => {
    const go = follow(rule);
    await beat(0);
    expect(await go(0, 10)).toEqual({ 0: [], 8: [alerting(critical(poller), 480, 300)] });
    await beat(11);
    expect(await go(11, 15)).toEqual({ 11: [recovering(critical(poller), 0, 300)] });
    await beat(16);
    expect(await go(16, 22)).toEqual({ 21: [] });
  });

  it('gives a Lambda an hour, since it is only run when something was written', async () => {
    const go = follow(rule);
    await beat(0, { replicator: 'lambda' });
    expect(await go(58, 64)).toEqual({ 58: [], 63: [alerting(critical(lambda), 3_780, 3_600)] });
  });

  it('says which replicator, for how long, where to look and what to do', async () => {
    await beat(-7);
    expect(await texts(rule)).toEqual([
      {
        summary: 'Results do not reach ClickHouse any more: what dashboards show gets older.',
        description:
          'Replicator poller: the shard that was read longest ago was read 7m 0s ago; 5m 0s are too long.',
        runbook_url: `${runbook}ootreplicationstale`,
        dashboard: `${page}3`,
      },
    ]);
  });

  it('goes by the shard that was read longest ago, of each kind, and leaves ended shards out', async () => {
    await beat(-6);
    await beat(-1, { shard_id: 'shard-2' });
    await beat(-90, { shard_id: 'ended' });
    await beat(-89, { shard_id: 'ended', is_deleted: 1 });
    await beat(-7, { replicator: 'lambda', stream_arn: 'other' });
    expect(await rows(rule)).toEqual([row(lambda, 420, 3_600), row(poller, 360, 300, true)]);
    await beat(-2);
    expect(await rows(rule)).toEqual([row(lambda, 420, 3_600), row(poller, 120, 300)]);
  });

  it('fires after 2 minutes without any heartbeat, and ends with the first', async () => {
    const go = follow(rule);
    expect(await rows(rule)).toEqual([]);
    expect(await go(0, 4)).toEqual({ 0: [], 2: [alerting({ severity: 'critical' }, null, null)] });
    await beat(5);
    expect(await go(5, 6)).toEqual({ 5: [] });
    const missing = { labels: {}, value: null, limit: null };
    expect(renderAnnotations(ruleOf(rule).rule, missing).description).toBe(
      'No replicator has ever reported, or ClickHouse does not answer.',
    );
  });
});

describe('OotReadinessStale', () => {
  const rule = 'OotReadinessStale';
  const labels: Labels = { severity: 'warning' };

  it('fires 2 minutes after nothing was measured for 10, is kept for 10 after it was again', async () => {
    const go = follow(rule);
    await measureReadiness();
    expect(await go(0, 15)).toEqual({ 0: [], 13: [alerting(labels, 780, 600)] });
    await measureReadiness(16);
    expect(await go(16, 27)).toEqual({ 16: [recovering(labels, 0, 600)], 26: [] });
  });

  it('says for how long, where to look and what to do', async () => {
    await measureReadiness(-11);
    expect(await texts(rule)).toEqual([
      {
        summary: 'ClickHouse does not measure readiness any more: its dashboard is empty.',
        description: 'Readiness has not been measured for 11m 0s; 10m 0s are too long.',
        runbook_url: `${runbook}ootreadinessstale`,
        dashboard: 'https://grafana.example/d/oot-readiness?viewPanel=1',
      },
    ]);
  });

  it('fires as well where it was never measured since the allowlist was loaded', async () => {
    await loadBackends(engine().client, [{ repo: 'a/one', level: 'L2', device: '', oncalls: [] }], msAt(0));
    expect(await changes(rule, [0, 15])).toEqual({ 0: [], 13: [alerting(labels, 780, 600)] });
  });

  it('has nothing to say where nobody is registered and nobody has reported', async () => {
    await reset([]);
    await measureReadiness(-60);
    expect(await rows(rule)).toEqual([]);
    expect(await changes(rule, [0, 30])).toEqual({ 0: [] });
  });
});

describe('OotReplicationSlow', () => {
  const rule = 'OotReplicationSlow';
  const warning: Labels = { severity: 'warning' };
  /** Jobs that were written at a minute and were there so many seconds later. */
  const wrote = async (
    minute: number,
    seconds: number,
    count = 1,
    overrides: Partial<WorkflowJobRow> = {},
  ) => {
    const written = Array.from({ length: count }, () =>
      job('a/four', minute, 's', { updated_at: at(minute), ...overrides }),
    );
    await add(...written);
    // ClickHouse fills the column in by its own clock, unless it copies a row.
    await engine().client.command({
      query: `
        INSERT INTO ${tables.workflowJob}
        SELECT * REPLACE (revision + 1 AS revision, toDateTime64('${at(minute + seconds / 60)}', 3, 'UTC') AS _inserted_at)
        FROM ${tables.workflowJob}
        WHERE dynamoKey IN (${written.map(({ dynamoKey }) => `'${dynamoKey}'`).join(', ')})`,
    });
  };

  it('fires 10 minutes after one result came too late, is kept for 15 after an hour without', async () => {
    await wrote(0, 120);
    // Before it is there, nobody knows.
    expect(await rows(rule, 1)).toEqual([row({}, null, 60)]);
    expect(await changes(rule, [0, 14], [58, 78])).toEqual({
      0: [],
      12: [alerting(warning, 120, 60)],
      61: [recovering(warning, null, 60)],
      76: [],
    });
  });

  it('recovers when what comes is fast again', async () => {
    await wrote(0, 61);
    await wrote(20, 1, 200);
    expect(await changes(rule, [0, 23])).toEqual({
      0: [],
      12: [alerting(warning, 61, 60)],
      21: [recovering(warning, 1, 60)],
    });
  });

  it('says how slow, where to look and what to do', async () => {
    await wrote(-10, 90.5);
    expect(await texts(rule)).toEqual([
      {
        summary: 'Results take too long to be seen.',
        description: '99 % of what was written in the last 1 h was there within 1m 30s; the target is 1m 0s.',
        runbook_url: `${runbook}ootreplicationslow`,
        dashboard: `${page}2`,
      },
    ]);
  });

  it('is fine at the target, and with one late result of 200', async () => {
    await wrote(-10, 60);
    expect(await rows(rule)).toEqual([row({}, 60, 60)]);
    await wrote(-10, 1, 199);
    await wrote(-10, 500);
    expect(await rows(rule)).toEqual([row({}, 1, 60)]);
    await wrote(-10, 500, 2);
    expect(await rows(rule)).toEqual([row({}, 500, 60, true)]);
  });

  it('is fine when nothing is known of the last hour, and counts no copies', async () => {
    expect(await rows(rule)).toEqual([row({}, null, 60)]);
    await wrote(-61, 300);
    await wrote(-10, 300, 1, { source: 'backfill' });
    await wrote(-10, 300, 1, { updated_at: null });
    expect(await rows(rule)).toEqual([row({}, null, 60)]);
    expect(await changes(rule, [0, 12])).toEqual({ 0: [] });
    // First seen within a day, last written lately.
    await wrote(-10, 300, 1, { received_at: at(-hours(24) + 1) });
    expect(await rows(rule)).toEqual([row({}, 300, 60, true)]);
    expect(await rows(rule, 2)).toEqual([row({}, null, 60)]);
  });
});

describe('OotQuarantine', () => {
  const rule = 'OotQuarantine';
  const warning: Labels = { severity: 'warning' };
  const quarantine = (id: string, minute: number, resolved: number | null = null) => {
    const entry: QuarantineRow = {
      id,
      dynamoKey: id,
      reason: 'invalid_status',
      detail: '',
      source: 'stream',
      record: '{}',
      quarantined_at: at(minute),
      resolved_at: resolved === null ? null : at(resolved),
      version: msAt(resolved ?? minute),
    };
    return engine().client.insert({ table: tables.quarantine, values: [entry], format: 'JSONEachRow' });
  };

  it('fires at once, and ends when all of it was replayed', async () => {
    await quarantine('one', 2);
    await quarantine('other', 4);
    await quarantine('one', 2, 10);
    await quarantine('other', 4, 12);
    expect(await changes(rule, [0, 20])).toEqual({
      0: [],
      3: [alerting(warning, 1, 0)],
      12: [],
    });
    expect(await rows(rule, 5)).toEqual([row({}, 2, 0, true)]);
    expect(await rows(rule, 10)).toEqual([row({}, 1, 0, true)]);
  });

  it('ends by itself after an hour without new ones', async () => {
    await quarantine('one', 2);
    expect(await changes(rule, [0, 4], [60, 64])).toEqual({ 0: [], 3: [alerting(warning, 1, 0)], 63: [] });
  });

  it('says how many, where to look and what to do', async () => {
    await quarantine('one', -5);
    await quarantine('other', -5);
    expect(await texts(rule)).toEqual([
      {
        summary: 'Results could not become rows: no panel counts them until they are replayed.',
        description: '2 changes came to quarantine in the last 1 h and are still there, limit 0.',
        runbook_url: `${runbook}ootquarantine`,
        dashboard: `${page}13`,
      },
    ]);
  });

  it('counts a record once, however often it comes', async () => {
    await quarantine('one', -5);
    await quarantine('one', -3);
    expect(await rows(rule)).toEqual([row({}, 1, 0, true)]);
  });

  it('is 0 with nothing, with what was replayed and with what is older', async () => {
    expect(await rows(rule)).toEqual([row({}, 0, 0)]);
    await quarantine('replayed', -10, -5);
    await quarantine('old', -days(2));
    expect(await rows(rule)).toEqual([row({}, 0, 0)]);
    expect(await changes(rule, [0, 2])).toEqual({ 0: [] });
  });
});
