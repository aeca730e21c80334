import { marshall } from '@aws-sdk/util-dynamodb';
import fc from 'fast-check';
import { loadBackends, type Backend } from '../../clickhouse/backends';
import { config } from '../../dashboards/config';
import { settingOf, type Setting } from '../../dashboards/settings';
import { summaryDashboard } from '../../dashboards/summary';
import { foldCallbacks } from '../../local/demo/items';
import type { TimedCallback } from '../../local/demo/jobs';
import { changeOfItem } from '../../replicator/change';
import { createSink } from '../../replicator/sink';
import { completed, inProgress, swept } from '../helpers/callbacks';
import { startClickHouse, type TestClickHouse } from '../helpers/engines';
import { expandQuery, type VariableValue } from '../helpers/grafana';
import { clearAttempts } from '../helpers/rows';

/*
 * Every number of the stats and of the backends' table, computed a second time in plain TypeScript from what
 * was sent, and compared with what the dashboard's own queries say.
 */

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/* What happened: check runs, and the callbacks about them that arrived. */

type CheckRun = {
  repo: string;
  upstream: string;
  event: 'pull_request' | 'push' | 'nightly';
  /** Which pull request, push or night: 0 to 2. */
  change: number;
  job: string;
  attempt: 1 | 2;
  /** Minutes before the tests' now at which each callback arrives; null: it never does. At least one does. */
  start: number | null;
  sweep: number | null;
  end: number | null;
  conclusion: string;
  /** Minutes from the start to the end, by the sender's clock. */
  took: number;
  executionSeconds: number | null;
  queueSeconds: number | null;
};

const fields = (run: CheckRun, index: number) => {
  const sha = `${run.event}${run.change}`.replace('_', '').padEnd(40, '0');
  return {
    sha,
    pr: run.event === 'pull_request' ? 1_000 + run.change : 0,
    deliveryId: run.event === 'nightly' ? sha : `delivery-${sha}`,
    runId: `${run.upstream}-${sha}-${run.repo}`.replaceAll('/', '-').slice(0, 60),
    // Zeros, so that keys sort as the numbers do.
    checkRunId: String(1_000_000 + index),
  };
};

function callbacksOf(run: CheckRun, index: number, nowMs: number): TimedCallback[] {
  const { sha, pr, deliveryId, runId, checkRunId } = fields(run, index);
  const repository = { full_name: run.upstream };
  const payload =
    run.event === 'pull_request'
      ? { repository, pull_request: { number: pr, head: { sha } } }
      : run.event === 'push'
        ? { repository, after: sha }
        : { repository, head_sha: sha };
  const at = (minutes: number) => nowMs - minutes * minuteMs;
  const time = (ms: number) => new Date(ms).toISOString().replace('Z', '456Z');
  const startedMs = at(run.start ?? 0);
  const parts = (workflow: Record<string, unknown>, metrics: Record<string, unknown>) => ({
    trusted: { verified_repo: run.repo, downstream_repo_level: 'L2', ci_metrics: metrics },
    payload: { event_type: run.event, delivery_id: deliveryId, payload },
    workflow: {
      name: 'ci',
      job_name: run.job,
      check_run_id: checkRunId,
      run_id: runId,
      run_attempt: String(run.attempt),
      ...workflow,
    },
  });
  const bodies: [number | null, unknown][] = [
    [
      run.start,
      inProgress(
        parts({ started_at: time(startedMs) }, { queue_time: run.queueSeconds, execution_time: null }),
      ),
    ],
    [
      run.sweep,
      swept(
        parts(
          { started_at: time(startedMs), completed_at: `${time(startedMs + 6 * hourMs).slice(0, 19)}Z` },
          { queue_time: null, execution_time: 21_600 },
        ),
      ),
    ],
    [
      run.end,
      completed(
        parts(
          { conclusion: run.conclusion, completed_at: time(startedMs + run.took * minuteMs) },
          { queue_time: null, execution_time: run.executionSeconds },
        ),
      ),
    ],
  ];
  return bodies.flatMap(([minutes, body]) =>
    minutes === null ? [] : [{ atMs: at(minutes), body: body as TimedCallback['body'] }],
  );
}

/* The oracle: what the definitions make of them. */

type Seen = CheckRun &
  ReturnType<typeof fields> & {
    key: string;
    receivedMs: number;
    outcome: string;
    outcomeMs: number | null;
    durationSeconds: number | null;
    isCounted: boolean;
    isGood: boolean;
    isOverdue: boolean;
  };

function see(run: CheckRun, index: number, nowMs: number): Seen {
  const arrivals = [run.start, run.sweep, run.end].filter((minutes) => minutes !== null);
  const receivedMs = nowMs - Math.max(...arrivals) * minuteMs;
  const outcome = run.end !== null ? run.conclusion : run.sweep !== null ? 'timed_out' : 'running';
  const outcomeAt = run.end ?? run.sweep;
  const knowsStart = run.start !== null || run.sweep !== null;
  const measured = run.executionSeconds !== null && run.executionSeconds > 0 ? run.executionSeconds : null;
  // The sweeper's time has whole seconds: it writes none of the start's fraction.
  const sweptSeconds = 6 * 3_600 - ((nowMs % 1_000) / 1_000 + 0.000456);
  const announced = run.job.includes('xfail')
    ? 'failure'
    : run.job.includes('xcancel')
      ? 'cancelled'
      : 'success';
  const expected = run.repo === probe ? announced : 'success';
  return {
    ...run,
    ...fields(run, index),
    key: [run.repo, fields(run, index).deliveryId, 'ci', run.job, fields(run, index).checkRunId].join('/'),
    receivedMs,
    outcome,
    outcomeMs: outcomeAt === null ? null : nowMs - outcomeAt * minuteMs,
    durationSeconds:
      outcome === 'running'
        ? null
        : run.end === null
          ? sweptSeconds
          : knowsStart && run.took > 0
            ? run.took * 60
            : measured,
    isCounted: ['success', 'failure', 'timed_out'].includes(outcome) || outcome === expected,
    isGood: outcome === expected,
    isOverdue: outcome === 'running' && nowMs - receivedMs > config.overdueMinutes * minuteMs,
  };
}

const jobOf = (seen: Seen): string =>
  JSON.stringify([seen.upstream, seen.pr, seen.sha, seen.event, seen.repo, seen.job]);

function jobsOf(seen: Seen[], fromMs: number, toMs: number): Seen[] {
  const jobs = new Map<string, Seen>();
  for (const one of seen.filter(({ receivedMs }) => receivedMs >= fromMs && receivedMs < toMs)) {
    const other = jobs.get(jobOf(one));
    const isNewer =
      !other ||
      (one.attempt - other.attempt || one.receivedMs - other.receivedMs || (one.key > other.key ? 1 : -1)) >
        0;
    if (isNewer) jobs.set(jobOf(one), one);
  }
  return [...jobs.values()];
}

const rateOf = (jobs: Seen[]): number | null => {
  const counted = jobs.filter(({ isCounted }) => isCounted);
  return counted.length === 0 ? null : counted.filter(({ isGood }) => isGood).length / counted.length;
};

function quantileOf(values: (number | null)[], level: number): number | null {
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
  if (sorted.length === 0) return null;
  const place = level * (sorted.length - 1);
  const low = sorted[Math.floor(place)]!;
  return low + (place - Math.floor(place)) * (sorted[Math.ceil(place)]! - low);
}

/** Newest first; of two of the same millisecond, the good one. */
const newestCounted = (jobs: Seen[]) =>
  jobs
    .filter(({ isCounted }) => isCounted)
    .sort((a, b) => b.receivedMs - a.receivedMs || Number(b.isGood) - Number(a.isGood));

const lastResultOf = (seen: Seen[], toMs: number): number | null => {
  const arrived = seen.flatMap(({ receivedMs, outcomeMs }) =>
    receivedMs < toMs && outcomeMs !== null && outcomeMs <= toMs ? [outcomeMs] : [],
  );
  return arrived.length === 0 ? null : Math.max(...arrived);
};

/** As it was known at the end of the range. */
const asOf =
  (toMs: number) =>
  (one: Seen): Seen =>
    one.outcomeMs !== null && one.outcomeMs <= toMs
      ? one
      : {
          ...one,
          outcome: 'running',
          isCounted: false,
          isGood: false,
          isOverdue: toMs - one.receivedMs > config.overdueMinutes * minuteMs,
        };

function stateOf({ repo, level }: Backend, seen: Seen[], jobs: Seen[], toMs: number): string {
  const own = (setting: Setting) => settingOf(setting, level, repo);
  const [lastJobs, minJobs, brokenJobs] = [
    own(config.state.lastJobs),
    own(config.state.minJobs),
    own(config.state.brokenJobs),
  ];
  const last = newestCounted(jobs).slice(0, lastJobs);
  const rate = rateOf(last) ?? 0;
  const lastResult = lastResultOf(seen, toMs);
  const reported = seen.filter(
    ({ outcomeMs, receivedMs }) => receivedMs < toMs && outcomeMs !== null && outcomeMs <= toMs,
  );
  const patience = reported.every(({ event }) => event === 'nightly')
    ? own(config.silentHours.nightlyOnly)
    : own(config.silentHours.perPullRequest);
  const overdue = jobs.filter(({ isOverdue }) => isOverdue).map(({ receivedMs }) => receivedMs);
  if (lastResult !== null && toMs - lastResult > patience * hourMs) return 'silent';
  if (last.length >= brokenJobs && last.slice(0, brokenJobs).every(({ isGood }) => !isGood)) return 'broken';
  if (last.length >= minJobs && rate < own(config.state.failingUnder)) return 'failing';
  if (Math.max(0, ...overdue) > (last[0]?.receivedMs ?? 0)) return 'overdue';
  if (last.length >= minJobs) return rate < config.successRate.good ? 'unstable' : 'healthy';
  if (jobs.some(({ outcome, isOverdue }) => outcome === 'running' && !isOverdue)) return 'running';
  return lastResult === null ? 'no data' : 'too few jobs';
}

const worstFirst = [
  'broken',
  'failing',
  'silent',
  'overdue',
  'unstable',
  'running',
  'healthy',
  'too few jobs',
  'no data',
];

const second = (ms: number | null): string | null =>
  ms === null ? null : new Date(ms).toISOString().replace('T', ' ').slice(0, 19);

function expectedRow(backend: Backend, all: Seen[], fromMs: number, toMs: number) {
  const { repo, level, oncalls } = backend;
  const seen = all.filter((one) => one.repo === repo);
  const jobs = jobsOf(seen, fromMs, toMs);
  const rate = rateOf(jobs);
  const before = rateOf(jobsOf(seen, fromMs - (toMs - fromMs), fromMs));
  const bad = jobs.filter(({ isCounted, isGood }) => isCounted && !isGood);
  const timedOut = bad.filter(({ outcome }) => outcome === 'timed_out').length;
  const runs = new Map<string, Seen[]>();
  for (const one of seen.filter(({ attempt }) => attempt === 1)) {
    runs.set(one.runId, [...(runs.get(one.runId) ?? []), one]);
  }
  const begunInRange = [...runs.values()].filter((attempts) => {
    const begunMs = Math.min(...attempts.map(({ receivedMs }) => receivedMs));
    return begunMs >= fromMs && begunMs < toMs;
  });
  const queues = begunInRange.map((attempts) => {
    const known = attempts
      .filter(({ start }) => start !== null)
      .flatMap(({ queueSeconds }) => (queueSeconds === null ? [] : [queueSeconds]));
    return known.length === 0 ? null : Math.max(...known);
  });
  const ageMs = config.state.maxAgeDays.default * dayMs;
  const recent = jobsOf(seen, fromMs - ageMs, toMs).filter(({ receivedMs }) => receivedMs >= toMs - ageMs);
  const history = newestCounted(jobsOf(seen, 0, toMs));
  const firstGood = history.findIndex(({ isGood }) => isGood);
  const streak = firstGood === -1 ? history : history.slice(0, firstGood);
  const durations = jobs.filter(({ isCounted }) => isCounted).map(({ durationSeconds }) => durationSeconds);
  return {
    level,
    backend: repo,
    state: stateOf(backend, seen, recent.map(asOf(toMs)), toMs),
    success_rate: rate,
    change: rate === null || before === null ? null : rate - before,
    successes: jobs.filter(({ isCounted, isGood }) => isCounted && isGood).length,
    failures: bad.length - timedOut,
    timed_out: timedOut,
    prs: new Set(jobs.filter(({ pr }) => pr > 0).map(({ upstream, pr }) => `${upstream}#${pr}`)).size,
    median_seconds: quantileOf(durations, 0.5),
    p95_seconds: quantileOf(durations, 0.95),
    median_queue_seconds: quantileOf(queues, 0.5),
    last_result_at: second(lastResultOf(seen, toMs)),
    failing_since: second(streak.at(-1)?.receivedMs ?? null),
    oncalls: oncalls.join(', '),
  };
}

/* Both, side by side. */

const probe = 'pytorch/crcr-test';
const registered: Backend[] = [
  { repo: 'a/strict', level: 'L4', device: '', oncalls: ['ann', 'al'] },
  { repo: 'b/busy', level: 'L3', device: 'npu', oncalls: ['bo'] },
  { repo: 'c/nightly', level: 'L2', device: '', oncalls: [] },
  { repo: probe, level: 'L2', device: '', oncalls: ['ines'] },
  { repo: 'e/never', level: 'L1', device: '', oncalls: [] },
];
const stranger = 'x/unregistered';

const dashboard = summaryDashboard();
const sqlOf = (id: number): string => {
  const panel = dashboard.panels!.find((one) => one.id === id) as unknown as {
    targets: { rawSql: string }[];
  };
  return panel.targets[0]!.rawSql;
};

let clickHouse: TestClickHouse;
beforeAll(async () => {
  clickHouse = await startClickHouse();
  await loadBackends(clickHouse.client, registered, Date.now());
});
afterAll(() => clickHouse.stop());

async function replay(runs: CheckRun[], nowMs: number): Promise<void> {
  await clearAttempts(clickHouse.client);
  const timed = runs.flatMap((run, index) => callbacksOf(run, index, nowMs)).sort((a, b) => a.atMs - b.atMs);
  // Everything twice, as the relay does when an answer gets lost.
  const { items } = foldCallbacks([...timed, ...timed].sort((a, b) => a.atMs - b.atMs));
  const changes = items.map((item) => changeOfItem(marshall(item, { removeUndefinedValues: true })));
  const sink = createSink({ client: clickHouse.client, now: Date.now });
  const written = await sink.write(changes, 'stream');
  await sink.settle();
  expect(written).toEqual({ rows: items.length, quarantined: 0, skipped: 0 });
}

type Choice = Record<'level' | 'backend' | 'upstream' | 'event_type', string[]>;
const everything: Choice = {
  level: ['$__all'],
  backend: ['$__all'],
  upstream: ['$__all'],
  event_type: ['$__all'],
};

const ask = <T>(id: number, fromMs: number, toMs: number, choice: Record<string, VariableValue>) =>
  clickHouse.rows<T>(expandQuery(sqlOf(id), { fromMs, toMs, variables: choice }));

const lets = (chosen: string[], value: string): boolean => chosen[0] === '$__all' || chosen.includes(value);

const round = (row: object) =>
  Object.fromEntries(
    Object.entries(row).map(([column, value]: [string, unknown]) => [
      column,
      typeof value === 'number' ? Number(value.toFixed(6)) : value,
    ]),
  );

/** Compares every stat and every cell of the table. */
async function compare(runs: CheckRun[], nowMs: number, fromMs: number, toMs: number, choice = everything) {
  const levels = new Map(registered.map(({ repo, level }) => [repo, level as string]));
  const seen = runs
    .map((run, index) => see(run, index, nowMs))
    .filter(
      (one) =>
        lets(choice.level, levels.get(one.repo) ?? '') &&
        lets(choice.backend, one.repo) &&
        lets(choice.upstream, one.upstream) &&
        lets(choice.event_type, one.event),
    );
  const rows = registered
    .filter(({ repo, level }) => lets(choice.level, level) && lets(choice.backend, repo))
    .map((backend) => expectedRow(backend, seen, fromMs, toMs))
    .sort(
      (a, b) =>
        worstFirst.indexOf(a.state) - worstFirst.indexOf(b.state) ||
        (a.success_rate ?? 2) - (b.success_rate ?? 2) ||
        (a.level < b.level ? 1 : a.level > b.level ? -1 : a.backend < b.backend ? -1 : 1),
    );
  const table = await ask<object>(10, fromMs, toMs, choice);
  expect(table.map(round)).toEqual(rows.map(round));

  const jobs = jobsOf(seen, fromMs, toMs);
  const values = async (id: number) =>
    (await ask<Record<string, unknown>>(id, fromMs, toMs, choice)).map(
      (row) => Object.entries(row).find(([column]) => column !== 'time')![1] as number,
    );
  const last = async (id: number) => (await values(id)).at(-1) ?? null;
  const sum = async (id: number) => (await values(id)).reduce((total, value) => total + value, 0);
  const inState = (...words: string[]) => rows.filter(({ state }) => words.includes(state)).length;
  const newest = lastResultOf(seen, toMs);
  expect({
    failing: await last(1),
    successRate: await last(2),
    jobs: await sum(3),
    running: await sum(4),
    overdue: await sum(5),
    silent: await last(6),
    ageSeconds: await last(7),
  }).toEqual({
    failing: rows.length === 0 ? null : inState('broken', 'failing'),
    successRate: rateOf(jobs),
    jobs: jobs.length,
    running: jobs.filter(({ outcome, isOverdue }) => outcome === 'running' && !isOverdue).length,
    overdue: jobs.filter(({ isOverdue }) => isOverdue).length,
    silent: rows.length === 0 ? null : inState('silent'),
    ageSeconds: newest === null ? null : (toMs - newest) / 1_000,
  });
}

/* Histories. */

const run = (overrides: Partial<CheckRun>): CheckRun => ({
  repo: 'b/busy',
  upstream: 'pytorch/pytorch',
  event: 'pull_request',
  change: 0,
  job: 'test',
  attempt: 1,
  start: 100,
  sweep: null,
  end: 70,
  conclusion: 'success',
  took: 30,
  executionSeconds: 1_800,
  queueSeconds: 40,
  ...overrides,
});

/** Minutes ago; not where what is overdue now may be judged otherwise a moment later. */
const ago = fc.oneof(
  fc.integer({ min: -30, max: 350 }),
  fc.integer({ min: 400, max: 3_000 }),
  fc.integer({ min: 3_000, max: 17 * 1_440 }),
  fc.constantFrom(7 * 1_440, 2 * 1_440, 36 * 60, 30 * 60, 14 * 1_440),
);

const checkRun: fc.Arbitrary<CheckRun> = fc
  .record({
    repo: fc.constantFrom('a/strict', 'b/busy', 'b/busy', 'c/nightly', probe, stranger),
    upstream: fc.constantFrom('pytorch/pytorch', 'pytorch/pytorch', 'pytorch/vision'),
    event: fc.constantFrom('pull_request' as const, 'push' as const, 'nightly' as const),
    change: fc.nat({ max: 2 }),
    job: fc.constantFrom('test', 'build', 'xfail', 'xcancel', 'lint'),
    attempt: fc.constantFrom(1 as const, 1 as const, 2 as const),
    first: ago,
    arrives: fc.constantFrom('both', 'both', 'both', 'start', 'end', 'sweep', 'sweep and end', 'end first'),
    conclusion: fc.constantFrom(
      'success',
      'success',
      'success',
      'failure',
      'failure',
      'timed_out',
      'cancelled',
      'skipped',
      'neutral',
    ),
    took: fc.integer({ min: -5, max: 240 }),
    executionSeconds: fc.constantFrom(null, 0, 90.5, 7_200),
    queueSeconds: fc.constantFrom(null, 0, 12.5, 40, 600),
  })
  .map(({ first, arrives, ...rest }) => {
    const isNightly = rest.repo === 'c/nightly';
    const later = Math.max(first - 60, -30);
    return {
      ...rest,
      ...(isNightly && { event: 'nightly' as const }),
      start: arrives === 'end' ? null : arrives === 'end first' ? later : first,
      sweep: arrives.startsWith('sweep') ? later : null,
      end: ['start', 'sweep'].includes(arrives) ? null : arrives === 'end first' ? first : later,
    };
  });

const someOf = (...values: string[]): fc.Arbitrary<string[]> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant<string[]>(['$__all']) },
    { weight: 1, arbitrary: fc.subarray(values, { minLength: 1 }) },
  );

const choices: fc.Arbitrary<Choice> = fc.record({
  level: someOf('L1', 'L2', 'L3', 'L4'),
  backend: someOf('a/strict', 'b/busy', probe, stranger, "it's/nobody"),
  upstream: someOf('pytorch/pytorch', 'pytorch/vision', "o'b/c"),
  event_type: someOf('pull_request', 'push', 'nightly', '"'),
});

describe('the stats and the table of backends', () => {
  it('say what an oracle says, of any history, range and choice', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(checkRun, { maxLength: 60 }),
        fc.constantFrom<[days: number, daysAgo: number]>([7, 0], [7, 2], [1, 0], [3, 3], [20, 0]),
        choices,
        async (runs, [days, daysAgo], choice) => {
          const nowMs = Date.now();
          const toMs = nowMs - daysAgo * dayMs;
          await replay(runs, nowMs);
          await compare(runs, nowMs, toMs - days * dayMs, toMs, choice);
          await compare(runs, nowMs, toMs - days * dayMs, toMs);
        },
      ),
      { numRuns: 25 },
    );
  });

  /** Minutes ago, newest first: one counted job each, on a change of its own. */
  const streak = (words: string, overrides: Partial<CheckRun> = {}): CheckRun[] =>
    words
      .split(' ')
      .map((conclusion, index) =>
        run({ conclusion, job: `job ${index}`, start: 100 + 10 * index, end: 70 + 10 * index, ...overrides }),
      );
  const ok = (count: number) => Array<string>(count).fill('success').join(' ');
  const no = (count: number) => Array<string>(count).fill('failure').join(' ');
  const running = (minutes: number, overrides: Partial<CheckRun> = {}) =>
    run({ job: 'running', start: minutes, end: null, ...overrides });

  it.each<[string, string, CheckRun[]]>([
    ['no data', 'never sent anything', []],
    ['running', 'has never had a result but runs', [running(20)]],
    ['overdue', 'has never had a result, and never will', [running(500)]],
    ['too few jobs', 'has 4 counted jobs', streak(no(4))],
    ['too few jobs', 'has no counted job', streak('cancelled skipped neutral')],
    ['running', 'has 4 counted jobs and runs another', [...streak(ok(4)), running(20)]],
    ['healthy', 'has 5 counted jobs', streak(ok(5))],
    ['healthy', 'has 19 good ones of 20', streak(`failure ${ok(19)}`)],
    ['unstable', 'has 18 good ones of 20', streak(`failure timed_out ${ok(18)}`)],
    ['unstable', 'has 16 good ones of 20', streak(`${no(4)} ${ok(16)}`)],
    ['failing', 'has 15 good ones of 20', streak(`${no(4)} success failure ${ok(14)}`)],
    ['failing', 'has 4 bad ones, then a good one, then nothing', streak(`${no(4)} success`)],
    ['healthy', 'had 20 bad ones before 20 good ones', streak(`${ok(20)} ${no(20)}`)],
    ['broken', 'has 5 bad ones in a row', streak(`${no(5)} ${ok(30)}`)],
    [
      'broken',
      'has 5 bad ones in a row but for cancelled ones',
      streak(`${no(3)} cancelled ${no(2)} ${ok(30)}`),
    ],
    [
      'healthy',
      'had 5 bad ones that passed when they were run again',
      [...streak(no(5)), ...streak(ok(5), { attempt: 2, start: 60, end: 30 })],
    ],
    [
      'overdue',
      'lost a job after its newest counted one',
      [...streak(ok(20), { start: 900, end: 870 }), running(500)],
    ],
    ['healthy', 'lost a job before its newest counted one', [...streak(ok(20)), running(500)]],
    [
      'failing',
      'fails and lost a job',
      [...streak(`${no(4)} success`, { start: 900, end: 870 }).slice(0, 5), running(500)],
    ],
    ['healthy', 'had its last result 36 h ago', streak(ok(5), { start: 36 * 60 + 30, end: 36 * 60 })],
    [
      'silent',
      'had its last result 36 h and a minute ago',
      streak(ok(5), { start: 36 * 60 + 30, end: 36 * 60 + 1 }),
    ],
    ['silent', 'was broken before it fell silent', streak(no(5), { start: 36 * 60 + 30, end: 36 * 60 + 1 })],
    [
      'silent',
      'only started jobs since',
      [...streak(ok(5), { start: 3_000, end: 2_900 }), running(20), running(500, { change: 1 })],
    ],
    [
      'healthy',
      'had no result for 40 h but that of a job received five days ago',
      [...streak(ok(5), { start: 41 * 60, end: 40 * 60 }), run({ change: 1, start: 5 * 1_440, end: 60 })],
    ],
    ['silent', 'had its last result ten days ago', streak(ok(5), { start: 14_500, end: 14_400 })],
    [
      'silent',
      'is nightly only, and had its last result 30 h and a minute ago',
      streak(ok(5), { event: 'nightly', start: null, end: 30 * 60 + 1 }),
    ],
    [
      'healthy',
      'is nightly only, and had its last result 30 h ago',
      streak(ok(5), { event: 'nightly', start: null, end: 30 * 60 }),
    ],
    [
      'too few jobs',
      'has older jobs than a week besides',
      [...streak(ok(4)), ...streak(no(9), { change: 1, start: 10_200, end: 10_100 })],
    ],
  ])('call a backend "%s" that %s', async (word, _case, runs) => {
    const nowMs = Date.now();
    await replay(runs, nowMs);
    const [row] = await ask<{ state: string }>(10, nowMs - 7 * dayMs, nowMs, {
      ...everything,
      backend: ['b/busy'],
    });
    expect(row!.state).toBe(word);
    await compare(runs, nowMs, nowMs - 7 * dayMs, nowMs);
  });

  it('say since when a backend fails, though that is longer ago than the range and the state go back', async () => {
    const nowMs = Date.now();
    const runs = [
      ...streak(no(3)),
      run({ change: 1, conclusion: 'failure', start: 20 * 1_440, end: 20 * 1_440 - 30 }),
      run({ change: 2, conclusion: 'success', start: 21 * 1_440, end: 21 * 1_440 - 30 }),
    ];
    await replay(runs, nowMs);
    await compare(runs, nowMs, nowMs - dayMs, nowMs);
    const [row] = await ask<{ failing_since: string }>(10, nowMs - dayMs, nowMs, {
      ...everything,
      backend: ['b/busy'],
    });
    expect(row!.failing_since).toBe(second(nowMs - 20 * dayMs));
  });
});
