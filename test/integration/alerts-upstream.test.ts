import type { WorkflowJobRow } from '../../clickhouse/tables';
import type { Labels } from '../../dashboards/alerts/evaluate';
import {
  alerting,
  days,
  hours,
  job,
  type Mark,
  probe,
  recovering,
  rerun,
  row,
  runbook,
  useAlertClock,
} from '../helpers/alert-clock';

const { add, changes, reset, rows, texts } = useAlertClock();
describe('OotSharedBreakage', () => {
  const rule = 'OotSharedBreakage';
  const on = (pr: number) => ({ pr_number: pr, pytorch_head_sha: `sha-${pr}` });
  const of = (pr: number): Labels => ({
    upstream: 'pytorch/pytorch',
    pr: String(pr),
    sha: `sha-${pr}`,
    event: 'pull_request',
  });
  const firingOf = (pr: number): Labels => ({ ...of(pr), severity: 'warning' });
  /** A job of each backend on each PR, at a mark a PR: `{ 'a/four': 'fs' }` fails on PR 1, and not on PR 2. */
  const board = (marks: Record<string, string>, overrides: Partial<WorkflowJobRow> = {}) =>
    Object.entries(marks).flatMap(([repo, text]) =>
      Array.from(text).map((mark, index) =>
        job(repo, -100 + index, mark as Mark, { ...on(index + 1), ...overrides }),
      ),
    );

  it('fires 5 minutes after the second backend broke, is kept for 30 after a re-run succeeded', async () => {
    const [one, other] = [
      job('a/four', -60, 'f', { ...on(7), outcome: -2 }),
      job('b/three', -60, 't', { ...on(7), outcome: 2 }),
    ];
    await add(one, other, rerun(other, 19, 's', 20), rerun(one, 24, 's', 25));
    // The row stays, with less.
    expect(await changes(rule, [0, 22], [48, 51])).toEqual({
      0: [],
      7: [alerting(firingOf(7), 2, 2)],
      20: [recovering(firingOf(7), 1, 2)],
      50: [],
    });
    expect(await rows(rule, -2)).toEqual([row(of(7), 1, 2)]);
    expect(await rows(rule, 30)).toEqual([row(of(7), 0, 2)]);
  });

  it('says which change, how many, where to look and what to do', async () => {
    await add(...board({ 'a/four': 'f', 'b/three': 'f', 'c/three': 'f' }));
    expect(await texts(rule)).toEqual([
      {
        summary: 'One change breaks several backends: look upstream first.',
        description:
          'pytorch/pytorch (PR 1, commit sha-1, pull_request) breaks 3 backends of L3 or L4; 2 at once are no coincidence. ' +
          'A job that fails on more than 50 % of the other changes of 3 days (3 or more) is left out: it fails by itself.',
        runbook_url: `${runbook}ootsharedbreakage`,
        dashboard: 'https://grafana.example/d/oot-summary?viewPanel=30&var-upstream=pytorch%2Fpytorch',
      },
    ]);
  });

  it('counts backends of L3 and L4, each once, on the same change', async () => {
    await add(
      ...board({ 'a/four': 'f', 'd/two': 'f', 'e/one': 'f', 'not/known': 'f', [probe]: 'f' }),
      ...board({ 'a/four': 'f' }, { job_name: 'another' }),
      job('b/three', -50, 'f', { ...on(1), pytorch_head_sha: 'sha-1b' }),
      job('b/three', -50, 'f', { ...on(1), event_type: 'push' }),
      job('b/three', -50, 'c', on(1)),
      job('c/three', -50, 'f', { ...on(1), outcome: 1 }),
    );
    const push = { ...of(1), event: 'push' };
    expect(await rows(rule)).toEqual([
      row(of(1), 1, 2),
      row(push, 1, 2),
      row({ ...of(1), sha: 'sha-1b' }, 1, 2),
    ]);
    expect(await rows(rule, 1)).toEqual([
      row(of(1), 2, 2, true),
      row(push, 1, 2),
      row({ ...of(1), sha: 'sha-1b' }, 1, 2),
    ]);
  });

  it('knows a commit without a PR, and nothing of what has neither', async () => {
    const nightly = { event_type: 'nightly', pr_number: 0 };
    await add(
      job('a/four', -50, 'f', { ...nightly, pytorch_head_sha: 'abc' }),
      job('b/three', -50, 'f', { ...nightly, pytorch_head_sha: 'abc' }),
      job('a/four', -50, 'f', { ...nightly, pytorch_head_sha: '' }),
      job('b/three', -50, 'f', { ...nightly, pytorch_head_sha: '' }),
    );
    const commit = { upstream: 'pytorch/pytorch', pr: 'none', sha: 'abc', event: 'nightly' };
    expect(await rows(rule)).toEqual([row(commit, 2, 2, true)]);
  });

  it('does not accuse every PR because two backends are broken, and still finds the one that breaks others', async () => {
    await add(...board({ 'a/four': 'ffff', 'b/three': 'ffff', 'c/three': 'sssf' }));
    expect(await rows(rule)).toEqual([
      ...[1, 2, 3].map((pr) => row(of(pr), 0, 2)),
      // One healthy backend is one too few.
      row(of(4), 1, 2),
    ]);
    await reset();
    await add(...board({ 'a/four': 'sssf', 'b/three': 'ffff', 'c/three': 'sssf' }));
    expect(await changes(rule, [0, 6])).toEqual({ 0: [], 5: [alerting(firingOf(4), 2, 2)] });
  });

  it('takes a job as known to fail from 3 other changes on, and when it fails on over half of them', async () => {
    const values = async (marks: Record<string, string>) => {
      await reset();
      await add(...board(marks));
      return (await rows(rule)).map(({ labels, value }) => [labels.pr, value]);
    };
    expect(await values({ 'a/four': 'fff', 'b/three': 'fff' })).toEqual([1, 2, 3].map((pr) => [`${pr}`, 2]));
    expect(await values({ 'a/four': 'ffff', 'b/three': 'ffff' })).toEqual(
      [1, 2, 3, 4].map((pr) => [`${pr}`, 0]),
    );
    // Two of the four others: half, which is not more.
    expect(await values({ 'a/four': 'fffss', 'b/three': 'fffss' })).toEqual(
      [1, 2, 3].map((pr) => [`${pr}`, 2]),
    );
    // Another job of theirs says nothing of this one.
    await add(...board({ 'a/four': 'ssf', 'b/three': 'ssf' }, { job_name: 'another' }));
    expect((await rows(rule)).map(({ value }) => value)).toEqual([2, 2, 2]);
  });

  it('looks at 24 hours for changes, and at 3 days for what fails anyway', async () => {
    const old = { until: -days(3) + 10 };
    const history = ['a/four', 'b/three'].flatMap((repo) =>
      [11, 12, 13].map((pr) => job(repo, old.until, 'f', on(pr))),
    );
    await add(...history, job('a/four', -5, 'f', on(1)), job('b/three', -5, 'f', on(1)));
    expect(await rows(rule)).toEqual([row(of(1), 0, 2)]);
    expect(await rows(rule, 11)).toEqual([row(of(1), 2, 2, true)]);
    expect(await rows(rule, hours(24) - 5)).toEqual([row(of(1), 2, 2, true)]);
    expect(await rows(rule, hours(24) - 4)).toEqual([]);
  });

  it('has no row when all is well, one backend alone breaks nothing, and nothing known is fine', async () => {
    expect(await changes(rule, [0, 7])).toEqual({ 0: [] });
    await add(...board({ 'a/four': 'ss', 'b/three': 'sc', 'c/three': 'sr' }));
    expect(await rows(rule)).toEqual([]);
    await add(...board({ 'a/four': 'f' }, { job_name: 'another' }));
    expect(await rows(rule)).toEqual([row(of(1), 1, 2)]);
    expect(await changes(rule, [0, 7])).toEqual({ 0: [] });
  });
});

describe('OotRelayProbeUnhealthy', () => {
  const rule = 'OotRelayProbeUnhealthy';
  const prs: Labels = { check: 'pull requests' };
  const nightly: Labels = { check: 'nightly' };
  const critical = (labels: Labels): Labels => ({ ...labels, severity: 'critical' });
  const ofPr = (pr: number, minute: number, name: string, mark: Mark, outcome = minute) =>
    job(probe, minute, mark, { pr_number: pr, pytorch_head_sha: `sha-${pr}`, job_name: name, outcome });
  const scheduled = (minute: number, overrides: Partial<WorkflowJobRow> = {}) =>
    job(probe, minute, 's', { event_type: 'nightly', pr_number: 0, ...overrides });
  /** A PR on which every job did as announced. */
  const fine = (pr: number, minute: number) => [
    ofPr(pr, minute, 'pass', 's'),
    ofPr(pr, minute, 'xfail', 'f'),
    ofPr(pr, minute, 'xcancel', 'c'),
    ofPr(pr, minute, 'xtimeout', 't'),
  ];

  it('is fine while each job ends as its name announces and a scheduled run comes each day', async () => {
    await add(...[1, 2, 3, 4, 5, 6].flatMap((pr) => fine(pr, -10 * pr)), scheduled(-60));
    expect(await rows(rule)).toEqual([row(nightly, 1, 30), row(prs, 0, 0)]);
    expect(await changes(rule, [0, 7])).toEqual({ 0: [] });
  });

  it('fires 5 minutes after an announced failure succeeded, is kept for 30 after a re-run failed', async () => {
    const odd = ofPr(2, -20, 'xfail', 's', 3);
    await add(...fine(1, -30), odd, rerun(odd, 19, 'f', 20), scheduled(-60));
    expect(await changes(rule, [0, 22], [48, 51])).toEqual({
      0: [],
      8: [alerting(critical(prs), 1, 0)],
      20: [recovering(critical(prs), 0, 0)],
      50: [],
    });
  });

  it.each<[string, string, Mark]>([
    ['a failure of what should pass', 'pass', 'f'],
    ['a timeout of what should fail', 'xfail', 't'],
    ['a success of what should be cancelled', 'xcancel', 's'],
    ['a failure of what should time out', 'xtimeout', 'f'],
  ])('breaches on %s', async (_what, name, mark) => {
    await add(...fine(1, -30), ofPr(1, -20, name, mark), scheduled(-60));
    await add(ofPr(2, -20, name, mark));
    expect((await rows(rule))[1]).toEqual(row(prs, 2, 0, true));
  });

  it('fires 5 minutes after a job of the probe is overdue', async () => {
    await add(...fine(1, -400), ofPr(1, -375, 'another', 'r'), scheduled(-60));
    expect(await changes(rule, [0, 7])).toEqual({ 0: [], 6: [alerting(critical(prs), 1, 0)] });
  });

  it('fires 5 minutes after 30 hours without a scheduled run, is kept for 30 after one began', async () => {
    await add(...fine(1, -30), scheduled(-hours(30)), scheduled(19, { event_type: 'periodic' }));
    expect(await changes(rule, [-1, 22], [48, 51])).toEqual({
      [-1]: [],
      6: [alerting(critical(nightly), 30.1, 30)],
      20: [recovering(critical(nightly), 1 / 60, 30)],
      50: [],
    });
  });

  it('takes no re-run of an old night for a new run', async () => {
    const old = scheduled(-hours(40));
    await add(...fine(1, -30), old, rerun(old, -60, 's'));
    expect((await rows(rule))[0]).toEqual(row(nightly, 40, 30, true));
  });

  it('says what is off, where to look and what to do', async () => {
    await add(...[1, 2].flatMap((pr) => [ofPr(pr, -30, 'xfail', 's')]), scheduled(-hours(31)));
    const common = {
      summary: 'The probe, which tests the relay itself, is off or missing.',
      runbook_url: `${runbook}ootrelayprobeunhealthy`,
      dashboard: 'https://grafana.example/d/oot-pipeline?viewPanel=15',
    };
    expect(await texts(rule)).toEqual([
      {
        ...common,
        description:
          'pytorch/crcr-test: its last scheduled run began 31 h ago, 30 h are too long. It tests the relay, not PyTorch.',
      },
      {
        ...common,
        description:
          'pytorch/crcr-test: on 2 of its last 5 pull requests a job did not end as its name announces, limit 0. ' +
          'It tests the relay, not PyTorch.',
      },
    ]);
  });

  it('looks at the last 5 PRs that say something', async () => {
    await add(
      ofPr(6, -60, 'xfail', 's'),
      ...[1, 2, 3, 4].flatMap((pr) => fine(pr, -10 * pr)),
      // Runs still, or was skipped: says nothing yet, so PR 6 is among the five.
      ofPr(7, -5, 'pass', 'r'),
      ofPr(8, -5, 'pass', 'c'),
      // Without a PR.
      job(probe, -5, 'f', { pr_number: 0, event_type: 'push' }),
      // Somebody else.
      job('a/four', -5, 'f'),
      scheduled(-60),
    );
    expect((await rows(rule))[1]).toEqual(row(prs, 1, 0, true));
    await add(...fine(5, -50));
    expect((await rows(rule))[1]).toEqual(row(prs, 0, 0));
  });

  it('judges by one PR where there is no other, and takes none in 7 days as all of them bad', async () => {
    await add(...fine(1, -30), scheduled(-60));
    expect((await rows(rule))[1]).toEqual(row(prs, 0, 0));
    expect((await rows(rule, days(7)))[1]).toEqual(row(prs, 5, 0, true));
  });

  it('fires on both when nothing at all is known, registered or not', async () => {
    const both = [alerting(critical(nightly), 720, 30), alerting(critical(prs), 5, 0)];
    expect(await changes(rule, [0, 6])).toEqual({ 0: [], 5: both });
    await reset([]);
    expect(await changes(rule, [0, 6])).toEqual({ 0: [], 5: both });
  });
});
