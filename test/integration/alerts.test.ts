import type { config } from '../../dashboards/config';
import { allRules } from '../../dashboards/alerts/all';
import { evaluateRule, FrameError, readFrame } from '../../dashboards/alerts/evaluate';
import type { AlertRule } from '../../dashboards/alerts/rule';
import { setting, settingOf, settingSql } from '../../dashboards/settings';
import { at, job, msAt, probe, series, useAlertClock } from '../helpers/alert-clock';

/* What holds for every rule; what each one says is in alerts-{backends,nightly,readiness,upstream,pipeline}.test.ts. */

const { add, engine, measureReadiness, reset } = useAlertClock();

const names = [
  'OotBackendFailing',
  'OotBackendBroken',
  'OotBackendSilent',
  'OotJobsOverdue',
  'OotNightlyLate',
  'OotNightlyUnexpected',
  'OotQueueTimeHigh',
  'OotTimeoutRateHigh',
  'OotOverrunRateHigh',
  'OotSharedBreakage',
  'OotRelayProbeUnhealthy',
  'OotReplicationStale',
  'OotReadinessStale',
  'OotReplicationSlow',
  'OotQuarantine',
];

it('tests every rule', () => {
  expect(allRules().map(({ name }) => name)).toEqual(names);
});

describe('the frames of a rule', () => {
  const ofBackend = ['backend', 'level', 'severity', 'oncall'];
  const labelsOf: Record<string, string[]> = {
    OotNightlyLate: [...ofBackend, 'event', 'upstream'],
    OotSharedBreakage: ['upstream', 'pr', 'sha', 'event'],
    OotRelayProbeUnhealthy: ['check'],
    OotReplicationStale: ['replicator'],
    OotReadinessStale: [],
    OotReplicationSlow: [],
    OotQuarantine: [],
  };

  /** Something for each rule to see, of people who like quotes. */
  const fill = async () => {
    const strange = { job_name: `it's "done" \\ {{ .Value }}`, workflow_name: `a'b` };
    await add(
      ...['a/four', 'b/three', 'c/three', 'd/two', 'e/one', 'not/known', probe].flatMap((repo) => [
        ...series(repo, 'sstfcr', { ...strange, queue_time: null }),
        job(repo, -400, 'r', strange),
        job(repo, -30, 'f', { pr_number: 1, pytorch_head_sha: `s'ha`, upstream_repo: `o'rg/re"po` }),
        job(repo, -30, 'f', { pr_number: 0, event_type: `nigh'tly` }),
        job(repo, -30, 'f', { pr_number: 0, event_type: 'nightly', upstream_repo: `o'rg/re"po` }),
      ]),
    );
    const shards = (['poller', 'lambda'] as const).flatMap((replicator) =>
      ['one', 'two'].map((shard) => ({
        stream_arn: replicator,
        shard_id: shard,
        replicator,
        position: '',
        heartbeat_at: at(0),
        version: 1,
      })),
    );
    await engine().client.insert({
      table: 'oot_replication_log',
      values: shards,
      format: 'JSONEachRow',
    });
    await measureReadiness();
  };

  it.each(names)('of %s are one number and texts, with a limit for each row', async (name) => {
    await fill();
    const rule = allRules().find((one) => one.name === name)!;
    const { client } = engine();
    const values = await readFrame(client, rule.value, msAt(0));
    if (rule.pastValue !== undefined)
      expect(await readFrame(client, rule.pastValue, msAt(0))).toEqual(values);
    const limits = await readFrame(client, rule.limit, msAt(0));
    expect(values.length).toBeGreaterThan(0);
    for (const { labels } of values) {
      expect(Object.keys(labels)).toEqual(labelsOf[name] ?? ofBackend);
      expect(Object.values(labels)).not.toContain('');
      const own = limits.filter((row) =>
        Object.entries(row.labels).every(([key, value]) => labels[key] === value),
      );
      expect(own).toHaveLength(1);
      expect(own[0]!.value).toEqual(expect.any(Number));
    }
    expect((await evaluateRule(client, rule, { atMs: msAt(0), isPast: false })).instances).toHaveLength(
      values.length,
    );
  });

  it.each(names)('of %s are so with no data at all', async (name) => {
    await reset([]);
    const rule = allRules().find((one) => one.name === name)!;
    const rows: Record<string, number> = {
      OotRelayProbeUnhealthy: 2,
      OotReplicationSlow: 1,
      OotQuarantine: 1,
    };
    expect(await readFrame(engine().client, rule.value, msAt(0))).toHaveLength(rows[name] ?? 0);
    await readFrame(engine().client, rule.limit, msAt(0));
  });
});

describe('readFrame', () => {
  const read = (query: string) => readFrame(engine().client, query, msAt(0));

  it('takes one number and texts, knows NULL and NaN as no number, and has the moment in its macros', async () => {
    expect(
      await read(`
        SELECT toLowCardinality('a') AS name, toNullable('b') AS other, toNullable(toUInt64(7)) AS value
        UNION ALL SELECT 'c', 'd', NULL`),
    ).toEqual(
      expect.arrayContaining([
        { labels: { name: 'a', other: 'b' }, value: 7 },
        { labels: { name: 'c', other: 'd' }, value: null },
      ]),
    );
    expect(await read('SELECT nan AS value')).toEqual([{ labels: {}, value: null }]);
    expect(await read('SELECT toUnixTimestamp64Milli($__toTime_ms) AS value')).toEqual([
      { labels: {}, value: msAt(0) },
    ]);
    expect(await read('SELECT toUnixTimestamp64Milli($__fromTime_ms) AS value')).toEqual([
      { labels: {}, value: msAt(-10) },
    ]);
    expect(await read('SELECT 1 AS value WHERE 0')).toEqual([]);
  });

  it.each([
    [
      'two numbers',
      `SELECT 'a' AS name, 1 AS value, 2 AS other`,
      'not exactly one number: String, UInt8, UInt8',
    ],
    ['no number', `SELECT 'a' AS name`, 'not exactly one number: String'],
    ['a date', `SELECT toDate('2026-01-01') AS day, 1 AS value`, 'neither text nor number: day'],
    ['a time', `SELECT now64(3) AS time, 1 AS value WHERE 0`, 'neither text nor number: time'],
    ['a list', `SELECT ['a'] AS names, 1 AS value`, 'neither text nor number: names'],
    [
      'two rows with the same labels',
      `SELECT 'a' AS name, number AS value FROM numbers(2)`,
      'two rows of {"name":"a"}',
    ],
    ['two rows without labels', 'SELECT number AS value FROM numbers(2)', 'two rows of {}'],
  ])('refuses %s', async (_what, query, message) => {
    const error: unknown = await read(query).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(FrameError);
    expect(error).toMatchObject({ code: 'FRAME', message });
  });

  it('throws what ClickHouse says to a query that fails', async () => {
    await expect(read('SELECT value FROM no_such_table')).rejects.toThrow(/no_such_table/);
  });
});

describe('a threshold of its own', () => {
  /** The rules as they are when config differs. */
  function rulesWith(change: (own: typeof config) => void): AlertRule[] {
    let rules: AlertRule[] = [];
    jest.isolateModules(() => {
      change(jest.requireActual<{ config: typeof config }>('../../dashboards/config').config);
      rules = jest.requireActual<{ allRules: typeof allRules }>('../../dashboards/alerts/all').allRules();
    });
    return rules;
  }
  const judged = async (rules: AlertRule[], name: string) => {
    const rule = rules.find((one) => one.name === name)!;
    const { instances } = await evaluateRule(engine().client, rule, { atMs: msAt(0), isPast: true });
    return instances.map(({ labels, value, limit, isBreaching }) => [
      labels.backend,
      value,
      limit,
      isBreaching,
    ]);
  };

  it('holds for a backend, for a level, and else the default', async () => {
    const backends = ['a/four', 'b/three', 'c/three', 'd/two'];
    await add(...backends.flatMap((repo) => series(repo, 'ffffffffssssssss')));
    const ofProbe = (limit: number) => [probe, null, limit, false];
    expect(await judged(allRules(), 'OotBackendFailing')).toEqual([
      ['a/four', 0.5, 0.9, true],
      ['b/three', 0.5, 0.8, true],
      ['c/three', 0.5, 0.8, true],
      ['d/two', 0.5, 0.8, true],
      ofProbe(0.8),
    ]);
    const rules = rulesWith(({ state }) => {
      state.failingUnder.backends['b/three'] = 0.5;
      state.failingUnder.levels.L2 = 0.4;
      state.lastJobs.backends['c/three'] = 7;
      state.minJobs.levels.L4 = 17;
    });
    expect(await judged(rules, 'OotBackendFailing')).toEqual([
      ['a/four', null, 0.9, false],
      ['b/three', 0.5, 0.5, false],
      ['c/three', 1, 0.8, false],
      ['d/two', 0.5, 0.4, false],
      ofProbe(0.4),
    ]);
  });

  it('holds for a criterion of readiness in its own unit, and is in the texts', async () => {
    await add(...series('a/four', 's'.repeat(20), { queue_time: 2_000 }));
    const rules = rulesWith(({ readiness }) => {
      readiness.meanQueueMinutes.backends['a/four'] = 45;
    });
    expect(await judged(rules, 'OotQueueTimeHigh')).toEqual([
      ['a/four', 2_000, 2_700, false],
      ['b/three', null, 1_800, false],
      ['c/three', null, 1_800, false],
    ]);
    expect(rules.find(({ name }) => name === 'OotQueueTimeHigh')!.summary).toBe(
      'Jobs of a backend wait 30 (a/four: 45) minutes or more for a runner.',
    );
  });

  it('is the same in SQL and in TypeScript, whatever quotes are in a name', async () => {
    const own = setting('usual', {
      levels: { L3: `it's`, L4: 'back\\slash' },
      backends: { [`o'rg/re\\po`]: `a'b\\c\\'d`, 'b/four': 'own' },
    });
    // By character codes, so that the test escapes nothing itself.
    const literal = (text: string) =>
      text === '' ? `''` : `char(${Array.from(text, (char) => char.charCodeAt(0)).join(', ')})`;
    const cases: [level: string, backend: string][] = [
      ['L2', 'a/b'],
      ['L3', 'a/b'],
      ['L4', 'a/b'],
      ['L4', 'b/four'],
      ['L2', `o'rg/re\\po`],
      ['', ''],
    ];
    const answer = await engine().rows<{ value: string }>(
      cases
        .map(
          ([level, backend], index) =>
            `SELECT ${index} AS position, ${settingSql(own)} AS value FROM (SELECT ${literal(level)} AS level, ${literal(backend)} AS downstream_repo)`,
        )
        .join(' UNION ALL ')
        .replace(/^(.*)$/s, 'SELECT value FROM ($1) ORDER BY position'),
    );
    expect(answer.map(({ value }) => value)).toEqual(
      cases.map(([level, backend]) => settingOf(own, level, backend)),
    );
  });
});
