import fc from 'fast-check';
import { loadBackends, type Backend } from '../../clickhouse/backends';
import { dateTimeOfMs, type WorkflowJobRow } from '../../clickhouse/tables';
import { prDashboard } from '../../dashboards/pr';
import {
  prBackendsSql,
  prBlockingSql,
  prCommitSql,
  prCommitsSql,
  prElsewhereSql,
  prFailedTestsSql,
  prJobsSql,
  prNumbersSql,
  prSentenceSql,
  prShasSql,
  prUpstreamsSql,
  prWorkflowsSql,
} from '../../dashboards/queries/pr';
import { cutFailedTests } from '../../ingest/failed-tests';
import { loadDemo } from '../helpers/demo';
import { startClickHouse, type TestClickHouse } from '../helpers/engines';
import { expandQuery } from '../helpers/grafana';
import { newestAttempt, runOf } from '../helpers/newest';
import { attempt, clearAttempts, insertAttempts } from '../helpers/rows';

let clickHouse: TestClickHouse;
beforeAll(async () => {
  clickHouse = await startClickHouse();
});
afterAll(() => clickHouse.stop());

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const upstream = 'pytorch/pytorch';
const quoted = "o'hara/torch";

const insert = (values: WorkflowJobRow[]) => insertAttempts(clickHouse.client, values, { withRuns: true });
const clear = () => clearAttempts(clickHouse.client);
const register = (...backends: [repo: string, level: Backend['level']][]) =>
  loadBackends(
    clickHouse.client,
    backends.map(([repo, level]) => ({ repo, level, device: '', oncalls: [] })),
    Date.now(),
  );

type Choice = { upstream?: string; pr: number | string; sha: string };
const ask = <T>(rawSql: string, choice: Choice): Promise<T[]> =>
  clickHouse.rows<T>(
    expandQuery(rawSql, {
      fromMs: Date.now() - 7 * dayMs,
      toMs: Date.now(),
      variables: { upstream, ...choice, pr: String(choice.pr) },
    }),
  );
const agoMs = (minutes: number) => Date.now() - minutes * minuteMs;
const received = (minutesAgo: number) => ({ received_at: dateTimeOfMs(agoMs(minutesAgo)) });
const running = { status: 'in_progress', conclusion: '', state: 'running', completed_at: null };

/* The oracle: the same numbers from the rows, without SQL. */

const msOf = (row: WorkflowJobRow) => Date.parse(`${row.received_at.replace(' ', 'T')}Z`);
const shaOf = (row: WorkflowJobRow) =>
  row.pytorch_head_sha === '' ? `delivery ${row.delivery_id}` : row.pytorch_head_sha;

function judge(row: WorkflowJobRow) {
  const expected =
    row.downstream_repo !== 'pytorch/crcr-test'
      ? 'success'
      : row.job_name.includes('xfail')
        ? 'failure'
        : row.job_name.includes('xcancel')
          ? 'cancelled'
          : 'success';
  const outcome = row.status === 'in_progress' ? 'running' : row.conclusion;
  const counted = ['success', 'failure', 'timed_out', expected].includes(outcome);
  const overdue = outcome === 'running' && Date.now() - msOf(row) > 375 * minuteMs;
  return { outcome, counted, overdue, bad: counted && outcome !== expected };
}

function groups<T>(values: T[], keyOf: (value: T) => string): T[][] {
  const found = new Map<string, T[]>();
  for (const value of values) found.set(keyOf(value), [...(found.get(keyOf(value)) ?? []), value]);
  return [...found.values()];
}

const nameOf = (row: WorkflowJobRow) =>
  JSON.stringify([row.downstream_repo, row.workflow_name, row.job_name]);
const jobOf = (row: WorkflowJobRow) =>
  JSON.stringify([row.upstream_repo, row.pr_number, shaOf(row), row.event_type, nameOf(row)]);
/** Of each job among these its newest attempt; `all`: those of the jobs at any time. */
const newestOfJobs = (rows: WorkflowJobRow[], all = rows) =>
  groups(rows, jobOf).map((attempts) =>
    newestAttempt(
      attempts,
      all.filter((row) => jobOf(row) === jobOf(attempts[0]!)),
    ),
  );

function verdictOf(jobs: WorkflowJobRow[]): string {
  const judged = jobs.map(judge);
  if (judged.some(({ bad }) => bad)) return 'failure';
  if (judged.some(({ overdue }) => overdue)) return 'overdue';
  if (judged.some(({ outcome }) => outcome === 'running')) return 'running';
  return judged.some(({ counted }) => counted) ? 'success' : 'none';
}

function sentenceOf(jobs: WorkflowJobRow[], blocking: string): string {
  const backends = groups(jobs, (row) => row.downstream_repo).map((own) => ({
    repo: own[0]!.downstream_repo,
    verdict: verdictOf(own),
  }));
  const count = (...verdicts: string[]) =>
    backends.filter(({ verdict }) => verdicts.includes(verdict)).length;
  const blocked = backends.some(({ repo, verdict }) => repo === blocking && verdict === 'failure');
  let text = `${count('success')}/${backends.length} backends passed`;
  if (count('failure') > 0) text += `, ${count('failure')} failing${blocked ? ' (1 blocking)' : ''}`;
  if (count('running', 'overdue') > 0) text += `, ${count('running', 'overdue')} running`;
  if (count('overdue') > 0) text += ` (${count('overdue')} overdue)`;
  if (count('none') > 0) text += `, ${count('none')} without a result`;
  return text;
}

function jobsSentenceOf(jobs: WorkflowJobRow[]): string {
  const judged = jobs.map(judge);
  const count = (test: (job: ReturnType<typeof judge>) => boolean) => judged.filter(test).length;
  const good = count((job) => job.counted && !job.bad);
  const bad = count((job) => job.bad);
  const running = count(({ outcome }) => outcome === 'running');
  const overdue = count((job) => job.overdue);
  let text = `${good}/${jobs.length} passed`;
  if (bad > 0) text += `, ${bad} failing`;
  if (running > 0) text += `, ${running} running`;
  if (overdue > 0) text += ` (${overdue} overdue)`;
  const rest = jobs.length - good - bad - running;
  if (rest > 0) text += `, ${rest} not counted`;
  return text;
}

function commitsOf(rows: WorkflowJobRow[]) {
  return groups(rows, shaOf)
    .map((own) => ({ sha: shaOf(own[0]!), firstMs: Math.min(...own.map(msOf)), rows: own }))
    .sort((a, b) => b.firstMs - a.firstMs);
}

/** When the run of an attempt began: with the first of its first attempts; where none of these came, with itself. */
const beganMsOf = (all: WorkflowJobRow[], row: WorkflowJobRow): number => {
  const firsts = all.filter(
    (other) =>
      other.downstream_repo === row.downstream_repo && runOf(other) === runOf(row) && other.run_attempt === 1,
  );
  return firsts.length === 0 ? msOf(row) : Math.min(...firsts.map(msOf));
};

/** [failing, all] other PRs on which the job had a counted result in the last day. */
function elsewhereOf(all: WorkflowJobRow[], job: WorkflowJobRow): [number, number] {
  const same = all.filter(
    (row) =>
      nameOf(row) === nameOf(job) &&
      row.upstream_repo === job.upstream_repo &&
      row.pr_number > 0 &&
      row.pr_number !== job.pr_number,
  );
  const verdicts = groups(same, (row) => String(row.pr_number)).flatMap((onPr) => {
    const [newest] = newestOfJobs(
      onPr.filter((row) => msOf(row) >= Date.now() - dayMs),
      onPr,
    )
      .filter((row) => judge(row).counted)
      .sort((a, b) => beganMsOf(all, b) - beganMsOf(all, a) || msOf(b) - msOf(a));
    return newest ? [judge(newest).bad] : [];
  });
  return [verdicts.filter((bad) => bad).length, verdicts.length];
}

const blockingBackend = 'intel/intel-extension-for-pytorch';

const rowArbitrary = fc.record({
  pr_number: fc.constantFrom(101, 101, 101, 102, 103, 0),
  commit: fc.constantFrom('a', 'b', 'c', ''),
  delivery_id: fc.constantFrom('d1', 'd2'),
  run_id: fc.constantFrom('r1', 'r1', 'r2', ''),
  upstream_repo: fc.constantFrom(upstream, upstream, upstream, "it's/up"),
  event_type: fc.constantFrom('pull_request', 'pull_request', 'pull_request', 'other'),
  downstream_repo: fc.constantFrom(blockingBackend, 'pytorch/crcr-test', quoted),
  workflow_name: fc.constantFrom('w1', 'w1', 'w1', "w'2"),
  job_name: fc.constantFrom('j1', 'j1', 'j1', 'xfail', 'xcancel'),
  conclusion: fc.constantFrom(
    'success',
    'success',
    'failure',
    'timed_out',
    'cancelled',
    'skipped',
    'running',
  ),
  run_attempt: fc.integer({ min: 1, max: 3 }),
  // Away from the bounds: 375 minutes (overdue), 24 hours (right now).
  minutesAgo: fc.oneof(
    fc.integer({ min: 1, max: 360 }),
    fc.integer({ min: 390, max: 1_400 }),
    fc.integer({ min: 1_480, max: 6_000 }),
  ),
});

describe('oot-pr', () => {
  beforeEach(clear);

  it('shows what a plain count of the callbacks gives, for any history', async () => {
    await register([blockingBackend, 'L4'], [quoted, 'L2']);
    const levels: Record<string, string> = { [blockingBackend]: 'L4', [quoted]: 'L2' };
    await fc.assert(
      fc.asyncProperty(fc.array(rowArbitrary, { minLength: 1, maxLength: 60 }), async (drawn) => {
        const startMs = Date.now();
        const all = drawn.map(({ commit, minutesAgo, conclusion, ...rest }, index) =>
          attempt({
            ...rest,
            pytorch_head_sha: commit === '' ? '' : `${commit}${rest.pr_number}`,
            delivery_id: `${rest.delivery_id}-${rest.pr_number}-${commit}`,
            // No two at the same instant.
            received_at: dateTimeOfMs(startMs - minutesAgo * minuteMs - index),
            ...(conclusion === 'running' ? running : { conclusion }),
          }),
        );
        await clear();
        await insert(all);
        const own = all.filter((row) => row.pr_number === 101 && row.upstream_repo === upstream);
        const commits = commitsOf(own);
        const choice = (sha: string) => ({ pr: 101, sha });

        expect((await ask<{ sha: string }>(prShasSql, choice(''))).map(({ sha }) => sha)).toEqual(
          commits.map(({ sha }) => sha),
        );
        expect(
          await ask<object>(
            `SELECT * EXCEPT (shown, first_received_at, last_received_at), toUnixTimestamp64Milli(first_received_at) AS first_ms, toUnixTimestamp64Milli(last_received_at) AS last_ms FROM (${prCommitsSql})`,
            choice(''),
          ),
        ).toEqual(
          commits.map(({ sha, rows }) => {
            const jobs = newestOfJobs(rows);
            const verdicts = groups(jobs, (row) => row.downstream_repo).map(verdictOf);
            const judged = jobs.map(judge);
            const bad = judged.filter((job) => job.bad).length;
            const good = judged.filter((job) => job.counted && !job.bad).length;
            const run = judged.filter(({ outcome }) => outcome === 'running').length;
            return {
              sha,
              sentence: sentenceOf(jobs, blockingBackend),
              backends_passed: verdicts.filter((verdict) => verdict === 'success').length,
              backends_failing: verdicts.filter((verdict) => verdict === 'failure').length,
              backends_running: verdicts.filter((verdict) => ['running', 'overdue'].includes(verdict)).length,
              good,
              bad,
              running: run,
              uncounted: jobs.length - good - bad - run,
              first_ms: Math.min(...rows.map(msOf)),
              last_ms: Math.max(...rows.map(msOf)),
            };
          }),
        );

        for (const [index, { sha, rows }] of commits.entries()) {
          const jobs = newestOfJobs(rows);
          const bad = jobs.filter((row) => judge(row).bad);
          const spread = bad.map((row) => elsewhereOf(all, row));
          const blocked = bad.some((row) => row.downstream_repo === blockingBackend);

          expect(await ask(prSentenceSql, choice(sha))).toEqual([
            { sentence: sentenceOf(jobs, blockingBackend) },
          ]);
          expect(await ask(prBlockingSql, choice(sha))).toEqual([
            { blocking: blocked ? `blocked by ${blockingBackend}` : 'nothing blocks' },
          ]);
          expect(await ask(prElsewhereSql, choice(sha))).toEqual([
            {
              elsewhere:
                bad.length === 0
                  ? 'nothing fails'
                  : spread.every(([, others]) => others === 0)
                    ? 'unknown: ran on no other PR'
                    : `${spread.filter(([failing]) => failing > 0).length} of ${bad.length} failing job${bad.length === 1 ? '' : 's'} also on other PRs`,
            },
          ]);
          const name = sha.startsWith('delivery ') ? sha : sha.slice(0, 7);
          expect(await ask(prCommitSql, choice(sha))).toEqual([
            {
              commit:
                commits.length === 1
                  ? `${name} is the only commit`
                  : `${name} is ${index === 0 ? '' : 'not '}the newest of ${commits.length} commits`,
            },
          ]);

          const rank = ['failure', 'overdue', 'running', 'none', 'success'];
          expect(
            await ask(
              `SELECT backend, level, verdict, merge, jobs, bad_jobs FROM (${prBackendsSql})`,
              choice(sha),
            ),
          ).toEqual(
            groups(jobs, (row) => row.downstream_repo)
              .map((group) => {
                const backend = group[0]!.downstream_repo;
                const verdict = verdictOf(group);
                const merge =
                  backend !== blockingBackend
                    ? ''
                    : verdict === 'failure'
                      ? 'blocks'
                      : verdict === 'success'
                        ? 'passed'
                        : 'required';
                return {
                  backend,
                  level: levels[backend] ?? 'not registered',
                  verdict,
                  merge,
                  jobs: group.length,
                  bad_jobs: group.filter((row) => judge(row).bad).length,
                };
              })
              .sort(
                (a, b) =>
                  Number(b.merge === 'blocks') - Number(a.merge === 'blocks') ||
                  rank.indexOf(a.verdict) - rank.indexOf(b.verdict) ||
                  (levels[b.backend] ?? '').localeCompare(levels[a.backend] ?? ''),
              ),
          );

          const workflows = groups(jobs, (row) => JSON.stringify([row.downstream_repo, row.workflow_name]));
          expect(
            await ask(
              `SELECT backend, level, workflow, verdict, sentence FROM (${prWorkflowsSql})`,
              choice(sha),
            ),
          ).toEqual(
            workflows
              .map((group) => {
                const { downstream_repo: backend, workflow_name: workflow } = group[0]!;
                return {
                  backend,
                  level: levels[backend] ?? 'not registered',
                  workflow,
                  verdict: verdictOf(group),
                  sentence: jobsSentenceOf(group),
                };
              })
              .sort(
                (a, b) =>
                  rank.indexOf(a.verdict) - rank.indexOf(b.verdict) ||
                  (levels[b.backend] ?? '').localeCompare(levels[a.backend] ?? '') ||
                  a.backend.localeCompare(b.backend) ||
                  a.workflow.localeCompare(b.workflow),
              ),
          );

          const shown = await ask<{ outcome: string; other_prs: number | null }>(
            `SELECT backend, workflow, job, outcome, other_prs_failing, other_prs FROM (${prJobsSql})`,
            choice(sha),
          );
          const expected = jobs.map((row) => {
            const { bad: isBad, overdue, outcome } = judge(row);
            const [failing, others] = elsewhereOf(all, row);
            return {
              backend: row.downstream_repo,
              workflow: row.workflow_name,
              job: row.job_name,
              outcome: overdue ? 'overdue' : outcome,
              other_prs_failing: isBad ? failing : null,
              other_prs: isBad ? others : null,
            };
          });
          const text = (value: unknown) => JSON.stringify(value);
          expect(shown.map(text).sort()).toEqual(expected.map(text).sort());
          // Worst first: those that are bad have a number of other PRs.
          expect(shown.map(({ other_prs }) => other_prs === null)).toEqual(
            shown.map(({ other_prs }) => other_prs === null).sort((a, b) => Number(a) - Number(b)),
          );
        }
      }),
      { numRuns: 25 },
    );
  });

  it('says "5/8 backends passed, 1 failing, 2 running"', async () => {
    await register();
    const on = (downstream_repo: string, more: Partial<WorkflowJobRow> = {}) =>
      attempt({ downstream_repo, ...received(20), ...more });
    await insert([
      ...['b/1', 'b/2', 'b/3', 'b/4', 'b/5'].map((repo) => on(repo)),
      on('b/6', { conclusion: 'timed_out' }),
      on('b/6', { job_name: 'another', ...running }),
      on('b/7', running),
      on('b/8', running),
    ]);
    const choice = { pr: 179565, sha: attempt().pytorch_head_sha };
    expect(await ask(prSentenceSql, choice)).toEqual([
      { sentence: '5/8 backends passed, 1 failing, 2 running' },
    ]);
  });

  it('takes for the newest commit the one that came last, though an older one was re-run since', async () => {
    await insert([
      attempt({ pytorch_head_sha: 'old', ...received(300), conclusion: 'failure' }),
      attempt({ pytorch_head_sha: 'new', ...received(100), conclusion: 'failure' }),
      attempt({ pytorch_head_sha: 'old', run_attempt: 2, ...received(10) }),
    ]);
    const choice = { pr: 179565, sha: 'new' };
    expect((await ask<{ sha: string }>(prShasSql, choice)).map(({ sha }) => sha)).toEqual(['new', 'old']);
    expect(await ask(prCommitSql, choice)).toEqual([{ commit: 'new is the newest of 2 commits' }]);
    expect(await ask(prSentenceSql, choice)).toEqual([{ sentence: '0/1 backends passed, 1 failing' }]);
    expect(await ask(prSentenceSql, { ...choice, sha: 'old' })).toEqual([
      { sentence: '1/1 backends passed' },
    ]);
  });

  it("asks other PRs for their newest run's result, not for an old commit's re-run, even from before the day", async () => {
    // Four PRs that broke and were mended, two the other way round; the old commit began before the day.
    const others = [2, 3, 4, 5, 6, 7].flatMap((pr_number) => {
      const mended = pr_number <= 5;
      const old = {
        pr_number,
        pytorch_head_sha: 'old',
        delivery_id: `old-${pr_number}`,
        conclusion: mended ? 'failure' : 'success',
      };
      return [
        attempt({ ...old, ...received(26 * 60) }),
        attempt({ ...old, ...received(10), run_attempt: 2 }),
        attempt({
          pr_number,
          pytorch_head_sha: 'new',
          delivery_id: `new-${pr_number}`,
          ...received(300),
          conclusion: mended ? 'success' : 'failure',
        }),
      ];
    });
    await insert([
      ...others,
      attempt({ pr_number: 1, pytorch_head_sha: 'x', ...received(5), conclusion: 'failure' }),
      attempt({ pr_number: 8, pytorch_head_sha: 'y', ...received(25 * 60), conclusion: 'failure' }),
      attempt({ pr_number: 9, pytorch_head_sha: 'z', ...received(60), conclusion: 'failure' }),
    ]);
    expect(await ask(`SELECT elsewhere FROM (${prJobsSql})`, { pr: 1, sha: 'x' })).toEqual([
      { elsewhere: 'also failing on 3 of 7 other PRs' },
    ]);
  });

  it('asks a PR that went back to an older commit for the run of that', async () => {
    const on = (sha: string, delivery_id: string, minutesAgo: number, conclusion: string) =>
      attempt({ pr_number: 2, pytorch_head_sha: sha, delivery_id, ...received(minutesAgo), conclusion });
    await insert([
      on('old', 'opened', 300, 'success'),
      on('new', 'pushed', 200, 'failure'),
      on('old', 'pushed back', 100, 'success'),
      attempt({
        pr_number: 1,
        pytorch_head_sha: 'x',
        delivery_id: 'x',
        ...received(5),
        conclusion: 'failure',
      }),
    ]);
    expect(await ask(`SELECT elsewhere FROM (${prJobsSql})`, { pr: 1, sha: 'x' })).toEqual([
      { elsewhere: 'only here: passes on 1 other PR' },
    ]);
  });

  it('lists failed tests, those on most backends first, and says how many were left out', async () => {
    const failed = (downstream_repo: string, tests: unknown[], failed_tests_cut = 0) =>
      attempt({
        downstream_repo,
        conclusion: 'failure',
        failed_tests_json: cutFailedTests(tests).json,
        failed_tests_cut,
      });
    await insert([
      failed(
        'b/1',
        [
          { name: "it's 'quoted'", message: 'no\n"luck"' },
          { name: 'alone', message: '' },
        ],
        7,
      ),
      failed('b/2', [{ name: "it's 'quoted'", message: 'other' }, 'only a text', { classname: 'no name' }]),
      attempt({ downstream_repo: 'b/3', conclusion: 'failure' }),
      attempt({ downstream_repo: 'b/4', conclusion: 'failure', failed_tests_json: 'not json' }),
    ]);
    const rows = await ask(`SELECT backend, test, message, backends FROM (${prFailedTestsSql})`, {
      pr: 179565,
      sha: attempt().pytorch_head_sha,
    });
    expect(rows).toEqual([
      { backend: 'b/1', test: "it's 'quoted'", message: 'no\n"luck"', backends: 2 },
      { backend: 'b/2', test: "it's 'quoted'", message: 'other', backends: 2 },
      { backend: 'b/1', test: 'alone', message: '', backends: 1 },
      { backend: 'b/2', test: 'only a text', message: '', backends: 1 },
      { backend: 'b/2', test: '{"classname":"no name"}', message: '', backends: 1 },
      { backend: 'b/1', test: 'and 7 more that did not fit', message: '', backends: null },
    ]);
  });

  it.each(['', '0', 'abc', "1' OR 1=1 --", '-1', '99999999999999999999999'])(
    'shows nothing, not nightly runs, for the PR "%s"',
    async (pr) => {
      await insert([attempt({ pr_number: 0, event_type: 'nightly' }), attempt()]);
      const choice = { pr, sha: attempt().pytorch_head_sha };
      for (const query of [
        prSentenceSql,
        prBlockingSql,
        prElsewhereSql,
        prCommitSql,
        prBackendsSql,
        prJobsSql,
        prCommitsSql,
        prFailedTestsSql,
        prShasSql,
      ]) {
        expect(await ask(query, choice)).toEqual([]);
      }
    },
  );

  it('offers the upstream with most PRs first, and its newest PRs first', async () => {
    await insert([
      attempt({ upstream_repo: 'a/a', pr_number: 9, ...received(5) }),
      attempt({ upstream_repo: "it's/up", pr_number: 8, ...received(5) }),
      attempt({ upstream_repo: "it's/up", pr_number: 10, ...received(500) }),
      attempt({ upstream_repo: 'a/b', pr_number: 0, event_type: 'nightly', ...received(5) }),
    ]);
    const choice = { upstream: "it's/up", pr: '', sha: '' };
    expect(await ask(prUpstreamsSql, choice)).toEqual([
      { upstream_repo: "it's/up" },
      { upstream_repo: 'a/a' },
    ]);
    expect(await ask(prNumbersSql, choice)).toEqual([{ pr: '10' }, { pr: '8' }]);
  });

  it('answers every query of the page on the demo history', async () => {
    // Moved to now: which PRs are listed, and what other PRs say "right now", the queries ask the engine's clock.
    await loadDemo(clickHouse.client, { endMs: Date.now(), source: 'backfill' });
    const [worst] = await clickHouse.rows<{ pr: string; sha: string }>(
      `SELECT toString(pr_number) AS pr, pytorch_head_sha AS sha FROM oot_jobs WHERE pr_number > 0
       GROUP BY pr, sha ORDER BY countIf(outcome = 'failure') DESC LIMIT 1`,
    );
    const { panels = [], templating } = prDashboard();
    const queries = [
      ...(templating.list ?? []).flatMap(({ query }) => (typeof query === 'object' ? [query] : [])),
      ...panels.flatMap((panel) => ('targets' in panel ? (panel.targets ?? []) : [])),
    ] as { rawSql: string }[];
    expect(queries).toHaveLength(12);
    for (const { rawSql } of queries) expect(await ask(rawSql, worst!)).not.toEqual([]);
  });
});
