import fc from 'fast-check';
import { loadBackends, type Backend } from '../../clickhouse/backends';
import { dateTimeOfMs, type WorkflowJobRow } from '../../clickhouse/tables';
import { config } from '../../dashboards/config';
import { nightlyDashboard } from '../../dashboards/nightly';
import {
  nightlyHoursSql,
  nightlyLateSql,
  nightlyNewestSql,
  nightlyRangeRateSql,
  nightlyRateByBackendSql,
  nightlyRunsByDaySql,
  nightlyRunsSql,
  nightlyStandingSql,
  nightlyTimelineSql,
  nightlyUnexpectedCountSql,
  nightlyUnexpectedSql,
} from '../../dashboards/queries/nightly';
import { demoNowMs, loadDemo } from '../helpers/demo';
import { startClickHouse, type TestClickHouse } from '../helpers/engines';
import { expandQuery, type VariableValue } from '../helpers/grafana';
import { newestAttempt } from '../helpers/newest';
import { attempt, clearAttempts, insertAttempts } from '../helpers/rows';

let clickHouse: TestClickHouse;
beforeAll(async () => {
  clickHouse = await startClickHouse();
});
afterAll(() => clickHouse.stop());

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
/** The end of the range: the whole second in which the tests began. */
const toMs = Math.floor(Date.now() / 1_000) * 1_000;
const fromMs = toMs - 7 * dayMs;
const all = '$__all';
const quoted = "o'hara/torch";

const insert = (values: WorkflowJobRow[]) => insertAttempts(clickHouse.client, values, { withRuns: true });
const clear = () => clearAttempts(clickHouse.client);
const register = (...backends: [repo: string, level: Backend['level']][]) =>
  loadBackends(
    clickHouse.client,
    backends.map(([repo, level]) => ({ repo, level, device: '', oncalls: [] })),
    Date.now(),
  );

const ask = <T>(rawSql: string, variables: Record<string, VariableValue> = {}, range = { fromMs, toMs }) =>
  clickHouse.rows<T>(
    expandQuery(rawSql, {
      ...range,
      variables: { level: [all], backend: [all], event: [all], upstream: [all], ...variables },
    }),
  );
const pick = (columns: string, rawSql: string) => `SELECT ${columns} FROM (${rawSql})`;

/** A job of a nightly run, received so many hours before the end of the range. */
const job = (sha: string, hoursAgo: number, more: Partial<WorkflowJobRow> = {}) =>
  attempt({
    event_type: 'nightly',
    pr_number: 0,
    pytorch_head_sha: sha,
    delivery_id: sha,
    workflow_name: 'nightly',
    received_at: dateTimeOfMs(toMs - hoursAgo * hourMs),
    ...more,
  });
const night = (sha: string, hoursAgo: number, conclusions: string, more: Partial<WorkflowJobRow> = {}) =>
  Array.from(conclusions, (letter, index) =>
    job(sha, hoursAgo - index / 100, {
      job_name: `job ${index}`,
      ...(letter === 'r'
        ? { status: 'in_progress', conclusion: '', state: 'running', completed_at: null }
        : {
            conclusion: { g: 'success', b: 'failure', t: 'timed_out', c: 'cancelled', s: 'skipped' }[letter]!,
          }),
      ...more,
    }),
  );

/* The oracle: the same numbers from the rows, without SQL. */

const msOf = (row: WorkflowJobRow) => Date.parse(`${row.received_at.replace(' ', 'T')}Z`);
function groups<T>(values: T[], keyOf: (value: T) => string): T[][] {
  const found = new Map<string, T[]>();
  for (const value of values) found.set(keyOf(value), [...(found.get(keyOf(value)) ?? []), value]);
  return [...found.values()];
}
const lineOf = (row: WorkflowJobRow) =>
  JSON.stringify([row.upstream_repo, row.downstream_repo, row.event_type]);

type Run = {
  line: string;
  backend: string;
  event: string;
  sha: string;
  beganMs: number;
  jobs: number;
  good: number;
  bad: number;
  running: number;
  missing: number | null;
  verdict: string;
};

/** With the first of its first attempts. */
const beganMsOf = (run: WorkflowJobRow[]) =>
  Math.min(...run.filter(({ run_attempt }) => run_attempt === 1).map(msOf));

/** Every run of a history, oldest first. */
function runsOf(rows: WorkflowJobRow[]): Run[] {
  const scheduled = rows.filter(({ event_type }) => ['nightly', 'periodic'].includes(event_type));
  return groups(scheduled, lineOf).flatMap((line) => {
    let before: number | null = null;
    return groups(line, (row) => row.pytorch_head_sha)
      .filter((own) => own.some(({ run_attempt }) => run_attempt === 1))
      .sort((a, b) => beganMsOf(a) - beganMsOf(b))
      .map((own) => {
        const jobs = groups(own, (row) => JSON.stringify([row.workflow_name, row.job_name])).map((attempts) =>
          newestAttempt(attempts),
        );
        const outcomes = jobs.map((row) => (row.status === 'in_progress' ? 'running' : row.conclusion));
        const running = jobs.filter(({ status }) => status === 'in_progress');
        const overdue = running.some((row) => Date.now() - msOf(row) > config.overdueMinutes * minuteMs);
        const count = (...wanted: string[]) => outcomes.filter((outcome) => wanted.includes(outcome)).length;
        const beganMs = beganMsOf(own);
        const missing = before === null ? null : Math.max(0, before - jobs.length);
        before = jobs.length;
        const good = count('success');
        const bad = count('failure', 'timed_out');
        const verdict =
          bad > 0
            ? 'failure'
            : overdue
              ? 'overdue'
              : running.length > 0
                ? 'running'
                : (missing ?? 0) > 0
                  ? toMs - beganMs <= config.overdueMinutes * minuteMs
                    ? 'running'
                    : 'partial'
                  : good > 0
                    ? 'success'
                    : 'none';
        const { downstream_repo: backend, event_type: event, pytorch_head_sha: sha } = own[0]!;
        return {
          line: lineOf(own[0]!),
          backend,
          event,
          sha,
          beganMs,
          jobs: jobs.length,
          good,
          bad,
          running: running.length,
          missing,
          verdict,
        };
      });
  });
}

const standingOf = (rows: WorkflowJobRow[]) =>
  groups(runsOf(rows.filter((row) => msOf(row) >= toMs - 30 * dayMs)), ({ line }) => line).map((runs) => {
    const newestFirst = runs.toSorted((a, b) => b.beganMs - a.beganMs);
    const newest = newestFirst[0]!;
    const decided = newestFirst.filter(({ verdict }) => ['success', 'failure', 'partial'].includes(verdict));
    const end = decided.findIndex(({ verdict }) => verdict !== decided[0]!.verdict);
    const streak = end === -1 ? decided : decided.slice(0, end);
    return {
      backend: newest.backend,
      event: newest.event,
      verdict: newest.verdict,
      // Whole seconds passed, as hours.
      hours: Math.floor((toMs - newest.beganMs) / hourMs),
      streak: streak[0]?.verdict ?? null,
      streak_runs: streak.length === 0 ? null : streak.length,
      streak_since: streak.length === 0 ? null : dateTimeOfMs(streak.at(-1)!.beganMs),
      jobs: newest.jobs,
      good: newest.good,
      bad: newest.bad,
      running: newest.running,
      missing: newest.missing,
      sha: newest.sha,
    };
  });

const sorted = (values: unknown[]) => values.map((value) => JSON.stringify(value)).sort();

const rowArbitrary = fc.record({
  downstream_repo: fc.constantFrom('b/1', quoted),
  event_type: fc.constantFrom('nightly', 'nightly', 'nightly', 'periodic', 'pull_request'),
  night: fc.integer({ min: 0, max: 11 }),
  workflow_name: fc.constantFrom('w1', "w'2"),
  job_name: fc.constantFrom('j1', 'j2'),
  run_attempt: fc.integer({ min: 1, max: 2 }),
  conclusion: fc.constantFrom(
    'success',
    'success',
    'success',
    'success',
    'failure',
    'timed_out',
    'cancelled',
    'running',
  ),
  minutes: fc.integer({ min: 0, max: 350 }),
});

describe('oot-nightly', () => {
  beforeEach(clear);

  it('shows what a plain count of the callbacks gives, for any history', async () => {
    await register(['b/1', 'L3'], [quoted, 'L2']);
    await fc.assert(
      fc.asyncProperty(fc.array(rowArbitrary, { minLength: 1, maxLength: 60 }), async (drawn) => {
        const rows = drawn.map(({ night: n, minutes, conclusion, ...rest }, index) =>
          job(`night ${n}`, 0, {
            ...rest,
            delivery_id: `night ${n} ${rest.event_type}`,
            // Nights lie whole days and an hour apart from the bounds; no two attempts at the same instant.
            received_at: dateTimeOfMs(toMs - n * dayMs - 5 * minuteMs - minutes * minuteMs - index),
            ...(conclusion === 'running'
              ? { status: 'in_progress', conclusion: '', state: 'running', completed_at: null }
              : { conclusion }),
          }),
        );
        await clear();
        await insert(rows);
        const runs = runsOf(rows).filter(({ beganMs }) => beganMs >= fromMs);

        const shown = await ask<object>(
          pick('backend, event, sha, verdict, jobs, good, bad, running', nightlyRunsSql),
        );
        // What a run is compared with lies in the 7 days before the range, where there is one.
        const inReach = runsOf(rows.filter((row) => msOf(row) >= fromMs - 7 * dayMs));
        expect(sorted(shown)).toEqual(
          sorted(
            inReach
              .filter(({ beganMs }) => beganMs >= fromMs)
              .map(({ backend, event, sha, verdict, jobs, good, bad, running }) => ({
                backend,
                event,
                sha,
                verdict,
                jobs,
                good,
                bad,
                running,
              })),
          ),
        );
        expect(runs).toHaveLength(shown.length);

        const standing = standingOf(rows);
        expect(
          sorted(
            await ask<object>(
              pick(
                'backend, event, verdict, toUInt32(floor(hours_since)) AS hours, streak, streak_runs, streak_since, jobs, good, bad, running, missing, sha',
                nightlyStandingSql,
              ) + " WHERE event != ''",
            ),
          ),
        ).toEqual(sorted(standing));
        const some = <T>(value: T) => (standing.length === 0 ? [] : [value]);
        expect(await ask(nightlyNewestSql('failure'))).toEqual(
          some({ runs: standing.filter(({ verdict }) => verdict === 'failure').length }),
        );
        expect(await ask(nightlyNewestSql('partial'))).toEqual(
          some({ runs: standing.filter(({ verdict }) => verdict === 'partial').length }),
        );
        const newest = groups(runsOf(rows), ({ line }) => line).map((own) =>
          Math.max(...own.map(({ beganMs }) => beganMs)),
        );
        expect(await ask(nightlyLateSql)).toEqual(
          some({ late: newest.filter((beganMs) => toMs - beganMs >= 30 * hourMs + 1_000).length }),
        );
        expect(
          (await ask<{ hours: number }>(pick('toUInt32(floor(hours_since)) AS hours', nightlyHoursSql))).map(
            ({ hours }) => hours,
          ),
        ).toEqual(newest.map((beganMs) => Math.floor((toMs - beganMs) / hourMs)).sort((a, b) => b - a));

        const good = runs.reduce((sum, run) => sum + run.good, 0);
        const bad = runs.reduce((sum, run) => sum + run.bad, 0);
        const rate = await ask<{ success_rate: number }>(nightlyRangeRateSql);
        expect(rate).toEqual(
          good + bad === 0 ? [] : [{ success_rate: expect.closeTo(good / (good + bad), 9) as number }],
        );
        const days = await ask<Record<string, number>>(nightlyRunsByDaySql);
        for (const [column, verdicts] of Object.entries({
          good: ['success'],
          bad: ['failure'],
          partial: ['partial'],
          running: ['running', 'overdue'],
          uncounted: ['none'],
        })) {
          expect(days.reduce((sum, day) => sum + day[column]!, 0)).toBe(
            inReach.filter(({ beganMs, verdict }) => beganMs >= fromMs && verdicts.includes(verdict)).length,
          );
        }
      }),
      { numRuns: 30 },
    );
  });

  it('counts streaks and hours, and calls a run partial that has fewer jobs than the one before', async () => {
    await register(['b/good', 'L3'], ['b/never', 'L1']);
    await insert([
      ...night('n1', 100, 'gbg', { downstream_repo: 'b/good' }),
      ...night('n2', 76, 'ggg', { downstream_repo: 'b/good' }),
      ...night('n3', 52, 'ggc', { downstream_repo: 'b/good' }),
      ...night('n4', 28, 'ggg', { downstream_repo: 'b/good' }),
      ...night('n5', 4, 'ggg', { downstream_repo: 'b/good' }),
      ...night('n2', 76, 'ggg', { downstream_repo: 'b/partial' }),
      ...night('n3', 52, 'gg', { downstream_repo: 'b/partial' }),
      ...night('n2', 76, 'gbg', { downstream_repo: 'b/arriving' }),
      ...night('n5', 4, 'gg', { downstream_repo: 'b/arriving' }),
    ]);
    const rows = await ask(
      pick(
        'backend, level, verdict, round(hours_since) AS hours, streak, streak_runs, streak_since, jobs, missing',
        nightlyStandingSql,
      ),
    );
    const since = (hoursAgo: number) => dateTimeOfMs(toMs - hoursAgo * hourMs);
    const unregistered = { level: 'not registered', streak_runs: 1, missing: 1, jobs: 2 };
    expect(rows).toEqual([
      {
        ...unregistered,
        backend: 'b/partial',
        verdict: 'partial',
        hours: 52,
        streak: 'partial',
        streak_since: since(52),
      },
      {
        ...unregistered,
        backend: 'b/arriving',
        verdict: 'running',
        hours: 4,
        streak: 'failure',
        streak_since: since(76),
      },
      {
        backend: 'b/good',
        level: 'L3',
        verdict: 'success',
        hours: 4,
        streak: 'success',
        streak_runs: 4,
        streak_since: since(76),
        jobs: 3,
        missing: 0,
      },
      {
        backend: 'b/never',
        level: 'L1',
        verdict: null,
        hours: null,
        streak: null,
        streak_runs: null,
        streak_since: null,
        jobs: null,
        missing: null,
      },
    ]);
    expect(await ask(nightlyLateSql)).toEqual([{ late: 1 }]);
    expect(await ask(pick('run, round(hours_since) AS hours', nightlyHoursSql))).toEqual([
      { run: 'b/partial · nightly', hours: 52 },
      { run: 'b/arriving · nightly', hours: 4 },
      { run: 'b/good · nightly', hours: 4 },
    ]);
  });

  it('does not let the re-run of an old night make it the newest, nor hide how late the backend is', async () => {
    await insert([
      ...night('old', 90, 'bg'),
      ...night('new', 66, 'gg'),
      ...night('old', 2, 'b', { run_attempt: 2 }),
    ]);
    expect(
      await ask(pick('sha, verdict, round(hours_since) AS hours', nightlyStandingSql), {
        backend: ['pytorch-labs/ascend-pytorch'],
      }),
    ).toEqual([{ sha: 'new', verdict: 'success', hours: 66 }]);
    expect(await ask(nightlyLateSql)).toEqual([{ late: 1 }]);
  });

  it('shows no run of a night before all it looks at, though some of its jobs were run again', async () => {
    await insert([
      ...night('old', 20 * 24, 'ggg'),
      ...night('first', 60, 'gg'),
      ...night('old', 40, 'b', { run_attempt: 2 }),
      ...night('short', 20, 'g'),
    ]);
    expect(await ask(pick('sha, verdict, missing', nightlyRunsSql))).toEqual([
      { sha: 'short', verdict: 'partial', missing: 1 },
      { sha: 'first', verdict: 'success', missing: null },
    ]);
  });

  it('compares the first run of the range with the one before the range', async () => {
    await insert([...night('before', 7 * 24 + 10, 'ggg'), ...night('first', 7 * 24 - 14, 'gg')]);
    expect(await ask(pick('sha, verdict, missing', nightlyRunsSql))).toEqual([
      { sha: 'first', verdict: 'partial', missing: 1 },
    ]);
  });

  it('ends a state on the timeline when no run has followed for 30 h', async () => {
    await insert([...night('n1', 100, 'g'), ...night('n2', 76, 'b'), ...night('n3', 10, 'g')]);
    expect(
      await ask(
        pick("round(dateDiff('second', time, $__toTime_ms) / 3600) AS hours, verdict", nightlyTimelineSql),
      ),
    ).toEqual([
      { hours: 100, verdict: 'success' },
      { hours: 76, verdict: 'failure' },
      { hours: 46, verdict: 'none' },
      { hours: 10, verdict: 'success' },
    ]);
  });

  it('lists what was unexpected within the last 24 h, and nothing where nobody reported', async () => {
    expect(await ask(nightlyUnexpectedCountSql)).toEqual([]);
    await insert([
      ...night('n1', 30, 'b'),
      ...night('n2', 20, 'gbtcs', { downstream_repo: quoted }),
      ...night('n2', 19, 'g', { downstream_repo: 'pytorch/crcr-test', job_name: 'xfail' }),
      ...night('n2', 18, 'b', { downstream_repo: 'pytorch/crcr-test', job_name: 'other xfail' }),
      ...night('n2', 17, 'b', { event_type: 'pull_request', pr_number: 5 }),
    ]);
    expect(await ask(nightlyUnexpectedCountSql)).toEqual([{ unexpected: 3 }]);
    expect(await ask(pick('backend, job, outcome, expected_outcome', nightlyUnexpectedSql))).toEqual([
      { backend: 'pytorch/crcr-test', job: 'xfail', outcome: 'success', expected_outcome: 'failure' },
      { backend: quoted, job: 'job 2', outcome: 'timed_out', expected_outcome: 'success' },
      { backend: quoted, job: 'job 1', outcome: 'failure', expected_outcome: 'success' },
    ]);
  });

  it.each<[Record<string, VariableValue>, string[]]>([
    [{}, ['a', 'b', 'c']],
    [{ backend: [quoted] }, ['b']],
    [{ backend: [quoted, 'b/1'] }, ['a', 'b']],
    [{ event: ['periodic'] }, ['c']],
    [{ event: ['nightly', 'periodic'] }, ['a', 'b', 'c']],
    [{ level: ['L2'] }, ['b']],
    [{ upstream: ["it's/up"] }, ['c']],
    [{ event: ['pull_request'] }, []],
  ])('lets through what the variables %j say', async (variables, shas) => {
    await register(['b/1', 'L3'], [quoted, 'L2']);
    await insert([
      ...night('a', 5, 'g', { downstream_repo: 'b/1' }),
      ...night('b', 4, 'g', { downstream_repo: quoted }),
      ...night('c', 3, 'g', { downstream_repo: 'b/3', event_type: 'periodic', upstream_repo: "it's/up" }),
      ...night('d', 2, 'g', { downstream_repo: 'b/1', event_type: 'pull_request', pr_number: 7 }),
    ]);
    const shown = await ask<{ sha: string }>(pick('sha', nightlyRunsSql), variables);
    expect(shown.map(({ sha }) => sha).sort()).toEqual(shas);
    const standing = await ask<{ sha: string }>(
      pick('sha', nightlyStandingSql) + " WHERE sha != ''",
      variables,
    );
    expect(standing.map(({ sha }) => sha).sort()).toEqual(shas);
  });

  it('gives rates by day and backend', async () => {
    await insert([
      ...night('a', 5, 'ggbc', { downstream_repo: quoted }),
      ...night('b', 4, 'cs', { downstream_repo: 'b/1' }),
    ]);
    expect(await ask(pick('backend, round(success_rate, 3) AS rate', nightlyRateByBackendSql))).toEqual([
      { backend: quoted, rate: 0.667 },
    ]);
  });

  it('answers every query of the page on the demo history', async () => {
    await loadDemo(clickHouse.client, { source: 'backfill' });
    const range = { fromMs: demoNowMs - 7 * dayMs, toMs: demoNowMs };
    const { panels = [] } = nightlyDashboard();
    const queries = panels.flatMap((panel) =>
      'targets' in panel ? (panel.targets ?? []) : [],
    ) as unknown as { rawSql: string }[];
    expect(queries).toHaveLength(13);
    for (const { rawSql } of queries) expect(await ask(rawSql, {}, range)).not.toEqual([]);
    const standing = await ask<{
      backend: string;
      verdict: string;
      streak_runs: number;
      hours_since: number;
    }>(nightlyStandingSql, {}, range);
    expect(standing[0]).toMatchObject({ backend: 'novaforge-ai/torch-novaforge' });
    expect(standing.find(({ backend }) => backend === 'tessera-ai/torch-tessera')).toMatchObject({
      verdict: 'failure',
      streak: 'failure',
      streak_runs: 3,
    });
  });
});
