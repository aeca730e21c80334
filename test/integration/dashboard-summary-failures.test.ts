import fc from 'fast-check';
import { loadBackends, type Backend } from '../../clickhouse/backends';
import { dateTimeOfMs, type WorkflowJobRow } from '../../clickhouse/tables';
import { config } from '../../dashboards/config';
import { failuresByBackendSql, failuresByJobSql, sharedBreakageSql } from '../../dashboards/queries/summary';
import { startClickHouse, type TestClickHouse } from '../helpers/engines';
import { expandQuery } from '../helpers/grafana';
import { newestAttempt } from '../helpers/newest';
import { attempt, clearAttempts, insertAttempts } from '../helpers/rows';

/* The lists of failures on oot-summary, computed a second time in plain TypeScript from the rows themselves. */

const toMs = Date.UTC(2026, 10, 21);
const fromMs = toMs - 7 * 86_400_000;
const probe = 'pytorch/crcr-test';
const registry: Backend[] = [
  { repo: 'a/four', level: 'L4', device: '', oncalls: [] },
  { repo: 'b/three', level: 'L3', device: 'npu', oncalls: [] },
  { repo: 'c/three', level: 'L3', device: 'npu', oncalls: [] },
  { repo: 'd/two', level: 'L2', device: '', oncalls: [] },
  { repo: probe, level: 'L2', device: '', oncalls: [] },
];
const everything = {
  level: '$__all',
  backend: '$__all',
  upstream: '$__all',
  event_type: '$__all',
  datasource: 'chosen',
};

let clickHouse: TestClickHouse;
beforeAll(async () => {
  clickHouse = await startClickHouse();
  await loadBackends(clickHouse.client, registry, toMs);
});
afterAll(() => clickHouse.stop());

type Judged = WorkflowJobRow & { bad: boolean; counted: boolean; good: boolean; second: number };

/** The newest attempt of each job in the range, and whether it counts and is as expected. */
function jobsOf(rows: WorkflowJobRow[], sinceMs = fromMs): Judged[] {
  const jobs = new Map<string, WorkflowJobRow[]>();
  for (const row of rows) {
    const key = JSON.stringify([
      row.upstream_repo,
      row.pr_number,
      row.pytorch_head_sha || row.delivery_id,
      row.event_type,
      row.downstream_repo,
      row.workflow_name,
      row.job_name,
    ]);
    jobs.set(key, [...(jobs.get(key) ?? []), row]);
  }
  const newest = [...jobs.values()].flatMap((all) => {
    const received = all.filter(({ received_at }) => {
      const receivedMs = Date.parse(`${received_at}Z`);
      return receivedMs >= sinceMs && receivedMs < toMs;
    });
    return received.length === 0 ? [] : [newestAttempt(received, all)];
  });
  return newest.map((row) => {
    const outcome = row.status === 'in_progress' ? 'running' : row.conclusion;
    const expected = row.downstream_repo === probe && row.job_name.includes('xfail') ? 'failure' : 'success';
    const counted = ['success', 'failure', 'timed_out'].includes(outcome);
    const good = counted && outcome === expected;
    return {
      ...row,
      counted,
      good,
      bad: counted && !good,
      second: Math.floor(Date.parse(`${row.received_at}Z`) / 1000),
    };
  });
}

const groups = (jobs: Judged[], keyOf: (job: Judged) => unknown[]): [unknown[], Judged[]][] => {
  const found = new Map<string, Judged[]>();
  for (const job of jobs) {
    const key = JSON.stringify(keyOf(job));
    found.set(key, [...(found.get(key) ?? []), job]);
  }
  return [...found].map(([key, members]) => [JSON.parse(key) as unknown[], members]);
};
const count = (jobs: Judged[], test: (job: Judged) => boolean) => jobs.filter(test).length;
const unique = (values: string[]) => [...new Set(values)].sort();
const rate = (jobs: Judged[]) => count(jobs, ({ good }) => good) / count(jobs, ({ counted }) => counted);
/** Of no bad job at all there is no time; such groups are left out below. */
const time = (seconds: number) => (Number.isFinite(seconds) ? dateTimeOfMs(seconds * 1000).slice(0, 19) : '');
/** Sorts by the first of the keys that differs; a number descending, a text ascending. */
const by =
  <T>(keysOf: (row: T) => (number | string)[]) =>
  (a: T, b: T) => {
    const [x, y] = [keysOf(a), keysOf(b)];
    const at = x.findIndex((value, index) => value !== y[index]);
    if (at < 0) return 0;
    const [left, right] = [x[at]!, y[at]!];
    return typeof left === 'number' ? (right as number) - left : left < right ? -1 : 1;
  };

const byBackend = (jobs: Judged[]) =>
  groups(jobs, ({ downstream_repo }) => [downstream_repo])
    .map(([[backend], members]) => ({
      backend: backend as string,
      bad: count(members, ({ bad }) => bad),
      timed_out: count(members, ({ bad, conclusion }) => bad && conclusion === 'timed_out'),
      counted: count(members, ({ counted }) => counted),
      success_rate: rate(members),
    }))
    .filter(({ bad }) => bad > 0)
    .sort(by(({ bad, backend }) => [bad, backend]))
    .slice(0, config.rows.top);

const byJob = (jobs: Judged[]) =>
  groups(jobs, ({ downstream_repo, workflow_name, job_name }) => [downstream_repo, workflow_name, job_name])
    .map(([[backend, workflow, job], members]) => {
      const bad = members.filter((member) => member.bad);
      return {
        backend: backend as string,
        workflow: workflow as string,
        job: job as string,
        bad: bad.length,
        prs: unique(
          bad
            .filter(({ pr_number }) => pr_number > 0)
            .map(({ upstream_repo, pr_number }) => `${upstream_repo}#${pr_number}`),
        ).length,
        success_rate: rate(members),
        last_bad_at: time(Math.max(...bad.map(({ second }) => second))),
      };
    })
    .filter(({ bad }) => bad > 0)
    .sort(by(({ bad, backend, workflow, job }) => [bad, backend, workflow, job]))
    .slice(0, config.rows.top);

/** Those of the time range; a bad one only counts as bad where the same job does not fail on most other changes. */
function suspectJobs(rows: WorkflowJobRow[]): Judged[] {
  const levels: readonly string[] = config.sharedBreakage.levels;
  const { days, share, minOthers } = config.sharedBreakage.knownToFail;
  const suspects = new Set(registry.filter(({ level }) => levels.includes(level)).map(({ repo }) => repo));
  const jobs = jobsOf(rows, fromMs - days * 86_400_000).filter(
    (job) => suspects.has(job.downstream_repo) && (job.pr_number > 0 || job.pytorch_head_sha !== ''),
  );
  return groups(jobs, (job) => [job.upstream_repo, job.downstream_repo, job.workflow_name, job.job_name])
    .flatMap(([, members]) =>
      members.map((job) => {
        const change = ({ pr_number, pytorch_head_sha }: Judged) => pr_number || pytorch_head_sha;
        const others = members.filter((other) => change(other) !== change(job) && other.counted);
        const badOthers = count(others, ({ bad }) => bad);
        const failsAnyway = others.length >= minOthers && badOthers > share * others.length;
        return { ...job, bad: job.bad && !failsAnyway };
      }),
    )
    .filter(({ second }) => second * 1000 >= fromMs);
}

function sharedBreakage(rows: WorkflowJobRow[]) {
  return groups(suspectJobs(rows), ({ upstream_repo, pr_number, pytorch_head_sha, event_type }) => [
    upstream_repo,
    pr_number,
    pytorch_head_sha,
    event_type,
  ])
    .map(([[upstream_repo, pr, sha, event_type], members]) => {
      const bad = members.filter((member) => member.bad);
      const backends = unique(bad.map(({ downstream_repo }) => downstream_repo));
      const seconds = bad.map(({ second }) => second);
      return {
        upstream_repo: upstream_repo as string,
        pr: pr === 0 ? null : (pr as number),
        sha: sha as string,
        event_type: event_type as string,
        bad_backends: backends.length,
        counted_backends: unique(
          members.filter(({ counted }) => counted).map(({ downstream_repo }) => downstream_repo),
        ).length,
        bad_jobs: bad.length,
        backends: backends.join(', '),
        first_bad_at: time(Math.min(...seconds)),
        last_bad_at: time(Math.max(...seconds)),
        change_page_url:
          pr === 0
            ? `d/oot-commit?var-datasource=chosen&var-upstream=${upstream_repo as string}&var-event=${event_type as string}&var-sha=${sha as string}`
            : `d/oot-pr?var-datasource=chosen&var-upstream=${upstream_repo as string}&var-pr=${pr as number}&var-sha=${sha as string}`,
        // A push has none, and Grafana leaves out a link to nothing.
        pull_request_url:
          pr === 0 ? '' : `https://github.com/${upstream_repo as string}/pull/${pr as number}`,
      };
    })
    .filter(({ bad_backends }) => bad_backends >= config.sharedBreakage.minBackends)
    .sort(
      by((row) => [
        row.bad_backends,
        Date.parse(`${row.last_bad_at}Z`),
        row.upstream_repo,
        -(row.pr ?? 0),
        row.sha,
      ]),
    )
    .slice(0, config.rows.top);
}

async function expectLists(rows: WorkflowJobRow[]): Promise<void> {
  await clearAttempts(clickHouse.client);
  if (rows.length > 0) await insertAttempts(clickHouse.client, rows);
  const jobs = jobsOf(rows);
  const run = (rawSql: string) =>
    clickHouse.rows(expandQuery(rawSql, { fromMs, toMs, variables: everything }));
  expect(await run(failuresByBackendSql())).toEqual(byBackend(jobs));
  expect(await run(failuresByJobSql())).toEqual(byJob(jobs));
  expect(await run(sharedBreakageSql())).toEqual(sharedBreakage(rows));
}

const row = fc
  .record({
    downstream_repo: fc.constantFrom('a/four', 'b/three', 'c/three', 'd/two', 'e/unregistered', probe),
    upstream_repo: fc.constantFrom('pytorch/pytorch', 'pytorch/pytorch', 'pytorch/pytorch', 'pytorch/vision'),
    change: fc.constantFrom(
      { event_type: 'pull_request', pr_number: 7, pytorch_head_sha: 'a1' },
      { event_type: 'pull_request', pr_number: 7, pytorch_head_sha: 'a2' },
      { event_type: 'pull_request', pr_number: 8, pytorch_head_sha: '' },
      { event_type: 'nightly', pr_number: 0, pytorch_head_sha: 'b1' },
      { event_type: 'push', pr_number: 0, pytorch_head_sha: '' },
    ),
    workflow_name: fc.constantFrom('ci', "it's"),
    job_name: fc.constantFrom('build', 'test xfail'),
    run_attempt: fc.constantFrom(1, 1, 2),
    delivery_id: fc.constantFrom('d1', 'd2'),
    conclusion: fc.constantFrom('failure', 'failure', 'success', 'timed_out', 'cancelled', 'running'),
    minutesAgo: fc.integer({ min: 1, max: 8 * 1440 }),
  })
  .map(({ change, conclusion, minutesAgo, ...fields }) =>
    attempt({
      ...fields,
      ...change,
      ...(conclusion === 'running' ? { status: 'in_progress', conclusion: '' } : { conclusion }),
      received_at: dateTimeOfMs(toMs - minutesAgo * 60_000),
    }),
  );

describe('the lists of failures on oot-summary', () => {
  it('agree with the rows themselves, for any history', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 150, size: 'max' }), async (rows) => {
        await expectLists(rows);
      }),
      { numRuns: 40 },
    );
  });

  it('count a backend among those that ran only when one of its jobs counts', async () => {
    const at = dateTimeOfMs(toMs - 3_600_000);
    const rows = [
      attempt({ downstream_repo: 'b/three', conclusion: 'failure', received_at: at }),
      attempt({ downstream_repo: 'c/three', conclusion: 'failure', received_at: at }),
      attempt({ downstream_repo: 'a/four', conclusion: 'cancelled', received_at: at }),
    ];
    await expectLists(rows);
    expect(sharedBreakage(rows).map(({ counted_backends }) => counted_backends)).toEqual([2]);
  });

  it('name upstream when two L3 backends break on one commit, and not when the second is an L2 or the probe', async () => {
    const on = (downstream_repo: string, pytorch_head_sha: string) =>
      attempt({
        downstream_repo,
        pytorch_head_sha,
        conclusion: 'failure',
        received_at: dateTimeOfMs(toMs - 3_600_000),
      });
    const rows = [
      on('b/three', 'x1'),
      on('c/three', 'x1'),
      on('b/three', 'x2'),
      on('d/two', 'x2'),
      on(probe, 'x2'),
    ];
    await expectLists(rows);
    expect(sharedBreakage(rows).map(({ sha, backends }) => [sha, backends])).toEqual([
      ['x1', 'b/three, c/three'],
    ]);
  });

  it('accuse no change of what fails on most others too', async () => {
    const on = (
      downstream_repo: string,
      pytorch_head_sha: string,
      job_name: string,
      conclusion = 'failure',
    ) =>
      attempt({
        downstream_repo,
        pytorch_head_sha,
        pr_number: Number(pytorch_head_sha.slice(1)),
        job_name,
        conclusion,
        received_at: dateTimeOfMs(toMs - 3_600_000),
      });
    const shas = ['x1', 'x2', 'x3', 'x4'];
    const rows = [
      ...shas.flatMap((sha) => [on('b/three', sha, 'always'), on('c/three', sha, 'always')]),
      ...shas.flatMap((sha) => [
        on('b/three', sha, 'good', sha === 'x4' ? 'failure' : 'success'),
        on('c/three', sha, 'good', sha === 'x4' ? 'failure' : 'success'),
      ]),
    ];
    await expectLists(rows);
    expect(sharedBreakage(rows).map(({ sha, bad_jobs }) => [sha, bad_jobs])).toEqual([['x4', 2]]);
  });
});
