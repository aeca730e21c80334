import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { PrResults } from '../../api/pr-rows';
import { loadBackends, type Backend } from '../../clickhouse/backends';
import { dateTimeOfMs, type WorkflowJobRow } from '../../clickhouse/tables';
import { claimPort } from '../../local/dynamodb/ports';
import { createProxy, type Proxy } from '../chaos/proxy';
import { reader, readToken, startApi, type TestApi } from '../helpers/api';
import { loadDemo } from '../helpers/demo';
import { createGate, startClickHouse, type TestClickHouse } from '../helpers/engines';
import { expandQuery, panelsOf, type DashboardJson } from '../helpers/grafana';
import { attempt, clearAttempts, insertAttempts } from '../helpers/rows';

let clickHouse: TestClickHouse;
let proxy: Proxy;
/** Requests that reached ClickHouse. */
let asked = 0;
const apis: TestApi[] = [];

beforeAll(async () => {
  clickHouse = await startClickHouse(reader);
  proxy = await createProxy({ port: await claimPort(0), target: clickHouse.url });
  proxy.add((call, next) => {
    asked++;
    return next(call);
  });
});
afterEach(async () => {
  for (const api of apis.splice(0)) await api.stop();
});
afterAll(async () => {
  await proxy.stop();
  await clickHouse.stop();
});

async function start(deps: Parameters<typeof startApi>[1] = {}): Promise<TestApi> {
  const api = await startApi(proxy.url, deps);
  apis.push(api);
  return api;
}

const minuteMs = 60_000;
const agoText = (minutes: number) => dateTimeOfMs(Date.now() - minutes * minuteMs);
const insert = (...values: WorkflowJobRow[]) => insertAttempts(clickHouse.client, values);
const clear = () => clearAttempts(clickHouse.client);
const register = (...backends: Backend[]) => loadBackends(clickHouse.client, backends, Date.now());
const prPath = (pr: number | string, query = '') => `/api/oot/prs/pytorch/pytorch/${pr}${query}`;
const running = {
  status: 'in_progress',
  conclusion: '',
  state: 'running',
  completed_at: null,
  execution_time: null,
} as const;

describe('on the demo history', () => {
  /** A panel as it is committed, asked as Grafana asks it. */
  const dashboard = JSON.parse(
    readFileSync(join(__dirname, '../../dashboards/generated/oot-pr.json'), 'utf8'),
  ) as DashboardJson;
  async function panelRows(title: string, pr: number, sha: string): Promise<Record<string, unknown>[]> {
    const rawSql = panelsOf(dashboard).find((panel) => panel.title === title)?.targets?.[0]?.rawSql;
    if (rawSql === undefined) throw new Error(`no panel ${title}`);
    const result = await clickHouse.client.query({
      query: expandQuery(rawSql, {
        fromMs: 0,
        toMs: Date.now(),
        variables: { upstream: 'pytorch/pytorch', pr: String(pr), sha },
      }),
      format: 'JSONEachRow',
      clickhouse_settings: {
        output_format_json_quote_64bit_integers: 0,
        date_time_output_format: 'iso',
      },
    });
    return result.json();
  }
  const without = (row: Record<string, unknown>, ...columns: string[]) =>
    Object.fromEntries(Object.entries(row).filter(([column]) => !columns.includes(column)));
  const orNull = (value: unknown) => (value === '' ? null : value);

  beforeAll(async () => {
    await clear();
    await loadDemo(clickHouse.client, { endMs: Date.now(), source: 'backfill' });
  });

  it('gives the rows of every panel of the dashboard, for the worst, the newest and the busiest PRs', async () => {
    const api = await start();
    const chosen = await clickHouse.rows<{ pr: number; sha: string }>(`
      SELECT pr_number AS pr, pytorch_head_sha AS sha
      FROM oot_jobs
      WHERE pr_number > 0 AND upstream_repo = 'pytorch/pytorch'
      GROUP BY pr, sha
      ORDER BY count() > 5 AND countIf(outcome = 'failure') > 0 DESC, max(received_at) DESC
      LIMIT 8`);
    expect(chosen).toHaveLength(8);
    let bad = 0;
    for (const { pr, sha } of chosen) {
      const { status, json } = await api.get(prPath(pr, `?sha=${sha}`));
      expect([pr, status]).toEqual([pr, 200]);
      const results = json as PrResults;
      const panel = (title: string) => panelRows(title, pr, sha);

      expect([{ sentence: results.summary.sentence }]).toEqual(await panel('PR ${pr}: backends'));
      expect([{ blocking: results.summary.blocking }]).toEqual(await panel('Merge'));
      expect([{ elsewhere: results.summary.elsewhere }]).toEqual(await panel('Is it this PR?'));
      expect([{ commit: results.summary.commit }]).toEqual(await panel('Commit'));
      expect(results.backends.map((row) => without(row, 'oncalls'))).toEqual(
        (await panel('Backends, worst first')).map((row) => without(row, 'strip')),
      );
      const jobs = await panel('Jobs, worst first, and whether they fail on other PRs');
      expect(
        results.jobs.map((row) => without(row, 'as_expected', 'event_type', 'started_at', 'completed_at')),
      ).toEqual(
        jobs.map((row) => ({
          ...row,
          run_url: orNull(row.run_url),
          log_url: orNull(row.log_url),
          artifact_url: orNull(row.artifact_url),
        })),
      );
      expect(results.failed_tests).toEqual(await panel('Failed tests'));
      expect(results.commits).toEqual(
        (await panel('Commits of this PR, newest first')).map((row) => without(row, 'shown')),
      );
      bad += results.summary.jobs.bad;
    }
    // Or all of this would be about nothing.
    expect(bad).toBeGreaterThan(10);
  });

  it('counts in its summary what its rows are', async () => {
    const api = await start();
    const [{ pr }] = (await clickHouse.rows<{ pr: number }>(
      `SELECT pr_number AS pr FROM oot_jobs WHERE pr_number > 0 GROUP BY pr ORDER BY countIf(is_counted AND NOT is_as_expected) DESC LIMIT 1`,
    )) as [{ pr: number }];
    const { summary, jobs, backends, is_newest_sha, commits, sha } = (await api.get(prPath(pr)))
      .json as PrResults;
    const count = (test: (job: (typeof jobs)[number]) => boolean) => jobs.filter(test).length;
    expect(summary.jobs).toEqual({
      total: jobs.length,
      good: count(({ as_expected }) => as_expected === true),
      bad: count(({ as_expected }) => as_expected === false),
      running: count(({ outcome }) => outcome === 'running' || outcome === 'overdue'),
      overdue: count(({ outcome }) => outcome === 'overdue'),
      uncounted: count(
        ({ outcome, as_expected }) => as_expected === null && !['running', 'overdue'].includes(outcome),
      ),
    });
    const verdicts = backends.map(({ verdict }) => verdict);
    expect(summary.verdict).toBe(verdicts[0]);
    expect(summary.backends).toEqual({
      total: backends.length,
      passed: verdicts.filter((verdict) => verdict === 'success').length,
      failing: verdicts.filter((verdict) => verdict === 'failure').length,
      running: verdicts.filter((verdict) => ['running', 'overdue'].includes(verdict)).length,
    });
    expect([is_newest_sha, sha]).toEqual([true, commits[0]?.sha]);
  });

  it('answers a PR that is not cached within three seconds', async () => {
    const api = await start();
    const [{ pr }] = (await clickHouse.rows<{ pr: number }>(
      `SELECT pr_number AS pr FROM oot_jobs WHERE pr_number > 0 GROUP BY pr ORDER BY count() DESC LIMIT 1`,
    )) as [{ pr: number }];
    const startMs = performance.now();
    expect((await api.get(prPath(pr))).status).toBe(200);
    expect(performance.now() - startMs).toBeLessThan(3_000);
  });
});

describe('one PR', () => {
  const sha = attempt().pytorch_head_sha;
  const pr = 179565;

  beforeEach(async () => {
    await clear();
    await register(
      { repo: 'intel/intel-extension-for-pytorch', level: 'L4', device: '', oncalls: ['harrow', 'sorrel'] },
      { repo: 'pytorch-labs/ascend-pytorch', level: 'L3', device: 'npu', oncalls: ['lin', 'quill'] },
    );
  });

  it('comes whole: every field of a job, its backend, its commit and the links', async () => {
    await insert(
      attempt({
        downstream_repo: 'intel/intel-extension-for-pytorch',
        conclusion: 'failure',
        received_at: '2026-11-20 10:00:00.000',
        artifact_url: 'https://example.org/a',
        failed_tests: 2,
        failed_tests_json: '[{"name":"test_a","message":"no"}]',
        check_run_id: '7',
        run_attempt: 2,
        queue_time: 99,
      }),
      attempt({ conclusion: 'cancelled', received_at: '2026-11-20 10:00:01.000' }),
    );
    const api = await start({ grafanaUrl: 'https://grafana.example/base/' });
    const { status, json, headers } = await api.get(prPath(pr));
    const { generated_at, ...body } = json as { generated_at: string };
    expect(status).toBe(200);
    expect(Math.abs(Date.now() - Date.parse(generated_at))).toBeLessThan(10_000);
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
    const run_url = 'https://github.com/pytorch-labs/ascend-pytorch/actions/runs/16123456789';
    const seconds = { duration_seconds: 1800, queue_seconds: null };
    expect(body).toEqual({
      upstream: 'pytorch/pytorch',
      pr,
      sha,
      is_newest_sha: true,
      summary: {
        verdict: 'failure',
        sentence: '0/2 backends passed, 1 failing (1 blocking), 1 without a result',
        blocking: 'blocked by intel/intel-extension-for-pytorch',
        elsewhere: 'unknown: ran on no other PR',
        commit: '8f14e45 is the only commit',
        backends: { total: 2, passed: 0, failing: 1, running: 0 },
        jobs: { total: 2, good: 0, bad: 1, running: 0, overdue: 0, uncounted: 1 },
      },
      backends: [
        {
          backend: 'intel/intel-extension-for-pytorch',
          level: 'L4',
          verdict: 'failure',
          merge: 'blocks',
          jobs: 1,
          good_jobs: 0,
          bad_jobs: 1,
          running_jobs: 0,
          overdue_jobs: 0,
          uncounted_jobs: 0,
          longest_seconds: 1800,
          queue_seconds: null,
          last_received_at: '2026-11-20T10:00:00.000Z',
          oncalls: ['harrow', 'sorrel'],
        },
        {
          backend: 'pytorch-labs/ascend-pytorch',
          level: 'L3',
          verdict: 'none',
          merge: '',
          jobs: 1,
          good_jobs: 0,
          bad_jobs: 0,
          running_jobs: 0,
          overdue_jobs: 0,
          uncounted_jobs: 1,
          longest_seconds: 1800,
          queue_seconds: 41.25,
          last_received_at: '2026-11-20T10:00:01.000Z',
          oncalls: ['lin', 'quill'],
        },
      ],
      jobs: [
        {
          backend: 'intel/intel-extension-for-pytorch',
          level: 'L4',
          workflow: 'ascend-ci',
          job: 'test (910b, 1, 4)',
          event_type: 'pull_request',
          outcome: 'failure',
          as_expected: false,
          expected: '',
          merge: 'blocks',
          elsewhere: 'ran on no other PR',
          other_prs: 0,
          other_prs_failing: 0,
          failed_tests: 2,
          total_tests: 4157,
          run_attempt: 2,
          ...seconds,
          started_at: '2026-11-20T10:00:00.000000000Z',
          completed_at: '2026-11-20T10:30:00.000000000Z',
          received_at: '2026-11-20T10:00:00.000Z',
          run_url,
          log_url: 'https://github.com/intel/intel-extension-for-pytorch/actions/runs/16123456789/job/7',
          artifact_url: 'https://example.org/a',
        },
        {
          backend: 'pytorch-labs/ascend-pytorch',
          level: 'L3',
          workflow: 'ascend-ci',
          job: 'test (910b, 1, 4)',
          event_type: 'pull_request',
          outcome: 'cancelled',
          as_expected: null,
          expected: '',
          merge: '',
          elsewhere: '',
          other_prs: null,
          other_prs_failing: null,
          failed_tests: 0,
          total_tests: 4157,
          run_attempt: 1,
          duration_seconds: 1800,
          queue_seconds: 41.25,
          started_at: '2026-11-20T10:00:00.000000000Z',
          completed_at: '2026-11-20T10:30:00.000000000Z',
          received_at: '2026-11-20T10:00:01.000Z',
          run_url,
          log_url: expect.stringMatching(/^https:\/\/github\.com\/pytorch-labs\/ascend-pytorch\//) as string,
          artifact_url: null,
        },
      ],
      failed_tests: [
        {
          backend: 'intel/intel-extension-for-pytorch',
          workflow: 'ascend-ci',
          job: 'test (910b, 1, 4)',
          test: 'test_a',
          message: 'no',
          backends: 1,
          run_url,
        },
      ],
      commits: [
        {
          sha,
          first_received_at: '2026-11-20T10:00:00.000Z',
          last_received_at: '2026-11-20T10:00:01.000Z',
          sentence: '0/2 backends passed, 1 failing (1 blocking), 1 without a result',
          backends_passed: 0,
          backends_failing: 1,
          backends_running: 0,
          good: 0,
          bad: 1,
          running: 0,
          uncounted: 1,
        },
      ],
      links: {
        pull_request: 'https://github.com/pytorch/pytorch/pull/179565',
        dashboard: `https://grafana.example/base/d/oot-pr?var-upstream=pytorch%2Fpytorch&var-pr=179565&var-sha=${sha}`,
      },
    });
  });

  it('is that of the newest commit, of one that is named whole or by its beginning, or of an unnamed one', async () => {
    const on = (pytorch_head_sha: string, minutes: number, more: Partial<WorkflowJobRow> = {}) =>
      attempt({ pytorch_head_sha, received_at: agoText(minutes), ...more });
    await insert(
      on('aaaaaaaa11', 300),
      on('aaaaaaaa22', 200),
      on('bbbbbbbb33', 100),
      // An old commit that was re-run is not the newest.
      on('aaaaaaaa11', 5, { run_attempt: 2 }),
      on('', 400, { delivery_id: "d'1\\2" }),
    );
    const api = await start();
    const shaOf = async (query: string) => {
      const { status, json } = await api.get(prPath(pr, query));
      return [status, (json as { sha?: string }).sha];
    };
    expect(await shaOf('')).toEqual([200, 'bbbbbbbb33']);
    expect(await shaOf('?sha=aaaaaaaa11')).toEqual([200, 'aaaaaaaa11']);
    expect(await shaOf('?sha=bbbbbbb')).toEqual([200, 'bbbbbbbb33']);
    expect(await shaOf('?sha=BBBBBBBB33')).toEqual([200, 'bbbbbbbb33']);
    expect(await shaOf("?sha=delivery%20d'1%5C2")).toEqual([200, "delivery d'1\\2"]);
    expect((await api.get(prPath(pr, '?sha=bbbbbb'))).status).toBe(404);
    expect((await api.get(prPath(pr, '?sha=aaaaaaa'))).json).toEqual({
      error: 'sha is the beginning of several commits: send more of it',
      issues: [{ path: 'sha', message: 'is the beginning of several commits: send more of it' }],
    });
    expect((await api.get(prPath(pr, '?sha=cccccccc'))).json).toEqual({
      error: 'No backend has reported on this commit of pytorch/pytorch#179565',
      shas: ['bbbbbbbb33', 'aaaaaaaa22', 'aaaaaaaa11', "delivery d'1\\2"],
    });
  });

  it('is one of its own upstream repository, and a nightly run is none', async () => {
    await insert(attempt({ upstream_repo: 'other/upstream' }), attempt({ pr_number: 0 }));
    const api = await start();
    const answer = await api.get(prPath(pr));
    expect([answer.status, answer.json]).toEqual([
      404,
      { error: 'No backend has reported on pytorch/pytorch#179565' },
    ]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect((await api.get('/api/oot/prs/other/upstream/179565')).status).toBe(200);
  });

  it('shows a link only where it is https', async () => {
    // What ingest refuses, but an older writer may have left in the table.
    await insert(
      attempt({
        conclusion: 'failure',
        workflow_run_url: 'javascript:alert(1)',
        artifact_url: 'http://x.example/',
      }),
    );
    const api = await start();
    const { jobs } = (await api.get(prPath(pr))).json as PrResults;
    expect(jobs.map(({ run_url, artifact_url, log_url }) => [run_url, artifact_url, log_url])).toEqual([
      [null, null, null],
    ]);
    const { text } = await api.get(prPath(pr, '?format=markdown'));
    expect(text).not.toMatch(/javascript|x\.example/);
  });

  it('is answered to GET and HEAD alone, and nothing else is there', async () => {
    await insert(attempt());
    const api = await start();
    const post = await api.get(prPath(pr), {}, 'POST');
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    const head = await api.get(prPath(pr), {}, 'HEAD');
    expect([head.status, head.text]).toEqual([200, '']);
    expect((await api.get('/api/oot/prs')).json).toEqual({ error: 'Not found' });
  });

  it('as Markdown is a closed section with the bad jobs first and their links', async () => {
    await insert(
      attempt({
        conclusion: 'failure',
        job_name: 'a | `b` <img src=x> @someone',
        received_at: agoText(5),
        failed_tests: 3,
        check_run_id: '1',
      }),
      attempt({ job_name: 'slow', ...running, received_at: agoText(400) }),
      attempt({ job_name: 'good', received_at: agoText(5) }),
    );
    const api = await start({ grafanaUrl: 'https://grafana.example' });
    const { status, headers, text } = await api.get(prPath(pr, '?format=markdown'));
    expect([status, headers.get('content-type')]).toEqual([200, 'text/markdown; charset=utf-8']);
    const run = 'https://github.com/pytorch-labs/ascend-pytorch/actions/runs/16123456789';
    const backend = '<code>pytorch&#45;labs&#47;ascend&#45;pytorch</code>';
    const workflow = '<code>ascend&#45;ci</code>';
    expect(text.split('\n')).toEqual([
      '<!-- oot-ci-health:pr-results -->',
      '<details>',
      '<summary>🔴 <b>OOT CI</b>: 0&#47;1 backends passed&#44; 1 failing</summary>',
      '',
      `Commit <code>${sha}</code> is the only commit · nothing blocks · unknown&#58; ran on no other PR · [checks](https://github.com/pytorch/pytorch/pull/179565/checks) · [dashboard](https://grafana.example/d/oot-pr?var-upstream=pytorch%2Fpytorch&amp;var-pr=179565&amp;var-sha=${sha})`,
      '',
      '**Backends**',
      '',
      '| Verdict | Backend | Level | Merge | Jobs | Longest | Queue | Oncalls |',
      '| --- | --- | --- | --- | --- | --- | --- | --- |',
      `| 🔴 failure | ${backend} | L3 |  | 1/3 as expected, 1 bad, 1 running | 30 min | 41 s | <code>lin&#44; quill</code> |`,
      '',
      '**Jobs, worst first**',
      '',
      '| Outcome | Backend | Workflow | Job | On other PRs | Tests | Duration | Links |',
      '| --- | --- | --- | --- | --- | --- | --- | --- |',
      `| 🔴 failure | ${backend} | ${workflow} | <code>a &#124; &#96;b&#96; &#60;img src&#61;x&#62; &#64;someone</code> | ran on no other PR | 3 failed | 30 min | [run](${run}) [log](${run}/job/1) |`,
      expect.stringMatching(/^\| 🟣 overdue \| .*<code>slow<\/code> \| {2}\| {2}\| – \| \[run\]\(/) as string,
      '',
      '1 job ended as expected.',
      '',
      '</details>',
      '',
    ]);
  });

  it('never mixes two moments: what comes between its queries makes it ask again', async () => {
    await insert(attempt({ received_at: agoText(20) }));
    const api = await start();
    let calls = 0;
    const off = proxy.add(async (call, next) => {
      const answer = await next(call);
      // After the first query, which says how many jobs of what kind there are.
      if (++calls === 1)
        await insert(attempt({ job_name: 'late', conclusion: 'failure', received_at: agoText(1) }));
      return answer;
    });
    const { summary, jobs } = (await api.get(prPath(pr))).json as PrResults;
    off();
    expect(summary.sentence).toBe('0/1 backends passed, 1 failing');
    expect(summary.jobs).toEqual({ total: 2, good: 1, bad: 1, running: 0, overdue: 0, uncounted: 0 });
    expect(jobs.map(({ job }) => job)).toEqual(['late', 'test (910b, 1, 4)']);
    expect(calls).toBe(18);
  });
});

describe('what can not be', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startApi(proxy.url);
  });
  afterAll(() => api.stop());

  it.each([
    ['/api/oot/prs/py%20torch/pytorch/1', ['owner']],
    ['/api/oot/prs/pytorch/..%2fx/1', ['repo']],
    ["/api/oot/prs/pytorch/x'--/1", ['repo']],
    [prPath('0'), ['number']],
    [prPath('-1'), ['number']],
    [prPath('1e3'), ['number']],
    [prPath('9'.repeat(30)), ['number']],
    [prPath(1, '?sha=a&sha=b'), ['sha']],
    [prPath(1, '?sha='), ['sha']],
    [prPath(1, "?sha=x'%20OR%201=1"), ['sha']],
    [prPath(1, '?format=xml'), ['format']],
    [prPath('x', '?format=xml&sha=%00&owner=y'), ['number', 'sha', 'format']],
    ['/api/oot/prs/%ff/pytorch/1', ['path']],
    ['/api/oot/badge/pytorch/%0a.svg', ['repo']],
    ['/api/oot/badge/a/b.svg?label=', ['label']],
    [`/api/oot/badge/a/b.svg?label=${'x'.repeat(65)}`, ['label']],
  ])('answers 400 to %s and names %j', async (path, fields) => {
    const before = asked;
    const { status, json } = await api.get(path);
    const { issues } = json as { issues: { path: string; message: string }[] };
    expect([status, issues.map(({ path: field }) => field)]).toEqual([400, fields]);
    for (const { message } of issues) expect(message).toMatch(/^(must|can not) be /);
    expect(asked).toBe(before);
  });

  it('is never our fault, whatever is asked for', async () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 12 }).map((text) => encodeURIComponent(text.toWellFormed())),
      fc.constantFrom('pytorch', '1', '%', '%00', '%2e%2e', '..', '%ff', 'a.svg', '.svg', '0x1', '__proto__'),
    );
    const query = fc.oneof(
      fc.constantFrom('', 'sha[]=1', 'sha[a]=1', 'format=', '__proto__[x]=1', 'label=%zz', 'sha=%00', '&&=&'),
      fc.tuple(fc.constantFrom('sha', 'format', 'label', 'owner', 'x'), part).map((pair) => pair.join('=')),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('prs', 'badge'),
        fc.array(part, { maxLength: 4 }),
        query,
        async (kind, parts, search) => {
          const { status, text } = await api.get(`/api/oot/${[kind, ...parts].join('/')}?${search}`);
          expect([200, 400, 404]).toContain(status);
          expect(text).toMatch(/^(\{"|<svg )/);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('how it is kept', () => {
  beforeAll(async () => {
    await clear();
    await insert(attempt({ received_at: agoText(5) }), attempt({ pr_number: 2, received_at: agoText(5) }));
  });
  const queriesOfOne = 9;

  it('asks ClickHouse once for a herd, then not until the answer is too old', async () => {
    let nowMs = Date.now();
    const api = await start({ now: () => nowMs, cacheSeconds: 15 });
    const before = asked;
    // No answer before all of them have come: on a busy machine, the last would find what the first was told.
    const allCame = api.waiting(40);
    const proceed = proxy.add(async (call, next) => {
      await allCame;
      return next(call);
    });
    const herd = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        api.get(prPath(179565, index % 2 === 0 ? '' : '?format=markdown')),
      ),
    );
    proceed();
    expect(new Set(herd.map(({ status }) => status))).toEqual(new Set([200]));
    expect(asked - before).toBe(queriesOfOne);
    nowMs += 14_000;
    const kept = await api.get(prPath(179565));
    expect(asked - before).toBe(queriesOfOne);
    expect([kept.headers.get('age'), kept.headers.get('cache-control')]).toEqual([
      '14',
      'public, max-age=15',
    ]);
    expect((kept.json as { generated_at: string }).generated_at).toBe(new Date(nowMs - 14_000).toISOString());
    nowMs += 1_000;
    const fresh = await api.get(prPath(179565));
    expect([fresh.status, fresh.headers.get('age'), asked - before]).toEqual([200, '0', 2 * queriesOfOne]);
    const { values } = await api.metrics.lookups.get();
    expect(Object.fromEntries(values.map(({ labels, value }) => [labels.origin, value]))).toEqual({
      loaded: 2,
      joined: 39,
      cache: 1,
    });
  });

  it('has one look-up a PR and commit, and none for what is not there within the same time', async () => {
    const api = await start();
    const before = asked;
    await Promise.all([api.get(prPath(179565)), api.get(prPath(2)), api.get(prPath(3))]);
    expect(asked - before).toBe(2 * queriesOfOne + 1);
    expect((await api.get(prPath(3))).status).toBe(404);
    expect(asked - before).toBe(2 * queriesOfOne + 1);
  });

  it('has an ETag that changes with the results alone, and answers 304 to it', async () => {
    let nowMs = Date.now();
    const api = await start({ now: () => nowMs });
    const first = await api.get(prPath(2));
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^W\/"[\w-]{43}"$/);
    nowMs += 60_000;
    const again = await api.get(prPath(2), { 'if-none-match': etag });
    expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', etag]);
    expect(again.headers.get('cache-control')).toBe('public, max-age=15');
    const markdown = await api.get(prPath(2, '?format=markdown'), { 'if-none-match': etag });
    expect(markdown.status).toBe(200);
    await insert(attempt({ pr_number: 2, job_name: 'new', received_at: agoText(1) }));
    nowMs += 60_000;
    const changed = await api.get(prPath(2), { 'if-none-match': etag });
    expect([changed.status, changed.headers.get('etag') === etag]).toEqual([200, false]);
  });
});

describe('when ClickHouse can not answer', () => {
  beforeAll(async () => {
    await clear();
    await insert(attempt({ received_at: agoText(5) }));
  });
  const told = /select|clickhouse|exception|econn|oot_|database|code/i;

  it('says 503 and nothing else, not even what it knew, and is back when ClickHouse is', async () => {
    let nowMs = Date.now();
    const api = await start({ now: () => nowMs });
    expect((await api.get(prPath(179565))).status).toBe(200);
    expect((await api.get('/readyz')).status).toBe(200);
    nowMs += 16_000;
    const listen = await proxy.refuse();
    const { status, headers, text } = await api.get(prPath(179565));
    expect([status, headers.get('retry-after'), headers.get('cache-control')]).toEqual([
      503,
      '2',
      'no-store',
    ]);
    expect(text).toBe('{"error":"The results are not available now, try again"}');
    expect((await api.get('/readyz')).status).toBe(503);
    expect((await api.get('/healthz')).status).toBe(200);
    const badge = await api.get('/api/oot/badge/pytorch-labs/ascend-pytorch.svg');
    expect([badge.status, badge.headers.get('cache-control')]).toEqual([200, 'public, max-age=60']);
    expect(badge.text).toContain('OOT CI: unavailable');
    await listen();
    expect((await api.get(prPath(179565))).status).toBe(200);
    expect((await api.get('/readyz')).status).toBe(200);
  });

  it.each([
    ['there is no such database', { database: 'nowhere' }],
    ['an answer takes too long', { timeoutMs: 1 }],
  ])('says 503 where %s, without a word of it', async (_name, deps) => {
    const api = await start(deps);
    const { status, text, headers } = await api.get(prPath(179565));
    expect([status, text]).toEqual([503, expect.not.stringMatching(told)]);
    expect(JSON.stringify([...headers])).not.toMatch(told);
  });

  it('looks up no more than 16 things at once', async () => {
    const api = await start();
    const gate = createGate();
    const off = proxy.add(async (call, next) => {
      await gate.opened;
      return next(call);
    });
    const answers = Array.from({ length: 17 }, (_, index) => api.get(prPath(index + 1)));
    const first = await Promise.race(answers);
    expect([first.status, first.headers.get('retry-after')]).toEqual([503, '2']);
    gate.open();
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    off();
    expect(statuses.filter((status) => status === 404)).toHaveLength(16);
  });
});

describe('who may ask', () => {
  beforeAll(async () => {
    await clear();
    await insert(attempt({ received_at: agoText(5) }));
  });
  const bearer = { authorization: `Bearer ${readToken}` };
  const badge = '/api/oot/badge/pytorch-labs/ascend-pytorch.svg';

  it.each([
    ['none', 401, 401],
    ['badges', 401, 200],
    ['all', 200, 200],
  ] as const)('without a token, where %s is public: PRs %s, badges %s', async (publicPart, pr, ofBadge) => {
    const api = await start({ publicPart });
    const statuses = async (headers: Record<string, string>) => [
      (await api.get(prPath(179565), headers)).status,
      (await api.get(badge, headers)).status,
    ];
    expect(await statuses({})).toEqual([pr, ofBadge]);
    expect(await statuses({ authorization: 'Bearer wrong' })).toEqual([pr, ofBadge]);
    expect(await statuses({ authorization: readToken })).toEqual([pr, ofBadge]);
    expect(await statuses(bearer)).toEqual([200, 200]);
  });

  it('lets no shared cache keep what takes a token', async () => {
    const api = await start({ publicPart: 'none' });
    for (const path of [prPath(179565), badge]) {
      const { headers } = await api.get(path, bearer);
      expect([headers.get('cache-control'), headers.get('vary')]).toEqual([
        expect.stringMatching(/^private, max-age=\d+$/),
        'Authorization',
      ]);
    }
    const refused = await api.get(prPath(179565));
    expect([refused.headers.get('www-authenticate'), refused.headers.get('cache-control')]).toEqual([
      'Bearer',
      'no-store',
    ]);
  });

  it('asks ClickHouse with the account that may only read', async () => {
    const users = new Set<string>();
    const off = proxy.add((call, next) => {
      users.add(Buffer.from((call.headers.authorization ?? '').replace('Basic ', ''), 'base64').toString());
      return next(call);
    });
    const api = await start();
    await api.get(prPath(179565));
    off();
    expect([...users]).toEqual([`${reader.user}:${reader.password}`]);
  });

  it('says 429 with Retry-After to who asks too often, each token and address by itself', async () => {
    const tokens = [readToken, 'another-token-of-the-tests'];
    const api = await start({ publicPart: 'none', rateLimit: 3, tokens });
    const ask = async (token: string | undefined, path = prPath(179565)) =>
      (await api.get(path, token === undefined ? {} : { authorization: `Bearer ${token}` })).status;
    for (const token of [...tokens, undefined]) {
      const expected = token === undefined ? 401 : 200;
      expect(await Promise.all([ask(token), ask(token), ask(token)])).toEqual([expected, expected, expected]);
      expect(await ask(token)).toBe(429);
      // Badges have a count of their own.
      expect(await ask(token, badge)).toBe(expected);
    }
    const { headers, json } = await api.get(prPath(179565), bearer);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(60);
    expect(json).toEqual({ error: 'Too many requests, come back later' });
    // A guess at a token is a request of the address.
    expect(await ask('guess')).toBe(429);
  });

  it('believes X-Forwarded-For only where a proxy is said to be there', async () => {
    const direct = await start({ rateLimit: 1 });
    const behind = await start({ rateLimit: 1, trustedProxies: 1 });
    const ask = async (api: TestApi, address: string) =>
      (await api.get(prPath(179565), { 'x-forwarded-for': address })).status;
    expect([await ask(direct, '192.0.2.1'), await ask(direct, '192.0.2.2')]).toEqual([200, 429]);
    expect([await ask(behind, '192.0.2.1'), await ask(behind, '192.0.2.2')]).toEqual([200, 200]);
    // What stands before the proxy's own entry is the client's word.
    expect(await ask(behind, '192.0.2.9, 192.0.2.2')).toBe(429);
    // All of a customer's IPv6 network is one client.
    expect([await ask(behind, '2001:db8:0:1::1'), await ask(behind, '2001:db8:0:2::1')]).toEqual([200, 429]);
  });
});
