import fc from 'fast-check';
import { loadBackends } from '../../clickhouse/backends';
import { dateTimeOfMs, type WorkflowJobRow } from '../../clickhouse/tables';
import { commitDashboard } from '../../dashboards/commit';
import {
  commitBackendsSql,
  commitElsewhereSql,
  commitEventListSql,
  commitEventsSql,
  commitFailedTestsSql,
  commitJobsSql,
  commitsSql,
  commitSentenceSql,
  commitShasSql,
  commitUpstreamsSql,
  commitWorkflowsSql,
} from '../../dashboards/queries/commit';
import {
  prBackendsSql,
  prFailedTestsSql,
  prJobsSql,
  prSentenceSql,
  prWorkflowsSql,
} from '../../dashboards/queries/pr';
import { changePageUrl, headSha } from '../../dashboards/queries/pr-verdict';
import { loadDemo } from '../helpers/demo';
import { startClickHouse, type TestClickHouse } from '../helpers/engines';
import { allValue, expandQuery, type VariableValue } from '../helpers/grafana';
import { attempt, clearAttempts, insertAttempts } from '../helpers/rows';

let clickHouse: TestClickHouse;
beforeAll(async () => {
  clickHouse = await startClickHouse();
  await loadBackends(
    clickHouse.client,
    [
      { repo: 'a/three', level: 'L3', device: 'npu', oncalls: [] },
      { repo: 'b/two', level: 'L2', device: '', oncalls: [] },
    ],
    Date.now(),
  );
});
afterAll(() => clickHouse.stop());
beforeEach(() => clearAttempts(clickHouse.client));

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const upstream = 'pytorch/pytorch';

const insert = (...rows: WorkflowJobRow[]) => insertAttempts(clickHouse.client, rows, { withRuns: true });
type Choice = { sha: string; event?: VariableValue; upstream?: string; pr?: string };
const ask = <T>(rawSql: string, choice: Choice): Promise<T[]> =>
  clickHouse.rows<T>(
    expandQuery(rawSql, {
      fromMs: Date.now() - 7 * dayMs,
      toMs: Date.now(),
      variables: { datasource: 'chosen', upstream, event: allValue, ...choice },
    }),
  );
const received = (minutesAgo: number) => ({ received_at: dateTimeOfMs(Date.now() - minutesAgo * minuteMs) });
/** A job of a nightly. */
const night = (overrides: Partial<WorkflowJobRow> = {}) =>
  attempt({
    pr_number: 0,
    event_type: 'nightly',
    pytorch_head_sha: 'aaaaaaa1',
    ...received(60),
    ...overrides,
  });

const rowArbitrary = fc.record({
  pytorch_head_sha: fc.constantFrom('aaaaaaa1', 'bbbbbbb2', ''),
  delivery_id: fc.constantFrom('d1', 'd2'),
  run_id: fc.constantFrom('r1', 'r1', 'r2'),
  event_type: fc.constantFrom('push', 'nightly'),
  downstream_repo: fc.constantFrom('a/three', 'pytorch/crcr-test', "o'hara/torch"),
  workflow_name: fc.constantFrom('w1', 'w1', "w'2"),
  job_name: fc.constantFrom('j1', 'j1', 'xfail'),
  conclusion: fc.constantFrom('success', 'failure', 'timed_out', 'cancelled', 'running'),
  run_attempt: fc.integer({ min: 1, max: 3 }),
  minutesAgo: fc.integer({ min: 1, max: 100_000 }),
});

describe('oot-commit', () => {
  it('shows of a commit what the page of a pull request shows of the same jobs, for any history', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(rowArbitrary, { minLength: 1, maxLength: 40 }), async (drawn) => {
        const ofPr = drawn.map(({ minutesAgo, conclusion, ...rest }, index) =>
          attempt({
            ...rest,
            // No two at the same instant.
            received_at: dateTimeOfMs(Date.now() - minutesAgo * minuteMs - index),
            pr_number: 101,
            failed_tests_json: conclusion === 'failure' ? `[{"name":"t${index % 3}","message":"m"}]` : '',
            ...(conclusion === 'running'
              ? { status: 'in_progress', conclusion: '', state: 'running', completed_at: null }
              : { conclusion }),
          }),
        );
        const without = ofPr.map((row) => ({ ...row, pr_number: 0, dynamoKey: `${row.dynamoKey}/0` }));
        await clearAttempts(clickHouse.client);
        await insert(...ofPr, ...without);
        const shas = new Set(
          drawn.map(({ pytorch_head_sha: sha, delivery_id }) =>
            sha === '' ? `delivery ${delivery_id}` : sha,
          ),
        );
        const details = (query: string) =>
          `SELECT * EXCEPT (elsewhere, other_prs, other_prs_failing) ${query === commitJobsSql ? 'EXCEPT event_type' : ''} FROM (${query}) ORDER BY ALL`;
        for (const sha of shas) {
          const both = (ours: string, theirs: string) =>
            Promise.all([ask(ours, { sha }), ask(theirs, { sha, pr: '101' })]);
          for (const [ours, theirs] of [
            [commitSentenceSql, prSentenceSql],
            // Nobody here is of a level that blocks.
            [commitBackendsSql, prBackendsSql],
            [commitWorkflowsSql, prWorkflowsSql],
            [
              `SELECT * FROM (${commitFailedTestsSql}) ORDER BY ALL`,
              `SELECT * FROM (${prFailedTestsSql}) ORDER BY ALL`,
            ],
            [details(commitJobsSql), details(prJobsSql)],
          ] as const) {
            const [shown, expected] = await both(ours, theirs);
            expect(shown).toEqual(expected);
            if (ours === commitSentenceSql) expect(shown).toHaveLength(1);
          }
        }
      }),
      { numRuns: 8 },
    );
  });

  it('is of the chosen events, all at first, and not of a pull request with that commit', async () => {
    await insert(
      night({ downstream_repo: 'a/three', conclusion: 'failure' }),
      night({ downstream_repo: 'b/two', event_type: 'push' }),
      night({ downstream_repo: 'c/not-registered', event_type: 'periodic', upstream_repo: 'other/up' }),
      night({ downstream_repo: 'a/three', event_type: 'pull_request', pr_number: 5, conclusion: 'failure' }),
    );
    const sha = 'aaaaaaa1';
    const sentence = async (event: VariableValue) =>
      (await ask<{ sentence: string }>(commitSentenceSql, { sha, event }))[0]?.sentence;
    expect(await sentence(allValue)).toBe('1/2 backends passed, 1 failing');
    expect(await sentence(['nightly'])).toBe('0/1 backends passed, 1 failing');
    expect(await sentence(['push'])).toBe('1/1 backends passed');
    expect(await sentence(['periodic'])).toBeUndefined();
    expect(await ask(commitEventsSql, { sha })).toEqual([{ commit: 'aaaaaaa: nightly, push' }]);
    expect(await ask(commitEventListSql, { sha })).toEqual([
      { event_type: 'nightly' },
      { event_type: 'push' },
    ]);
    expect(await ask(`SELECT backend, event_type, merge FROM (${commitJobsSql})`, { sha })).toEqual([
      { backend: 'a/three', event_type: 'nightly', merge: '' },
      { backend: 'b/two', event_type: 'push', merge: '' },
    ]);
  });

  it('says whether its failing jobs fail on pull requests of the last day', async () => {
    const elsewhere = async () =>
      (await ask<{ elsewhere: string }>(commitElsewhereSql, { sha: 'aaaaaaa1' }))[0]?.elsewhere;
    const rows = () =>
      ask(`SELECT elsewhere, other_prs_failing, other_prs FROM (${commitJobsSql})`, { sha: 'aaaaaaa1' });
    await insert(night());
    expect(await elsewhere()).toBe('nothing fails');
    await insert(night({ job_name: 'bad', conclusion: 'failure' }));
    expect(await elsewhere()).toBe('unknown: ran on no PR');
    await insert(
      attempt({ job_name: 'bad', pr_number: 7, ...received(30) }),
      attempt({ job_name: 'bad', pr_number: 8, conclusion: 'failure', ...received(30) }),
      attempt({ job_name: 'bad', pr_number: 9, conclusion: 'failure', ...received(2 * 1_440) }),
      night({ job_name: 'bad', pytorch_head_sha: 'bbbbbbb2', conclusion: 'failure' }),
    );
    expect(await elsewhere()).toBe('1 of 1 failing job also on PRs');
    expect(await rows()).toEqual([
      { elsewhere: 'also failing on 1 of 2 PRs', other_prs_failing: 1, other_prs: 2 },
      { elsewhere: '', other_prs_failing: null, other_prs: null },
    ]);
  });

  it('shows all of a commit, however long ago, and one that nobody named by its delivery', async () => {
    await insert(
      night({ downstream_repo: 'a/three', ...received(60 * 1_440) }),
      night({ downstream_repo: 'b/two', ...received(1) }),
      night({ pytorch_head_sha: '', delivery_id: "d'1", ...received(20 * 1_440) }),
    );
    expect(await ask(commitSentenceSql, { sha: 'aaaaaaa1' })).toEqual([{ sentence: '2/2 backends passed' }]);
    expect(await ask(commitSentenceSql, { sha: "delivery d'1" })).toEqual([
      { sentence: '1/1 backends passed' },
    ]);
    expect(await ask(commitEventsSql, { sha: "delivery d'1" })).toEqual([
      { commit: "delivery d'1: nightly" },
    ]);
  });

  it('lists commits and events of the time range, the newest first, and marks the one that is shown', async () => {
    await insert(
      night({ downstream_repo: 'a/three', conclusion: 'failure', ...received(300) }),
      night({ downstream_repo: 'b/two', ...received(290) }),
      night({ downstream_repo: 'b/two', event_type: 'push', ...received(400) }),
      night({ pytorch_head_sha: 'bbbbbbb2', conclusion: 'cancelled', ...received(100) }),
      // Run again since: it is as new as it was.
      night({ downstream_repo: 'a/three', conclusion: 'success', run_attempt: 2, ...received(50) }),
      night({ pytorch_head_sha: 'ccccccc3', ...received(8 * 1_440) }),
      night({ pytorch_head_sha: 'ddddddd4', upstream_repo: 'other/up' }),
      attempt({ pr_number: 5 }),
    );
    const listed = (choice: Choice) =>
      ask(
        `SELECT sha, event, shown, sentence, backends_passed, backends_failing, backends_running, good, bad, running, uncounted FROM (${commitsSql})`,
        choice,
      );
    const none = { backends_failing: 0, backends_running: 0, bad: 0, running: 0 };
    const nightB = {
      ...{
        sha: 'bbbbbbb2',
        event: 'nightly',
        shown: '',
        sentence: '0/1 backends passed, 1 without a result',
      },
      ...{ ...none, backends_passed: 0, good: 0, uncounted: 1 },
    };
    const nightA = {
      ...{ sha: 'aaaaaaa1', event: 'nightly', shown: 'shown', sentence: '2/2 backends passed' },
      ...{ ...none, backends_passed: 2, good: 2, uncounted: 0 },
    };
    const pushA = { ...nightA, event: 'push', sentence: '1/1 backends passed', backends_passed: 1, good: 1 };
    expect(await listed({ sha: 'aaaaaaa1' })).toEqual([nightB, nightA, pushA]);
    expect(await listed({ sha: 'aaaaaaa1', event: ['push'] })).toEqual([pushA]);

    expect(await ask(commitUpstreamsSql, { sha: '' })).toEqual([
      { upstream_repo: upstream },
      { upstream_repo: 'other/up' },
    ]);
    const offered = await ask<{ sha: string; shown: string }>(commitShasSql, { sha: '' });
    expect(offered.map(({ sha }) => sha)).toEqual(['bbbbbbb2', 'aaaaaaa1', 'ccccccc3']);
    expect(offered[1]?.shown).toMatch(/^aaaaaaa nightly, push \(\d{4}-\d\d-\d\d \d\d:\d\d UTC\)$/);
  });

  it('offers the commit that was heard of last for the first time: a re-run does not make one newer', async () => {
    const old = { pytorch_head_sha: 'aaaaaaa1', ...received(20 * 1_440) };
    await insert(
      night({ ...old, dynamoKey: 'k/1' }),
      night({ ...old, dynamoKey: 'k/2', run_attempt: 2, ...received(60) }),
      night({ pytorch_head_sha: 'bbbbbbb2', ...received(300) }),
    );
    const offered = await ask<{ sha: string }>(commitShasSql, { sha: '' });
    expect(offered.map(({ sha }) => sha)).toEqual(['bbbbbbb2', 'aaaaaaa1']);
  });

  it('shows a commit and an event that strangers gave names with quotes and backslashes', async () => {
    const nasty = { delivery_id: "x\\') OR 1=1 -- $__fromTime_ms", event_type: "e\\') OR pr_number > 0 --" };
    await insert(
      night({ ...nasty, pytorch_head_sha: '', conclusion: 'failure' }),
      attempt({ downstream_repo: 'victim/x', pr_number: 5, conclusion: 'failure', ...received(50) }),
    );
    const [offered] = await ask<{ sha: string }>(commitShasSql, { sha: '' });
    const sha = offered!.sha;
    expect(sha).toBe(`delivery ${nasty.delivery_id}`);
    expect(await ask(commitSentenceSql, { sha })).toMatchObject([
      { sentence: '0/1 backends passed, 1 failing' },
    ]);
    expect(await ask(`SELECT backend FROM (${commitJobsSql})`, { sha })).toHaveLength(1);
    expect(await ask(commitEventListSql, { sha })).toEqual([]);
    expect(await ask(`SELECT event, event_choice FROM (${commitsSql})`, { sha })).toEqual([
      { event: nasty.event_type, event_choice: allValue },
    ]);
    const url = `SELECT ${changePageUrl(headSha)} AS url FROM oot_attempts WHERE pr_number = 0`;
    const [link] = await ask<{ url: string }>(url, { sha });
    const chosen = new URL(link!.url, 'https://grafana.example').searchParams;
    expect([chosen.get('var-event'), chosen.get('var-sha')]).toEqual([allValue, sha]);
  });

  it.each(['', 'prsha', "x' OR 1=1 --", 'delivery '])('shows nothing for the commit "%s"', async (sha) => {
    await insert(night(), attempt({ pr_number: 5, pytorch_head_sha: 'prsha' }));
    for (const query of [
      commitSentenceSql,
      commitElsewhereSql,
      commitEventsSql,
      commitEventListSql,
      commitBackendsSql,
      commitWorkflowsSql,
      commitJobsSql,
      commitFailedTestsSql,
    ]) {
      expect(await ask(query, { sha })).toEqual([]);
    }
  });

  it('answers every query of the page on the demo history', async () => {
    // Moved to now: which commits are listed, the queries ask the engine's clock.
    await loadDemo(clickHouse.client, { endMs: Date.now(), source: 'backfill' });
    const [worst] = await clickHouse.rows<{ sha: string }>(
      `SELECT pytorch_head_sha AS sha FROM oot_jobs WHERE pr_number = 0
       GROUP BY sha ORDER BY countIf(outcome = 'failure') DESC, sha LIMIT 1`,
    );
    const { panels = [], templating } = commitDashboard();
    const queries = [
      ...(templating.list ?? []).flatMap(({ query }) => (typeof query === 'object' ? [query] : [])),
      ...panels.flatMap((panel) => ('targets' in panel ? (panel.targets ?? []) : [])),
    ] as { rawSql: string }[];
    expect(queries).toHaveLength(11);
    for (const { rawSql } of queries) expect(await ask(rawSql, worst!)).not.toEqual([]);
  });
});
