import fc from 'fast-check';
import { loadBackends, type Backend } from '../../clickhouse/backends';
import { dateTimeOfMs, readinessWriter, tables, type WorkflowJobRow } from '../../clickhouse/tables';
import { config } from '../../dashboards/config';
import { criterionValue } from '../../dashboards/queries/alert-backends';
import { setting } from '../../dashboards/settings';
import {
  criterionTrend,
  readinessByBackend,
  readinessByCriterion,
  verdictCounts,
} from '../../dashboards/queries/readiness';
import { countedEvent, criteria, historyDays } from '../../dashboards/queries/readiness-criteria';
import { demoNowMs, loadDemo } from '../helpers/demo';
import { startClickHouse, type TestClickHouse } from '../helpers/engines';
import { expandQuery, type VariableValue } from '../helpers/grafana';
import { newestAttempt } from '../helpers/newest';
import { attempt, clearAttempts, insertAttempts, measureReadiness, receivedMs } from '../helpers/rows';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
/** "Now" of the tests: 10:00 UTC, so that today's window is not a whole number of days from midnight. */
const nowMs = receivedMs;
const now = `toDateTime64('${dateTimeOfMs(nowMs)}', 3, 'UTC')`;

let clickHouse: TestClickHouse;
beforeAll(async () => {
  clickHouse = await startClickHouse();
});
afterAll(() => clickHouse.stop());

const clear = async () => {
  await clearAttempts(clickHouse.client);
  await clickHouse.client.command({ query: `TRUNCATE TABLE ${tables.backendRegistry}` });
};
const insert = async (...values: WorkflowJobRow[]) => {
  if (values.length > 0) await insertAttempts(clickHouse.client, values, { withRuns: true });
};
const register = (levels: Record<string, Backend['level']>) =>
  loadBackends(
    clickHouse.client,
    Object.entries(levels).map(([repo, level]) => ({ repo, level, device: '', oncalls: [] })),
    nowMs,
  );

const all = { level: '$__all', backend: '$__all' };
const ask = <T>(rawSql: string, variables: Record<string, VariableValue> = all) =>
  clickHouse.rows<T>(expandQuery(rawSql, { fromMs: nowMs - dayMs, toMs: nowMs, variables }));

type CriterionRow = {
  downstream_repo: string;
  level: string;
  criterion: string;
  shown_value: string;
  needed: string;
  verdict: string;
  days_held: number;
  days_broken: number;
  based_on: string;
  missing: string;
};
type BackendRow = Record<(typeof criteria)[number]['column'], number | null> & {
  downstream_repo: string;
  level: string;
  overall: string;
  all_held_days: number;
  counted_jobs: number;
  missing: string;
};

/** A time of the sender, from the milliseconds. */
const senderTime = (ms: number): string => `${dateTimeOfMs(ms)}000000`;

/** An attempt that was received so long before now, started then, and took so many minutes. */
function ran(agoMs: number, minutes: number, overrides: Partial<WorkflowJobRow> = {}): WorkflowJobRow {
  const atMs = nowMs - agoMs;
  return attempt({
    downstream_repo: 'a/b',
    downstream_repo_level: 'L2',
    received_at: dateTimeOfMs(atMs),
    started_at: senderTime(atMs),
    completed_at: senderTime(atMs + minutes * minuteMs),
    execution_time: null,
    queue_time: 60,
    run_id: `run-${agoMs}`,
    pytorch_head_sha: `sha-${agoMs}`,
    ...overrides,
  });
}
const running = { status: 'in_progress', conclusion: '', state: 'running', completed_at: null } as const;

describe('oot_runs_between', () => {
  beforeEach(clear);
  const runs = (columns: string, fromMs = nowMs - dayMs, toMs = nowMs) =>
    clickHouse.rows<Record<string, unknown>>(
      `SELECT ${columns} FROM oot_runs_between(from = '${dateTimeOfMs(fromMs)}', to = '${dateTimeOfMs(toMs)}') ORDER BY received_at, run_id, workflow_name`,
    );
  const run = { run_id: '1', pytorch_head_sha: 'sha' };
  const look = async (...rows: WorkflowJobRow[]) => {
    await insert(...rows);
    return runs('jobs, is_complete, queue_seconds, span_seconds, end_to_end_seconds');
  };

  it('adds the longest queue time to the time from the first start to the last end', async () => {
    expect(
      await look(
        ran(5 * hourMs, 30, { ...run, job_name: 'build', queue_time: 120 }),
        ran(4 * hourMs, 90, { ...run, job_name: 'test', queue_time: 300 }),
      ),
    ).toEqual([
      { jobs: 2, is_complete: 1, queue_seconds: 300, span_seconds: 9_000, end_to_end_seconds: 9_300 },
    ]);
  });

  it('leaves re-runs out, of a job that succeeded at last and of a run without its first attempt', async () => {
    expect(
      await look(
        ran(5 * hourMs, 30, { ...run, conclusion: 'failure' }),
        ran(1 * hourMs, 30, { ...run, run_attempt: 2, queue_time: 15_000 }),
        ran(2 * hourMs, 30, { run_id: '2', run_attempt: 3 }),
      ),
    ).toEqual([
      { jobs: 1, is_complete: 1, queue_seconds: 60, span_seconds: 1_800, end_to_end_seconds: 1_860 },
    ]);
  });

  const complete = { jobs: 1, is_complete: 1 };
  const unknown = { ...complete, queue_seconds: 60, span_seconds: null, end_to_end_seconds: null };
  it.each<[string, Partial<WorkflowJobRow>, Record<string, unknown>]>([
    ['without a start', { started_at: null }, unknown],
    ['without an end', { completed_at: null }, unknown],
    ['that started in 1970', { started_at: '1970-01-01 00:00:00.000000000' }, unknown],
    [
      'that started in 1970 and has no end',
      { started_at: '1970-01-01 00:00:00', completed_at: null },
      unknown,
    ],
    ['that ended before it started', { completed_at: '2026-11-01 00:00:00.000000000' }, unknown],
    [
      'without a queue time: not 0',
      { queue_time: null },
      { ...complete, queue_seconds: null, span_seconds: 1_800, end_to_end_seconds: null },
    ],
    [
      'that still runs',
      running,
      { jobs: 1, is_complete: 0, queue_seconds: 60, span_seconds: null, end_to_end_seconds: null },
    ],
    [
      'with a queue time of 0',
      { queue_time: 0 },
      { ...complete, queue_seconds: 0, span_seconds: 1_800, end_to_end_seconds: 1_800 },
    ],
  ])('says of a run of one job %s', async (_what, overrides, expected) => {
    expect(await look(ran(5 * hourMs, 30, { ...run, ...overrides }))).toEqual([expected]);
  });

  it('does not know the end of a run while one of its jobs runs', async () => {
    expect(
      await look(
        ran(5 * hourMs, 30, { ...run, job_name: 'build' }),
        ran(4 * hourMs, 30, { ...run, job_name: 'test', ...running }),
      ),
    ).toEqual(
      [
        { jobs: 2, is_complete: 0, queue_seconds: 60, span_seconds: 5_400 - 3_600, end_to_end_seconds: null },
      ].map((row) => ({ ...row, span_seconds: 1_800 })),
    );
  });

  it('takes the end from a job whose start was lost, and the queue time from the only job that has one', async () => {
    expect(
      await look(
        ran(5 * hourMs, 30, { ...run, job_name: 'build', queue_time: 600 }),
        ran(4 * hourMs, 30, { ...run, job_name: 'test', queue_time: null, started_at: null }),
        ran(4 * hourMs, -30, { ...run, job_name: 'skewed', queue_time: null }),
      ),
    ).toEqual([
      { jobs: 3, is_complete: 1, queue_seconds: 600, span_seconds: 5_400, end_to_end_seconds: 6_000 },
    ]);
  });

  it('does not let a job that started in 1970 spoil the times of the others', async () => {
    expect(
      await look(
        ran(5 * hourMs, 30, { ...run, job_name: 'build' }),
        ran(5 * hourMs, 40, { ...run, job_name: 'test', started_at: '1970-01-01 00:00:00.000000000' }),
      ),
    ).toEqual([
      { jobs: 2, is_complete: 1, queue_seconds: 60, span_seconds: 1_800, end_to_end_seconds: 1_860 },
    ]);
  });

  it('takes one run id of one backend for one run, whatever its workflows; of two backends for two', async () => {
    await insert(
      ran(5 * hourMs, 30, { ...run, workflow_name: 'ci' }),
      ran(4 * hourMs, 30, { ...run, workflow_name: 'lint' }),
      ran(3 * hourMs, 30, { ...run, downstream_repo: 'c/d' }),
    );
    expect(await runs('downstream_repo, jobs')).toEqual([
      { downstream_repo: 'a/b', jobs: 2 },
      { downstream_repo: 'c/d', jobs: 1 },
    ]);
  });

  it('takes delivery and workflow for the run where nobody sends a run id', async () => {
    const unnamed = { run_id: '' };
    await insert(
      ran(5 * hourMs, 30, { ...unnamed, delivery_id: 'd1', workflow_name: 'ci', job_name: 'a' }),
      ran(5 * hourMs, 30, { ...unnamed, delivery_id: 'd1', workflow_name: 'ci', job_name: 'b' }),
      ran(4 * hourMs, 30, { ...unnamed, delivery_id: 'd1', workflow_name: 'lint' }),
      ran(3 * hourMs, 30, { ...unnamed, delivery_id: 'd2', workflow_name: 'ci' }),
    );
    expect(await runs('delivery_id, workflow_name, jobs')).toEqual([
      { delivery_id: 'd1', workflow_name: 'ci', jobs: 2 },
      { delivery_id: 'd1', workflow_name: 'lint', jobs: 1 },
      { delivery_id: 'd2', workflow_name: 'ci', jobs: 1 },
    ]);
  });

  it('says what its first job says, and shows a run whole in the range in which that was received', async () => {
    await insert(
      ran(5 * hourMs, 30, { ...run, job_name: 'build', pr_number: 7, event_type: 'push' }),
      ran(3 * hourMs, 30, { ...run, job_name: 'test', pr_number: 7, event_type: 'push' }),
    );
    const whole = [
      { received_at: dateTimeOfMs(nowMs - 5 * hourMs), pr_number: 7, event_type: 'push', jobs: 2 },
    ];
    const columns = 'received_at, pr_number, event_type, jobs';
    expect(await runs(columns, nowMs - 6 * hourMs, nowMs - 4 * hourMs)).toEqual(whole);
    expect(await runs(columns, nowMs - 5 * hourMs, nowMs - 5 * hourMs + 1)).toEqual(whole);
    expect(await runs(columns, nowMs - 4 * hourMs, nowMs)).toEqual([]);
  });
});

describe('oot_readiness_at', () => {
  beforeEach(clear);

  it('counts in each window what oot_jobs_between shows', async () => {
    await insert(
      ran(40 * hourMs, 10, { pytorch_head_sha: 'a', conclusion: 'failure' }),
      ran(20 * hourMs, 10, { pytorch_head_sha: 'a', run_attempt: 2 }),
      ran(30 * hourMs, 10, { pytorch_head_sha: 'b', run_attempt: 3 }),
      ran(10 * hourMs, 10, { pytorch_head_sha: 'b' }),
      ran(0, 10, { pytorch_head_sha: 'received now: not before now' }),
      ran(14 * dayMs, 10, { pytorch_head_sha: 'at the edge' }),
    );
    expect(await expectWindowsToAgree()).toBeGreaterThan(5);
  });

  it('does so for any history', async () => {
    const attempts = fc.array(
      fc.record({
        // On, before and after the ends of windows, and often at the same time as another.
        agoMs: fc
          .tuple(
            fc.constantFrom(0, 14 * 4),
            fc.integer({ min: 0, max: 15 }),
            fc.constantFrom(0, 1, 3 * hourMs),
          )
          .map(([windowSixths, sixths, moreMs]) => (windowSixths + sixths) * 6 * hourMs + moreMs),
        sha: fc.constantFrom('a', 'b'),
        attempt: fc.integer({ min: 1, max: 3 }),
      }),
      { minLength: 1, maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(attempts, fc.constantFrom(0, 10 * hourMs), async (history, sinceMidnightMs) => {
        await clear();
        await insert(
          ...history.map(({ agoMs, sha, attempt: run_attempt }) =>
            ran(agoMs + sinceMidnightMs, 10, { pytorch_head_sha: sha, run_attempt }),
          ),
        );
        await expectWindowsToAgree();
      }),
      { numRuns: 60 },
    );
  });

  /** Compares the first five windows with the view of one window; returns how many jobs they show. */
  async function expectWindowsToAgree(): Promise<number> {
    const midnightMs = Math.floor(nowMs / dayMs) * dayMs;
    const ends = [nowMs, ...[0, 1, 2, 3].map((days) => midnightMs - days * dayMs)];
    const counted = await clickHouse.rows<{ jobs: number }>(
      `SELECT sum(counted_jobs) AS jobs FROM oot_readiness_at(at = ${now}) WHERE days_ago < 5 GROUP BY days_ago ORDER BY days_ago`,
    );
    const between = await clickHouse.rows<{ jobs: number }>(
      ends
        .map(
          (endMs) =>
            `SELECT count() AS jobs FROM oot_jobs_between(from = '${dateTimeOfMs(endMs - 14 * dayMs)}', to = '${dateTimeOfMs(endMs)}')`,
        )
        .map((sql, index) => `SELECT ${index} AS days_ago, jobs FROM (${sql})`)
        .join(' UNION ALL ')
        .replace(/^(.*)$/, 'SELECT jobs FROM ($1) ORDER BY days_ago'),
    );
    // Nobody is registered, so a backend without a job in all these days has no row.
    expect(counted.length === 0 ? between.map(() => ({ jobs: 0 })) : counted).toEqual(between);
    return sum(between.map(({ jobs }) => jobs));
  }

  it('measures by the windows, the event and the limit of an overrun that the dashboards tell', async () => {
    await register({ 'a/b': 'L2' });
    const { windowDays, overrunHours } = config.readiness;
    const event_type = countedEvent;
    await insert(
      ran(windowDays * dayMs, overrunHours * 60, { event_type }),
      ran(windowDays * dayMs + 1, overrunHours * 60, { event_type }),
      ran(hourMs, overrunHours * 60 + 1, { event_type }),
      ran(hourMs, overrunHours * 60 + 1, { event_type: 'push', pytorch_head_sha: 'main' }),
    );
    const rows = await clickHouse.rows<Record<string, number>>(
      `SELECT days_ago, counted_jobs, overrun_jobs FROM oot_readiness_at(at = ${now}) ORDER BY days_ago`,
    );
    expect(rows).toHaveLength(historyDays);
    expect(rows[0]).toEqual({ days_ago: 0, counted_jobs: 2, overrun_jobs: 1 });
  });

  it('has no window twice where now is midnight', async () => {
    const ends = await clickHouse.rows(
      `SELECT window_end FROM oot_window_ends(to = '2026-11-20 00:00:00', days = 3) ORDER BY days_ago`,
    );
    expect(ends).toEqual(
      ['2026-11-20', '2026-11-19', '2026-11-18'].map((day) => ({ window_end: `${day} 00:00:00.000` })),
    );
  });
});

describe('readiness, by hand', () => {
  beforeEach(clear);
  const rowsOf = async () => ask<CriterionRow>(readinessByCriterion(now));

  it('calls a backend ready that has been well for long enough, and says for how long', async () => {
    await register({ 'a/b': 'L2' });
    await insert(...Array.from({ length: 60 }, (_, day) => ran(day * dayMs + hourMs, 30)));
    const [backend] = await ask<BackendRow>(readinessByBackend(now));
    expect(backend).toEqual({
      downstream_repo: 'a/b',
      level: 'L2',
      overall: 'ready',
      success_rate: 1,
      mean_queue_seconds: 60,
      median_end_to_end_seconds: 1_860,
      timeout_rate: 0,
      overrun_rate: 0,
      level_days: 59 + 1 / 24,
      data_days: 59 + 1 / 24,
      all_held_days: 30,
      counted_jobs: 14,
      missing: '',
    });
    expect(await ask(verdictCounts(now))).toEqual([
      { ready: 1, not_ready: 0, demotion_signals: 0, unknown: 0 },
    ]);
  });

  it('says in words what is missing, and since when', async () => {
    await register({ 'a/b': 'L2' });
    await insert(
      ...Array.from({ length: 8 }, (_, day) =>
        ran(day * dayMs + hourMs, 30, day === 0 ? { conclusion: 'timed_out' } : {}),
      ),
    );
    expect(
      (await rowsOf()).map(({ missing, days_held, days_broken }) => [missing, days_held, days_broken]),
    ).toEqual([
      ['success rate 87.5 %, needs > 90 %', 0, 1],
      ['', 8, 0],
      ['', 8, 0],
      ['timeout rate 12.5 %, needs < 1 %', 0, 1],
      ['', 8, 0],
      ['time at L2 7 days, needs ≥ 30 days', 0, 8],
      ['time with data 7 days, needs ≥ 14 days', 0, 8],
    ]);
  });

  it('does not let 90 % of 10 jobs pass: it takes more', async () => {
    await register({ 'a/b': 'L3' });
    await insert(
      ...Array.from({ length: 10 }, (_, n) =>
        ran((n + 1) * hourMs, 30, n === 3 ? { conclusion: 'failure' } : {}),
      ),
    );
    const [success] = await rowsOf();
    expect(success).toMatchObject({ shown_value: '90 %', verdict: 'fail', based_on: '10 jobs' });
    expect((await ask<BackendRow>(readinessByBackend(now)))[0]!.overall).toBe('demotion signal');
  });

  it('takes only those timeouts for timeouts that no probe has announced', async () => {
    await register({ 'pytorch/crcr-test': 'L2' });
    const probe = { downstream_repo: 'pytorch/crcr-test', conclusion: 'timed_out' };
    await insert(
      ran(hourMs, 30, { ...probe, job_name: 'probe-xtimeout' }),
      ran(2 * hourMs, 30, { ...probe, job_name: 'probe-success' }),
    );
    expect(await ask<BackendRow>(readinessByBackend(now))).toMatchObject([
      { success_rate: 0.5, timeout_rate: 0.5 },
    ]);
  });

  it('shows as unknown, never as 0, what has no results, and other events than pull requests say nothing', async () => {
    await register({ 'a/b': 'L2', 'silent/one': 'L3', 'first/level': 'L1' });
    await insert(
      ran(hourMs, 30, { event_type: 'nightly' }),
      ran(hourMs, 30, { downstream_repo: 'not/known' }),
    );
    const backends = await ask<BackendRow>(readinessByBackend(now));
    expect(
      backends.map(({ downstream_repo, level, overall, success_rate }) => [
        downstream_repo,
        level,
        overall,
        success_rate,
      ]),
    ).toEqual([
      ['a/b', 'L2', 'not ready', null],
      ['silent/one', 'L3', 'unknown', null],
      ['not/known', '', 'not registered', 1],
      ['first/level', 'L1', 'not a candidate', null],
    ]);
    const rows = await rowsOf();
    expect(rows.find(({ downstream_repo }) => downstream_repo === 'silent/one')).toMatchObject({
      shown_value: 'unknown',
      verdict: 'unknown',
      days_held: 0,
      days_broken: 0,
      missing: 'success rate unknown: no pull_request job that counts',
    });
    expect(rows.filter(({ downstream_repo }) => downstream_repo === 'silent/one')).toHaveLength(5);
  });

  it('lets the variables through, any name', async () => {
    await register({ 'a/b': 'L2', 'c/d': 'L3' });
    const names = async (variables: Record<string, VariableValue>) =>
      (await ask<BackendRow>(readinessByBackend(now), { ...all, ...variables })).map(
        (row) => row.downstream_repo,
      );
    expect(await names({ level: ['L3'] })).toEqual(['c/d']);
    expect(await names({ backend: ['a/b', "it's"] })).toEqual(['a/b']);
    expect(await names({ backend: ["') OR 1=1 --"] })).toEqual([]);
  });
});

describe('what is kept of readiness', () => {
  beforeEach(clear);
  const view = (verb: 'STOP' | 'START') =>
    clickHouse.client.command({ query: `SYSTEM ${verb} VIEW ${readinessWriter}` });
  afterEach(() => view('START'));
  const startedMs = Date.now();

  /** A backend that breaks a criterion, one that holds them, and a stranger; as of the machine's clock. */
  async function insertLately(): Promise<void> {
    await register({ 'a/b': 'L2', 'c/d': 'L3' });
    const moment = (row: WorkflowJobRow, agoMs: number) => {
      const atMs = startedMs - agoMs;
      return {
        ...row,
        received_at: dateTimeOfMs(atMs),
        started_at: senderTime(atMs),
        completed_at: senderTime(atMs + 30 * minuteMs),
        outcome_at: dateTimeOfMs(atMs + 30 * minuteMs),
      };
    };
    await insert(
      ...['a/b', 'c/d', 'not/known'].flatMap((downstream_repo, backend) =>
        Array.from({ length: 30 }, (_, n) => {
          const agoMs = (n + 1) * 13 * hourMs;
          const conclusion = backend === 0 && n % 5 === 0 ? 'timed_out' : 'success';
          return moment(ran(agoMs, 30, { downstream_repo, conclusion, queue_time: 600 * n }), agoMs);
        }),
      ),
    );
  }

  it('is what the definition says of that moment, in each panel and in the rules', async () => {
    await insertLately();
    await measureReadiness(clickHouse.client);
    await view('STOP');
    const [measured] = await clickHouse.rows<{ at: string }>(
      'SELECT any(measured_at) AS at FROM oot_readiness',
    );
    const at = `toDateTime64('${measured!.at}', 3, 'UTC')`;
    const kept = await clickHouse.rows('SELECT * FROM oot_readiness ORDER BY ALL');
    expect(kept).toHaveLength(3 * historyDays);
    expect(kept).toEqual(await clickHouse.rows(`SELECT * FROM oot_readiness_at(at = ${at}) ORDER BY ALL`));
    for (const query of [readinessByBackend, readinessByCriterion, verdictCounts]) {
      const shown = await ask(query());
      expect(shown).toEqual(await ask(query(at)));
      expect(shown.length).toBeGreaterThan(0);
    }
    for (const column of ['mean_queue_seconds', 'timeout_rate', 'overrun_rate'] as const) {
      const [alerted] = await clickHouse.rows<{ backend: string; value: number }>(criterionValue(column));
      expect(await clickHouse.rows(criterionValue(column, at))).toEqual([alerted]);
      const [shown] = await ask<BackendRow>(readinessByBackend(), { ...all, backend: ['c/d'] });
      expect(alerted).toMatchObject({ backend: 'c/d', value: shown![column] });
    }
  });

  it('is measured each minute', async () => {
    const [refresh] = await clickHouse.rows<{ seconds: number; exception: string }>(
      `SELECT dateDiff('second', last_success_time, next_refresh_time) AS seconds, exception
       FROM system.view_refreshes WHERE database = currentDatabase() AND view = '${readinessWriter}'`,
    );
    expect(refresh!.seconds).toBeLessThanOrEqual(60);
    expect(refresh!.seconds).toBeGreaterThan(0);
    expect(refresh!.exception).toBe('');
  });

  it('is shown to nobody when it is old', async () => {
    await view('STOP');
    const { readinessStaleMinutes } = config.pipeline;
    const measured = (minutesAgo: number) =>
      `SELECT * REPLACE (now64(3) - INTERVAL ${minutesAgo} MINUTE AS measured_at) FROM oot_readiness_at(at = now64(3))`;
    await insertLately();
    const keep = async (minutesAgo: number) => {
      await clickHouse.client.command({ query: 'TRUNCATE TABLE oot_readiness' });
      await clickHouse.client.command({ query: `INSERT INTO oot_readiness ${measured(minutesAgo)}` });
      return {
        backends: (await ask(readinessByBackend())).length,
        points: (await ask(criterionTrend('success_rate'))).length > 0,
      };
    };
    expect(await keep(readinessStaleMinutes - 1)).toEqual({ backends: 3, points: true });
    expect(await keep(readinessStaleMinutes + 1)).toEqual({ backends: 0, points: false });
  });
});

/* The oracle: the criteria in plain TypeScript, from the attempts themselves. */

type Measured = { value: number | null; basis: number };
const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
const timeOf = (text: string) => Date.parse(`${text.slice(0, 23).replace(' ', 'T')}Z`);
const maxOf = (values: number[]): number | null => (values.length === 0 ? null : Math.max(...values));
const share = (part: number, whole: number): Measured => ({
  value: whole === 0 ? null : part / whole,
  basis: whole,
});

const judge = (row: WorkflowJobRow) => {
  const rare: Record<string, string> = {
    startup_failure: 'failure',
    stale: 'cancelled',
    action_required: 'neutral',
  };
  const outcome = row.status === 'in_progress' ? 'running' : (rare[row.conclusion] ?? row.conclusion);
  const announced = { xfail: 'failure', xtimeout: 'timed_out' }[row.job_name];
  const expected =
    row.downstream_repo === 'pytorch/crcr-test' && announced !== undefined ? announced : 'success';
  const isCounted = outcome === expected || ['success', 'failure', 'timed_out'].includes(outcome);
  return { outcome, isCounted, isGood: outcome === expected };
};

const durationSeconds = (row: WorkflowJobRow): number | null => {
  const span = row.started_at && row.completed_at ? timeOf(row.completed_at) - timeOf(row.started_at) : 0;
  if (span > 0 && span <= 7 * dayMs) return span / 1000;
  return row.execution_time !== null && row.execution_time > 0 ? row.execution_time : null;
};

function newestOfJobs(attempts: WorkflowJobRow[], all: WorkflowJobRow[]): WorkflowJobRow[] {
  const jobOf = (row: WorkflowJobRow) =>
    [row.pytorch_head_sha, row.event_type, row.downstream_repo, row.workflow_name, row.job_name].join('|');
  return [...new Set(attempts.map(jobOf))].map((job) => {
    const ofJob = (rows: WorkflowJobRow[]) => rows.filter((row) => jobOf(row) === job);
    return newestAttempt(ofJob(attempts), ofJob(all));
  });
}

type Run = { receivedMs: number; event: string; queue: number | null; endToEnd: number | null };

function runsOf(attempts: WorkflowJobRow[]): Run[] {
  const runs = new Map<string, WorkflowJobRow[]>();
  for (const row of attempts.filter(({ run_attempt }) => run_attempt <= 1)) {
    const key = row.run_id === '' ? `${row.delivery_id}|${row.workflow_name}` : row.run_id;
    runs.set(key, [...(runs.get(key) ?? []), row]);
  }
  return [...runs.values()].map((rows) => {
    const queue = maxOf(rows.flatMap((row) => row.queue_time ?? []));
    const sane = rows.filter((row) => {
      if (!row.started_at || !row.completed_at) return true;
      const span = timeOf(row.completed_at) - timeOf(row.started_at);
      return span > 0 && span <= 7 * dayMs;
    });
    const first = maxOf(sane.flatMap((row) => (row.started_at ? -timeOf(row.started_at) : [])));
    const last = maxOf(sane.flatMap((row) => (row.completed_at ? timeOf(row.completed_at) : [])));
    const span = first === null || last === null ? 0 : last + first;
    const isKnown =
      queue !== null && span > 0 && span <= 7 * dayMs && rows.every((row) => row.status === 'completed');
    return {
      receivedMs: Math.min(...rows.map((row) => timeOf(row.received_at))),
      event: [...rows].sort((a, b) => a.received_at.localeCompare(b.received_at))[0]!.event_type,
      queue,
      endToEnd: isKnown ? queue + span / 1000 : null,
    };
  });
}

const median = (values: number[]): number | null => {
  const sorted = [...values].sort((a, b) => a - b);
  if (sorted.length === 0) return null;
  return (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2;
};

/** Each criterion of a backend over the window that ends then. */
function measure(all: WorkflowJobRow[], allRuns: Run[], level: string, endMs: number): Measured[] {
  const ofPrs = all.filter((row) => row.event_type === 'pull_request');
  const isIn = (ms: number) => ms >= endMs - 14 * dayMs && ms < endMs;
  const jobs = newestOfJobs(
    ofPrs.filter((row) => isIn(timeOf(row.received_at))),
    ofPrs,
  ).map((row) => ({
    row,
    ...judge(row),
  }));
  const counted = jobs.filter(({ isCounted }) => isCounted);
  const durations = counted.flatMap(({ row }) => durationSeconds(row) ?? []);
  const runs = allRuns.filter((run) => run.event === 'pull_request' && isIn(run.receivedMs));
  const queues = runs.flatMap(({ queue }) => queue ?? []);
  const ends = runs.flatMap(({ endToEnd }) => endToEnd ?? []);
  const since = (rows: WorkflowJobRow[]): Measured => {
    const first = Math.min(...rows.map((row) => timeOf(row.received_at)));
    return first < endMs ? { value: (endMs - first) / dayMs, basis: 1 } : { value: null, basis: 0 };
  };
  return [
    share(counted.filter(({ isGood }) => isGood).length, counted.length),
    { value: queues.length === 0 ? null : sum(queues) / queues.length, basis: queues.length },
    { value: median(ends), basis: ends.length },
    share(counted.filter(({ isGood, outcome }) => !isGood && outcome === 'timed_out').length, counted.length),
    share(durations.filter((seconds) => seconds > 3 * 3600).length, durations.length),
    since(level === 'L2' ? all.filter((row) => row.downstream_repo_level === 'L2') : []),
    since(ofPrs),
  ];
}

const passes = [
  (value: number) => value > 0.9,
  (value: number) => value < 30 * 60,
  (value: number) => value < 3 * 3600,
  (value: number) => value < 0.01,
  (value: number) => value < 0.01,
  (value: number) => value >= 30,
  (value: number) => value >= 14,
];

function oracle(rows: WorkflowJobRow[], repo: string, level: string) {
  const own = rows.filter((row) => row.downstream_repo === repo && timeOf(row.received_at) < nowMs);
  // A run is whole, with the jobs that came since.
  const runs = runsOf(rows.filter((row) => row.downstream_repo === repo));
  const midnightMs = Math.floor(nowMs / dayMs) * dayMs;
  const ends = [nowMs, ...Array.from({ length: 29 }, (_, day) => midnightMs - day * dayMs)];
  const days = ends.map((endMs) => measure(own, runs, level, endMs));
  const scored = passes.slice(0, ['L3', 'L4'].includes(level) ? 5 : 7).map((isPassed, index) => {
    const verdictsByDay = days.map((day) => {
      const { value } = day[index]!;
      return value === null ? 'unknown' : isPassed(value) ? 'pass' : 'fail';
    });
    const inARow = (verdict: string) => {
      const end = verdictsByDay.findIndex((one) => one !== verdict);
      return end === -1 ? verdictsByDay.length : end;
    };
    return {
      ...days[0]![index]!,
      verdict: verdictsByDay[0]!,
      held: inARow('pass'),
      broken: inARow('fail'),
    };
  });
  const has = (verdict: string) => scored.some((one) => one.verdict === verdict);
  const ofLevel = (at: string, above: string) => (level === 'L2' ? at : above);
  const overall =
    level === ''
      ? 'not registered'
      : level === 'L1'
        ? 'not a candidate'
        : has('fail')
          ? ofLevel('not ready', 'demotion signal')
          : has('unknown')
            ? 'unknown'
            : ofLevel('ready', 'holds level');
  return { scored, overall };
}

describe('readiness, against the same criteria in TypeScript', () => {
  const levels = { 'a/b': 'L2', 'c/d': 'L3', 'pytorch/crcr-test': 'L2' } as const;
  const often = <T>(usual: T, ...rare: T[]) =>
    fc.oneof({ weight: 6, arbitrary: fc.constant(usual) }, fc.constantFrom(...rare));
  const drawn = fc.record({
    downstream_repo: fc.constantFrom(...Object.keys(levels), 'not/known'),
    downstream_repo_level: fc.constantFrom('L2', 'L2', 'L3'),
    event_type: often('pull_request', 'nightly', 'push'),
    workflow_name: often('ci', 'lint'),
    job_name: often('build', 'test', 'xfail', 'xtimeout'),
    conclusion: often('success', 'failure', 'timed_out', 'cancelled', 'skipped', 'stale', 'startup_failure'),
    isRunning: often(false, true),
    run: fc.integer({ min: 1, max: 2 }),
    hasRunId: often(true, false),
    run_attempt: often(1, 2, 3),
    queue_time: often<number | null>(600, null, 0, 1_500, 3_600),
    agoHours: fc.integer({ min: -5, max: 48 * 24 }),
    minutes: often(30, 0, -10, 170, 190, 400, 8 * 24 * 60),
    execution_time: often<number | null>(null, 0, 900, 20_000),
    startIsLost: often(false, true),
    endIsLost: often(false, true),
  });
  const history = fc.array(drawn, { maxLength: 60, size: 'max' }).map((attempts) =>
    attempts.map(
      ({ isRunning, run, hasRunId, agoHours, minutes, startIsLost, endIsLost, ...fields }, index) => {
        // No two attempts are received at once: which is the newer one would be decided by their keys.
        const agoMs = agoHours * hourMs + index;
        return ran(agoMs, minutes, {
          ...fields,
          dynamoKey: `k${index}`,
          // Few runs, so that attempts meet in them; each within five days, as its times must be within a week.
          run_id: hasRunId ? `${run}-${Math.floor(agoHours / 120)}` : '',
          delivery_id: `d${run}-${Math.floor(agoHours / 120)}`,
          pytorch_head_sha: `sha-${run}-${Math.floor(agoHours / 120)}`,
          ...(startIsLost && { started_at: null }),
          ...(endIsLost && { completed_at: null }),
          ...(isRunning && running),
        });
      },
    ),
  );

  it('agrees on every value, verdict and number of days', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (rows) => {
        await clear();
        await register(levels);
        await insert(...rows);
        const byBackend = await ask<BackendRow>(readinessByBackend(now));
        const byCriterion = await ask<CriterionRow>(readinessByCriterion(now));
        const seen = new Set(
          rows
            .filter((row) => timeOf(row.received_at) < nowMs && timeOf(row.received_at) >= nowMs - 44 * dayMs)
            .map((row) => row.downstream_repo),
        );
        const expectedRepos = new Set([...Object.keys(levels), ...seen]);
        expect(new Set(byBackend.map((row) => row.downstream_repo))).toEqual(expectedRepos);
        for (const repo of expectedRepos) {
          const level = (levels as Record<string, string>)[repo] ?? '';
          const { scored, overall } = oracle(rows, repo, level);
          const backend = byBackend.find((row) => row.downstream_repo === repo)!;
          expect({ repo, overall: backend.overall, held: backend.all_held_days }).toEqual({
            repo,
            overall,
            held: Math.min(...scored.map(({ held }) => held)),
          });
          scored.forEach(({ value }, index) => {
            const shown = backend[criteria[index]!.column];
            if (value === null || shown === null) expect(shown).toBe(value);
            else expect(shown).toBeCloseTo(value, 9);
          });
          const judged = byCriterion.filter((row) => row.downstream_repo === repo);
          expect(
            judged.map(({ verdict, days_held, days_broken, based_on }) => [
              verdict,
              days_held,
              days_broken,
              Number(based_on.split(' ')[0]),
            ]),
          ).toEqual(scored.map(({ verdict, held, broken, basis }) => [verdict, held, broken, basis]));
        }
      }),
      { numRuns: 40 },
    );
  });

  it('has the thresholds of upstream', () => {
    expect(config.readiness).toMatchObject({
      windowDays: 14,
      successRate: setting(0.9),
      monthAtLevelDays: 30,
    });
    expect(historyDays).toBe(30);
  });
});

describe('readiness, on the demo history', () => {
  const demoNow = `toDateTime64('${dateTimeOfMs(demoNowMs)}', 3, 'UTC')`;
  beforeAll(async () => {
    await clear();
    await loadDemo(clickHouse.client, { source: 'backfill' });
  });

  it('shows every backend, and the weak one as a demotion signal', async () => {
    const backends = await ask<BackendRow>(readinessByBackend(demoNow));
    expect(backends).toHaveLength(8);
    expect(backends.find((row) => row.downstream_repo === 'pytorch-labs/cambricon-pytorch')).toMatchObject({
      overall: 'demotion signal',
      missing: expect.stringMatching(/success rate \d\d\.?\d* %, needs > 90 %/) as string,
    });
    expect(backends.filter(({ overall }) => overall === 'holds level').length).toBeGreaterThanOrEqual(1);
  });

  it.each(criteria.map(({ column }) => column))('draws %s over the last days', async (column) => {
    const points = await ask<{ time: string; backend: string }>(criterionTrend(column, demoNow));
    expect(points.length).toBeGreaterThan(20);
    expect([...points].sort((a, b) => a.time.localeCompare(b.time))).toEqual(points);
  });
});
