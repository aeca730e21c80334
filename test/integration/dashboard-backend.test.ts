import fc from 'fast-check';
import { dateTimeOfMs, type WorkflowJobRow } from '../../clickhouse/tables';
import { backendDashboard } from '../../dashboards/backend';
import { config } from '../../dashboards/config';
import { decode } from '../../replicator/decode';
import { demoChanges, demoNowMs, loadDemo } from '../helpers/demo';
import { startClickHouse, type TestClickHouse } from '../helpers/engines';
import { expandQuery } from '../helpers/grafana';
import { newestAttempt } from '../helpers/newest';
import { attempt, clearAttempts, insertAttempts } from '../helpers/rows';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const intervalMs = 6 * hourMs;
const probe = 'pytorch/crcr-test';

type Row = WorkflowJobRow;
type Range = { fromMs: number; toMs: number };
type Chosen = { backend: string } & Partial<
  Record<'workflow' | 'job' | 'outcome' | 'event_type', string | string[]>
>;
type Cells = Record<string, unknown>;

let clickHouse: TestClickHouse;
beforeAll(async () => {
  clickHouse = await startClickHouse();
});
afterAll(() => clickHouse.stop());

const clear = () => clearAttempts(clickHouse.client);
const insert = (rows: Row[]) => insertAttempts(clickHouse.client, rows);

/* The dashboard's queries, by the title of their panel or annotation. */

const queries = new Map<string, string>();
const dashboard = backendDashboard();
const sqlOf = (target: unknown) => (target as { rawSql?: string } | undefined)?.rawSql;
for (const panel of dashboard.panels ?? []) {
  const rawSql = 'targets' in panel ? sqlOf(panel.targets[0]) : undefined;
  if (rawSql !== undefined) queries.set(panel.title!, rawSql);
}
for (const { name, target } of dashboard.annotations.list ?? []) {
  const rawSql = sqlOf(target);
  if (rawSql !== undefined) queries.set(name, rawSql);
}
const lastJobsTitle = `Last ${config.state.lastJobs.default} jobs, the newest on the right`;
const brokenTitle = `Broken (${config.state.brokenJobs.default} bad jobs in a row)`;

function expand(title: string, range: Range, chosen: Chosen): string {
  const variables = {
    datasource: 'chosen',
    workflow: '$__all',
    job: '$__all',
    outcome: '$__all',
    event_type: '$__all',
    ...chosen,
  };
  return expandQuery(queries.get(title)!, { ...range, intervalMs, variables });
}
const ask = async (title: string, range: Range, chosen: Chosen) =>
  (await clickHouse.rows<Cells>(expand(title, range, chosen))).map(rounded);

/** Engines add floats in their own order. */
const rounded = (cells: Cells): Cells =>
  Object.fromEntries(
    Object.entries(cells).map(([name, value]) => [
      name,
      typeof value === 'number' ? Math.round(value * 1e6) / 1e6 : value,
    ]),
  );

/* The oracle: the definitions of design.md over plain rows. */

const nanosecondsOf = (text: string): bigint => {
  const [, seconds, fraction = ''] = /^([^.]*)\.?(\d*)$/.exec(text)!;
  return BigInt(Date.parse(`${seconds!.replace(' ', 'T')}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
};
const msOf = (text: string): number => Number(nanosecondsOf(text) / 1_000_000n);

function durationOf({ started_at, completed_at, execution_time }: Row): number | null {
  if (started_at !== null && completed_at !== null) {
    const took = nanosecondsOf(completed_at) - nanosecondsOf(started_at);
    if (took > 0n && took <= BigInt(7 * dayMs) * 1_000_000n) return Number(took) / 1e9;
  }
  return execution_time !== null && execution_time > 0 ? execution_time : null;
}

function judge(row: Row) {
  const rare: Record<string, string> = {
    startup_failure: 'failure',
    stale: 'cancelled',
    action_required: 'neutral',
  };
  const outcome = row.status === 'in_progress' ? 'running' : (rare[row.conclusion] ?? row.conclusion);
  const announced = { xfail: 'failure', xcancel: 'cancelled', xtimeout: 'timed_out' } as const;
  const word = /xfail|xcancel|xtimeout/.exec(row.job_name)?.[0] as keyof typeof announced | undefined;
  const expected = row.downstream_repo === probe && word ? announced[word] : 'success';
  const isGood = outcome === expected;
  const isCounted = isGood || ['success', 'failure', 'timed_out'].includes(outcome);
  const isOverdue = outcome === 'running' && msOf(row.received_at) < Date.now() - 375 * 60_000;
  const shown = isOverdue ? 'overdue' : outcome;
  return {
    row,
    outcome,
    isGood,
    isCounted,
    isBad: isCounted && !isGood,
    shown,
    verdict: isCounted && isGood ? 'success' : isCounted && outcome === 'success' ? 'failure' : shown,
    duration: durationOf(row),
    queue: row.run_attempt <= 1 ? row.queue_time : null,
    job: `${row.workflow_name} / ${row.job_name}`,
    head: row.pytorch_head_sha === '' ? row.delivery_id : row.pytorch_head_sha,
  };
}
type Judged = ReturnType<typeof judge>;

const compare = (a: string | number, b: string | number) => (a < b ? -1 : a > b ? 1 : 0);
const byReceived = (a: Judged, b: Judged) =>
  compare(a.row.received_at, b.row.received_at) || compare(a.row.dynamoKey, b.row.dynamoKey);
const lets = (choice: string | string[] | undefined, value: string) =>
  choice === undefined || [choice].flat().includes('$__all') || [choice].flat().includes(value);

function groupBy<T>(values: readonly T[], keyOf: (value: T) => unknown): T[][] {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const key = JSON.stringify(keyOf(value));
    const group = groups.get(key);
    if (group) group.push(value);
    else groups.set(key, [value]);
  }
  return [...groups.values()];
}

const commitOf = ({ row, head }: Judged) => [row.upstream_repo, row.pr_number, row.event_type, head];

const jobOf = (one: Judged) => JSON.stringify([commitOf(one), one.row.workflow_name, one.row.job_name]);

/** One a job: of its attempts the newest. `all`: those at any time. */
const newest = (attempts: Judged[], all: Judged[]): Judged[] => {
  const everOf = new Map(groupBy(all, jobOf).map((ever) => [jobOf(ever[0]!), ever.map(({ row }) => row)]));
  return groupBy(attempts, jobOf).map((tries) => {
    const row = newestAttempt(
      tries.map((one) => one.row),
      everOf.get(jobOf(tries[0]!)),
    );
    return tries.find((one) => one.row === row)!;
  });
};

const mean = (values: number[]) =>
  values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length;
function quantile(level: number, values: number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const place = level * (sorted.length - 1);
  const low = sorted[Math.floor(place)];
  const high = sorted[Math.ceil(place)];
  return low === undefined || high === undefined ? null : low + (high - low) * (place - Math.floor(place));
}
const known = (values: (number | null)[]) => values.filter((value) => value !== null);
const share = (part: number, whole: number) => (whole === 0 ? null : part / whole);
const rateOf = (jobs: Judged[]) =>
  share(
    jobs.filter(({ isCounted, isGood }) => isCounted && isGood).length,
    jobs.filter(({ isCounted }) => isCounted).length,
  );
const durations = (jobs: Judged[]) =>
  known(jobs.filter(({ isCounted }) => isCounted).map(({ duration }) => duration));
const point = (text: string) =>
  dateTimeOfMs(Math.floor(msOf(text) / intervalMs) * intervalMs).slice(0, 'YYYY-MM-DD HH:MM:SS'.length);
const first = (judged: Judged[]) => judged.map(({ row }) => row.received_at).sort()[0]!;
const last = (judged: Judged[]) =>
  judged
    .map(({ row }) => row.received_at)
    .sort()
    .at(-1)!;
const overrun = config.readiness.overrunHours * 3_600;

/** Every row that a panel should show, from the rows of the table alone. */
function oracle(rows: Row[], { fromMs, toMs }: Range, chosen: Chosen): Record<string, Cells[]> {
  const all = rows
    .filter(({ downstream_repo }) => downstream_repo === chosen.backend)
    .filter(({ received_at }) => msOf(received_at) < toMs)
    .filter(({ event_type }) => lets(chosen.event_type, event_type))
    .map(judge);
  const attempts = all
    .filter(({ row }) => msOf(row.received_at) >= fromMs)
    .filter(({ row }) => lets(chosen.workflow, row.workflow_name) && lets(chosen.job, row.job_name));
  const jobs = newest(attempts, all);
  const counted = jobs.filter(({ isCounted }) => isCounted);
  const timed = counted.filter(({ duration }) => duration !== null);
  const byJob = ({ row }: Judged) => [row.workflow_name, row.job_name];
  const byTimeAndJob = ({ row, job }: Judged) => [point(row.received_at), job];
  const runs = groupBy(attempts, ({ row }) => [row.workflow_name, row.run_id, row.delivery_id])
    .map((run) => ({ run, waits: known(run.map(({ queue }) => queue)) }))
    .filter(({ waits }) => waits.length > 0)
    .map(({ run, waits }) => ({ time: point(first(run)), wait: Math.max(...waits) }));
  const waits = runs.map(({ wait }) => wait);

  return {
    'Success rate': [{ success_rate: rateOf(jobs) }],
    Queue: [{ mean_seconds: mean(waits), median_seconds: quantile(0.5, waits) }],
    Execution: [
      { median_seconds: quantile(0.5, durations(jobs)), p95_seconds: quantile(0.95, durations(jobs)) },
    ],
    'Timeout rate': [
      {
        timeout_rate: share(
          counted.filter(({ isBad, outcome }) => isBad && outcome === 'timed_out').length,
          counted.length,
        ),
      },
    ],
    'Overrun rate': [
      { overrun_rate: share(timed.filter(({ duration }) => duration! > overrun).length, timed.length) },
    ],
    [lastJobsTitle]: [...counted]
      .sort(byReceived)
      .slice(-config.state.lastJobs.default)
      .map(({ verdict, job, row }) => ({
        verdict,
        job,
        pr_number: row.pr_number,
        pytorch_head_sha: row.pytorch_head_sha,
        received_at: row.received_at,
        workflow_run_url: row.workflow_run_url,
      })),
    'Newest attempts by commit and job': matrix(
      attempts,
      jobs.filter(({ shown }) => lets(chosen.outcome, shown)),
    ),
    'Failing tests': failingTests(jobs),
    'Not in the list':
      jobs.length === 0
        ? []
        : [
            {
              entries_cut: jobs.reduce((sum, { row }) => sum + row.failed_tests_cut, 0),
              bad_jobs_without_tests: jobs.filter(({ isBad, row }) => isBad && entriesOf(row).length === 0)
                .length,
            },
          ],
    'Success rate by job': groupBy(counted, byTimeAndJob)
      .map((group) => ({
        time: point(group[0]!.row.received_at),
        job: group[0]!.job,
        success_rate: rateOf(group),
      }))
      .sort((a, b) => compare(a.time, b.time) || compare(a.job, b.job)),
    'Duration by job, p50 and p95': groupBy(timed, byTimeAndJob)
      .map((group) => ({
        time: point(group[0]!.row.received_at),
        job: group[0]!.job,
        p50: quantile(0.5, durations(group)),
        p95: quantile(0.95, durations(group)),
      }))
      .sort((a, b) => compare(a.time, b.time) || compare(a.job, b.job)),
    'Queue time of runs': groupBy(runs, ({ time }) => time)
      .map((group) => {
        const values = group.map(({ wait }) => wait);
        return {
          time: group[0]!.time,
          mean: mean(values),
          median: quantile(0.5, values),
          p95: quantile(0.95, values),
        };
      })
      .sort((a, b) => compare(a.time, b.time)),
    'Slowest jobs': groupBy(timed, byJob)
      .map((group) => {
        const longest = [...group]
          .sort((a, b) => a.duration! - b.duration! || compare(a.row.dynamoKey, b.row.dynamoKey))
          .at(-1)!;
        return {
          workflow_name: longest.row.workflow_name,
          job_name: longest.row.job_name,
          median_seconds: quantile(0.5, durations(group)),
          p95_seconds: quantile(0.95, durations(group)),
          longest_seconds: longest.duration,
          jobs: group.length,
          overruns: group.filter(({ duration }) => duration! > overrun).length,
          longest_run_url: longest.row.workflow_run_url,
        };
      })
      .sort(
        (a, b) =>
          b.median_seconds! - a.median_seconds! ||
          compare(a.workflow_name, b.workflow_name) ||
          compare(a.job_name, b.job_name),
      ),
    'Flakiest jobs': flakiest(attempts.filter(({ isCounted }) => isCounted)),
    Environments: groupBy(jobs, ({ row }) => row.environment)
      .map((group) => ({
        environment: group[0]!.row.environment,
        jobs: group.length,
        success_rate: rateOf(group),
        first_seen: first(group),
        last_seen: last(group),
      }))
      .sort((a, b) => b.jobs - a.jobs || compare(a.environment, b.environment)),
    Attempts: attempts
      .filter(({ shown }) => lets(chosen.outcome, shown))
      .sort((a, b) => byReceived(b, a))
      .slice(0, 1_000)
      .map(({ row, shown, duration, queue }) => ({
        received_at: row.received_at,
        pr_number: row.pr_number,
        sha8: row.pytorch_head_sha.slice(0, 8),
        event_type: row.event_type,
        workflow_name: row.workflow_name,
        job_name: row.job_name,
        run_attempt: row.run_attempt,
        shown_outcome: shown,
        duration_seconds: duration,
        queue_seconds: queue,
        passed_tests: row.passed_tests,
        total_tests: row.total_tests,
        run: row.workflow_run_url === '' ? '' : 'run',
        artifacts: row.artifact_url === '' ? '' : 'artifacts',
        upstream_repo: row.upstream_repo,
        pytorch_head_sha: row.pytorch_head_sha,
        change_page_url: changePage(row),
        pull_request_url:
          row.pr_number === 0 ? '' : `https://github.com/${row.upstream_repo}/pull/${row.pr_number}`,
        workflow_run_url: row.workflow_run_url,
        artifact_url: row.artifact_url,
      })),
    ...streaks(all, { fromMs, toMs }),
  };
}

/** The page of its pull request, with its commit; without one, that of the commit and event. */
const changePage = ({ pr_number, event_type, upstream_repo, pytorch_head_sha, delivery_id }: Row): string => {
  const [page, which] = pr_number === 0 ? ['commit', `event=${event_type}`] : ['pr', `pr=${pr_number}`];
  const sha = pytorch_head_sha === '' ? `delivery%20${delivery_id}` : pytorch_head_sha;
  return `d/oot-${page}?var-datasource=chosen&var-upstream=${upstream_repo}&var-${which}&var-sha=${sha}`;
};

function matrix(attempts: Judged[], shown: Judged[]): Cells[] {
  const jobsOf = new Map(
    groupBy(shown, commitOf).map((group) => [JSON.stringify(commitOf(group[0]!)), group]),
  );
  const commits = groupBy(attempts, commitOf)
    .filter((group) => jobsOf.has(JSON.stringify(commitOf(group[0]!))))
    .map((group) => ({ one: group[0]!, at: first(group) }))
    .sort(
      (a, b) =>
        compare(b.at, a.at) ||
        compare(a.one.row.upstream_repo, b.one.row.upstream_repo) ||
        b.one.row.pr_number - a.one.row.pr_number ||
        compare(a.one.row.event_type, b.one.row.event_type) ||
        compare(a.one.head, b.one.head),
    )
    .slice(0, 50);
  const columns = groupBy(
    commits.flatMap(({ one }) => jobsOf.get(JSON.stringify(commitOf(one)))!),
    ({ row }) => [row.workflow_name, row.job_name],
  )
    .map((group) => group[0]!)
    .sort(
      (a, b) => compare(a.row.workflow_name, b.row.workflow_name) || compare(a.row.job_name, b.row.job_name),
    );
  return commits.flatMap(({ one }) => {
    const { pr_number, event_type, downstream_repo } = one.row;
    const pr = pr_number > 0 ? [String(pr_number)] : [];
    const event = pr_number > 0 && event_type === 'pull_request' ? [] : [event_type];
    return columns.map(({ job }) => {
      const cell = jobsOf.get(JSON.stringify(commitOf(one)))!.find((other) => other.job === job);
      const url = cell?.row.workflow_run_url ?? '';
      return {
        pull_request: `${changePage(one.row)}#${[...pr, ...event, one.head.slice(0, 8)].join(' ')}`,
        job,
        cell: `${url === '' ? `https://github.com/${downstream_repo}/actions` : url}#${cell?.verdict ?? 'none'}`,
      };
    });
  });
}

function entriesOf({ failed_tests_json }: Row): Record<string, string>[] {
  return failed_tests_json === '' ? [] : (JSON.parse(failed_tests_json) as Record<string, string>[]);
}

function failingTests(jobs: Judged[]): Cells[] {
  const named = jobs.flatMap((one) =>
    entriesOf(one.row).map(({ name = '', classname = '', file = '', message = '' }) => {
      const place = [file, classname].filter((part) => part !== '').join('::');
      return { one, message, test: name || place || 'unnamed test' };
    }),
  );
  return groupBy(named, ({ test }) => test)
    .map((group) => {
      const ones = group.map(({ one }) => one);
      const messages = group
        .filter(({ message }) => message !== '')
        .sort((a, b) => byReceived(a.one, b.one) || compare(a.message, b.message));
      return {
        test: group[0]!.test,
        jobs: new Set(ones).size,
        pull_requests: new Set(
          ones
            .filter(({ row }) => row.pr_number > 0)
            .map(({ row }) => `${row.upstream_repo} ${row.pr_number}`),
        ).size,
        first_seen: first(ones),
        last_seen: last(ones),
        newest_message: messages.at(-1)?.message ?? '',
        in_jobs: [...new Set(ones.map(({ job }) => job))].sort().join(', '),
        newest_run_url: [...ones].sort(byReceived).at(-1)!.row.workflow_run_url,
      };
    })
    .sort(
      (a, b) =>
        b.jobs - a.jobs ||
        b.pull_requests - a.pull_requests ||
        compare(b.last_seen, a.last_seen) ||
        compare(a.test, b.test),
    )
    .slice(0, 200);
}

function flakiest(counted: Judged[]): Cells[] {
  return groupBy(counted, ({ row }) => [row.workflow_name, row.job_name])
    .map((ofJob) => {
      const commits = groupBy(ofJob, commitOf);
      const rerun = commits.filter((tries) => tries.length > 1);
      const flaky = rerun.filter((tries) => new Set(tries.map(({ outcome }) => outcome)).size > 1);
      const newestFlaky = flaky.flat().sort(byReceived).at(-1);
      return {
        workflow_name: ofJob[0]!.row.workflow_name,
        job_name: ofJob[0]!.row.job_name,
        flaky_commits: flaky.length,
        rerun_commits: rerun.length,
        commits: commits.length,
        flaky_rate: flaky.length / commits.length,
        flaky_rerun_rate: flaky.length / rerun.length,
        last_flaky_at: newestFlaky?.row.received_at,
        last_flaky_run_url: newestFlaky?.row.workflow_run_url,
      };
    })
    .filter(({ flaky_commits }) => flaky_commits > 0)
    .sort(
      (a, b) =>
        b.flaky_rate - a.flaky_rate ||
        b.flaky_commits - a.flaky_commits ||
        compare(a.workflow_name, b.workflow_name) ||
        compare(a.job_name, b.job_name),
    );
}

/** Streaks of bad jobs, whatever workflow and job are chosen. */
function streaks(all: Judged[], { fromMs, toMs }: Range): Record<string, Cells[]> {
  const badStreaks = (sinceMs: number) => {
    const found: { began: string; jobs: number; next: string | null }[] = [];
    const received = all.filter(({ row }) => msOf(row.received_at) >= sinceMs);
    const counted = newest(received, all)
      .filter(({ isCounted }) => isCounted)
      .sort(byReceived);
    let open: (typeof found)[number] | null = null;
    for (const { isBad, row } of counted) {
      if (isBad && open) open.jobs++;
      else if (isBad) found.push((open = { began: row.received_at, jobs: 1, next: null }));
      else if (open) {
        open.next = row.received_at;
        open = null;
      }
    }
    return found;
  };
  const long = badStreaks(fromMs - config.state.maxAgeDays.default * dayMs).filter(
    ({ jobs, next }) => jobs >= config.state.brokenJobs.default && (next === null || msOf(next) >= fromMs),
  );
  return {
    'Nothing as expected since': badStreaks(0)
      .filter(({ next }) => next === null)
      .map(({ began, jobs }) => ({ bad_since: began, jobs })),
    [brokenTitle]: long.map(({ began, jobs, next }) => ({
      time: began,
      timeEnd: next ?? dateTimeOfMs(toMs),
      title: 'Broken',
      text: `${jobs} jobs in a row did not end as expected${next === null ? ', and it goes on' : ''}`,
      tags: 'broken',
    })),
    Recovered: long
      .filter(({ next }) => next !== null)
      .map(({ jobs, next }) => ({
        time: next,
        title: 'Recovered',
        text: `A job ended as expected, after ${jobs} that did not`,
        tags: 'recovered',
      })),
  };
}

async function expectAgreement(rows: Row[], range: Range, chosen: Chosen): Promise<void> {
  const expected = oracle(rows, range, chosen);
  const shown = await Promise.all(
    Object.keys(expected).map(async (title) => [title, await ask(title, range, chosen)] as const),
  );
  expect(Object.fromEntries(shown)).toEqual(
    Object.fromEntries(Object.entries(expected).map(([title, cells]) => [title, cells.map(rounded)])),
  );
}

/* Hand-made. */

const endMs = Math.floor(Date.now() / hourMs) * hourMs;
const week: Range = { fromMs: endMs - 7 * dayMs, toMs: endMs };
const at = (hoursAgo: number) => dateTimeOfMs(endMs - hoursAgo * hourMs);
const ascend = 'pytorch-labs/ascend-pytorch';

describe('the matrix', () => {
  const title = 'Newest attempts by commit and job';
  const cellsOf = async () => {
    const rows = await ask(title, week, { backend: ascend });
    return rows.map(({ pull_request, job, cell }) =>
      [pull_request, job, cell].map((text) => (text as string).replace(/^.*#/, '')).join(' | '),
    );
  };
  beforeEach(clear);

  it('shows the newest commit first, though an older one was run again after it', async () => {
    const old = { pytorch_head_sha: 'aaaaaaaaaa', job_name: 'ops' };
    await insert([
      attempt({ ...old, received_at: at(9), conclusion: 'failure' }),
      attempt({ pytorch_head_sha: 'bbbbbbbbbb', job_name: 'ops', received_at: at(8), conclusion: 'failure' }),
      attempt({ ...old, received_at: at(7), run_attempt: 2 }),
    ]);
    expect(await cellsOf()).toEqual([
      '179565 bbbbbbbb | ascend-ci / ops | failure',
      '179565 aaaaaaaa | ascend-ci / ops | success',
    ]);
  });

  it('keeps jobs of one name apart in their workflows, and says where there is no job', async () => {
    await insert([
      attempt({ workflow_name: 'a', job_name: 'ops', received_at: at(9), conclusion: 'timed_out' }),
      attempt({ workflow_name: 'b', job_name: 'ops', received_at: at(8) }),
      attempt({ workflow_name: 'b', job_name: 'ops', received_at: at(7), pr_number: 0, event_type: 'push' }),
    ]);
    expect(await cellsOf()).toEqual([
      'push 8f14e45f | a / ops | none',
      'push 8f14e45f | b / ops | success',
      '179565 8f14e45f | a / ops | timed_out',
      '179565 8f14e45f | b / ops | success',
    ]);
  });

  it('has every commit of the range up to the 50th newest', async () => {
    await insert(
      Array.from({ length: 60 }, (_, n) =>
        attempt({ pytorch_head_sha: `commit${n}`, received_at: at(n + 1) }),
      ),
    );
    const cells = await cellsOf();
    expect(cells).toHaveLength(50);
    expect(cells[49]).toContain('commit49');
  });
});

it('shows no number where nothing is known, never 0', async () => {
  await clear();
  const unknown = { started_at: null, execution_time: null, queue_time: null };
  await insert([attempt({ ...unknown, received_at: at(9), conclusion: 'cancelled' })]);
  const shown = async (title: string) => (await ask(title, week, { backend: ascend }))[0];
  expect(await shown('Success rate')).toEqual({ success_rate: null });
  expect(await shown('Queue')).toEqual({ mean_seconds: null, median_seconds: null });
  expect(await shown('Execution')).toEqual({ median_seconds: null, p95_seconds: null });
  expect(await shown('Timeout rate')).toEqual({ timeout_rate: null });
  expect(await shown('Overrun rate')).toEqual({ overrun_rate: null });
});

/* Any history. */

const entries = fc.array(
  fc.constantFrom<Record<string, unknown>>(
    { name: 'test_a', message: 'first' },
    { name: 'test_a', message: 'second', stacktrace: 'x' },
    { name: 'test_b' },
    { name: 'it\'s "b"\n', message: 'quoted' },
    { classname: 'TestOps', message: 'no name' },
    { classname: 'TestOps', file: 'test_ops.py' },
    { file: 'test_ops.py' },
    { message: 'nothing but this' },
  ),
  { maxLength: 3 },
);

/** Mostly the first, so that jobs have several attempts. */
const often = <T>(usual: T, ...others: T[]) =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(usual) }, ...others.map((other) => fc.constant(other)));

const history: fc.Arbitrary<Row[]> = fc
  .array(
    fc.record({
      downstream_repo: often(ascend, probe, "it's/b"),
      workflow_name: often('ci', 'nightly', "it's"),
      job_name: often('ops', 'test xfail', "it's"),
      upstream_repo: often('pytorch/pytorch', 'pytorch/vision'),
      pytorch_head_sha: often('5ha', '07h', ''),
      delivery_id: fc.constantFrom('d1', 'd2'),
      pr_number: often(7, 8, 0),
      event_type: often('pull_request', 'nightly'),
      run_id: fc.constantFrom('1', '2', ''),
      run_attempt: fc.integer({ min: 1, max: 3 }),
      status: fc.constantFrom('completed', 'completed', 'completed', 'completed', 'in_progress'),
      conclusion: fc.constantFrom(
        'success',
        'success',
        'failure',
        'failure',
        'timed_out',
        'cancelled',
        'stale',
        'neutral',
      ),
      queue_time: fc.option(fc.integer({ min: 0, max: 72_000 }).map((eighths) => eighths / 8)),
      execution_time: fc.option(fc.integer({ min: -8, max: 160_000 }).map((eighths) => eighths / 8)),
      tookMs: fc.option(fc.integer({ min: -1_000, max: 5 * hourMs })),
      failed: entries,
      failed_tests_cut: fc.constantFrom(0, 0, 3),
      environment: fc.constantFrom('', '{"sdk":"1"}', '{"sdk":"2"}'),
      workflow_run_url: fc.constantFrom('', 'https://ci.example/1', 'https://ci.example/2?a=b'),
      artifact_url: fc.constantFrom('', 'https://ci.example/1/artifacts'),
      // None close to where a job becomes overdue.
      hoursAgo: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 8, max: 240 })),
    }),
    { maxLength: 60, size: 'max' },
  )
  .map((drawn) =>
    drawn.map(({ tookMs, failed, hoursAgo, ...fields }, index) => {
      const startMs = endMs - hoursAgo * hourMs;
      return attempt({
        ...fields,
        dynamoKey: `k${String(index).padStart(3, '0')}`,
        status: fields.status,
        conclusion: fields.status === 'in_progress' ? '' : fields.conclusion,
        failed_tests_json: failed.length === 0 ? '' : JSON.stringify(failed),
        started_at: tookMs === null ? null : `${dateTimeOfMs(startMs)}000000`,
        completed_at: tookMs === null ? null : `${dateTimeOfMs(startMs + tookMs)}000000`,
        // Each at a time of its own, with milliseconds.
        received_at: dateTimeOfMs(startMs - index),
      });
    }),
  );

const choice = (...values: string[]) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constant<string[]>(['$__all']) },
    fc.subarray(values, { minLength: 1 }),
  );

it('agrees with the oracle on every panel, for any history and choice', async () => {
  await fc.assert(
    fc.asyncProperty(
      history,
      fc.record({
        backend: often(ascend, probe, "it's/b"),
        workflow: choice('ci', 'nightly', "it's"),
        job: choice('ops', 'test xfail', "it's"),
        outcome: choice('success', 'failure', 'overdue', 'running'),
        event_type: choice('pull_request', 'nightly'),
      }),
      async (rows, chosen) => {
        await clear();
        if (rows.length > 0) await insert(rows);
        await expectAgreement(rows, week, chosen);
      },
    ),
    { numRuns: 40 },
  );
});

/* The demo history. */

describe('on the demo history', () => {
  let rows: Row[];
  const range: Range = { fromMs: demoNowMs - 7 * dayMs, toMs: demoNowMs };

  beforeAll(async () => {
    await clear();
    rows = demoChanges().flatMap((change) => {
      const decoded = decode(change, 'stream');
      return decoded.outcome === 'rows' ? decoded.rows : [];
    });
    await loadDemo(clickHouse.client);
  });

  it.each([
    'intel/intel-extension-for-pytorch',
    'pytorch-labs/cambricon-pytorch',
    'tessera-ai/torch-tessera',
    'halcyon-compute/pytorch-halcyon',
    probe,
  ])('agrees with the oracle on every panel of %s', async (backend) => {
    await expectAgreement(rows, range, { backend });
    await expectAgreement(rows, range, { backend, event_type: 'nightly', outcome: ['failure', 'timed_out'] });
  });

  it('has something to show on every panel of a backend that is broken', async () => {
    const backend = 'tessera-ai/torch-tessera';
    const counts = await Promise.all(
      [...queries.keys()].map(
        async (title) => [title, (await ask(title, range, { backend })).length] as const,
      ),
    );
    expect(counts.filter(([, count]) => count === 0)).toEqual([]);
    expect(await ask('State', range, { backend })).toEqual([{ state: 'broken' }]);
    expect(await ask('Level', range, { backend })).toEqual([{ level: 'L3' }]);
    expect(await ask('Oncalls', range, { backend })).toEqual([
      { oncalls: 'demo-tessera-vale, demo-tessera-ogden' },
    ]);
  });

  it('runs every query for a backend that nobody knows, and for choices that match nothing', async () => {
    for (const title of queries.keys()) {
      const nobody = `no'body/"at" all`;
      expect(
        (await ask(title, range, { backend: nobody, workflow: [nobody], job: nobody })).length,
      ).toBeLessThan(2);
    }
  });
});
