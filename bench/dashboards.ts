import { loadBackends } from '../clickhouse/backends';
import type { ClickHouseClient } from '../clickhouse/client';
import { allRules } from '../dashboards/alerts/all';
import { expandTime } from '../dashboards/alerts/evaluate';
import type { AlertRule } from '../dashboards/alerts/rule';
import { allDashboards } from '../dashboards/all';
import { config } from '../dashboards/config';
import { expandQuery, panelsOf, variablesOf, type DashboardJson } from '../test/helpers/grafana';
import { measureReadiness } from '../test/helpers/rows';
import type { Ask } from './ask';
import { backends, generate, shareDays } from './data';
import { openClickHouse, type BenchClickHouse } from './engines';
import { createRow, measureRounds, type BenchContext, type BenchRow, type Section } from './section';
import { median } from './stats';
import { createUpstream, questions } from './upstream';

/** What people wait for in Grafana, and what its alerting asks each minute, as history grows. */
export const dashboardsSection: Section = {
  name: 'dashboards',
  title: 'Panels and alert rules over 90 days of 50 backends',
  run: (context) => run(context, context.size === 'quick' ? [20_000] : [1_000_000, 10_000_000]),
};

/** By itself, since it takes as long as all others. */
export const largeDashboardsSection: Section = {
  name: 'dashboards-30m',
  title: 'The same at 30 million jobs',
  isOnlyFull: true,
  run: (context) => run(context, [context.size === 'quick' ? 30_000 : 30_000_000]),
};

const days = 90;
const dayMs = 86_400_000;
const panelMs = 150;
const rulesMs = 500;
const upstreamRatio = 0.1;
const historyRatio = 1.3;
const rounds = 5;

type Query = { name: string; sql: string };

async function run(context: BenchContext, sizes: number[]): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  const before = new Map<string, number>();
  for (const jobs of sizes) rows.push(...(await measureSize(context, jobs, before)));
  return rows;
}

/** `before`: medians of panels at the size before, by name, in milliseconds; what is measured here replaces it. */
async function measureSize(
  context: BenchContext,
  jobs: number,
  before: Map<string, number>,
): Promise<BenchRow[]> {
  const { say, signal } = context;
  const clickHouse = await openClickHouse(context);
  const { client, ask } = clickHouse;
  const endMs = Date.now();
  await loadBackends(client, backends, endMs);
  await generate(client, { jobs, days, endMs }, (day) => {
    signal.throwIfAborted();
    if (day % 15 === 0) say(`${jobs.toLocaleString('en')} jobs: day ${day} of ${days}`);
  });
  await waitForMerges(ask);
  await measureReadiness(client);
  const size = `${jobs / 1e6} M jobs`;
  const chosen = await chooseVariables(client);
  const panels = panelQueries(chosen, endMs);
  say(`${size}: ${panels.length} queries of panels`);
  const rows: BenchRow[] = [];
  const answered: Query[] = [];
  for (const panel of panels) {
    const { name, sql } = panel;
    const { ours, failure } = await measurePanel(ask, sql, signal);
    if (failure === undefined) answered.push(panel);
    rows.push(
      createRow({
        what: `${size}, 7 days: ${name}`,
        unit: 'ms',
        ours,
        ...(jobs === 10_000_000 && { goal: { kind: 'less than', bound: panelMs, unit: 'ms' } }),
        note: failure ?? growth(before.get(name), median(ours)),
      }),
    );
    before.set(name, median(ours));
  }
  rows.push(
    createRow({
      // Differs by the hour more than many a panel does by its query.
      what: `${size}: SELECT 1`,
      unit: 'ms',
      ours: (await measurePanel(ask, 'SELECT 1', signal)).ours,
      note: 'what any query costs',
    }),
    createRow({
      // What ClickHouse does each minute, so that the panels on readiness need not.
      what: `${size}: measuring readiness`,
      unit: 'ms',
      ours: (await measurePanel(ask, 'SELECT * FROM oot_readiness_at(at = now64(3))', signal)).ours,
      note: 'once a minute',
    }),
    ...(await allAtOnce(context, ask, size, panels)),
    ...(await rules(ask, size, jobs, endMs)),
  );
  say(`${size}: upstream's table`);
  await createUpstream(client, signal);
  await waitForMerges(ask);
  rows.push(...(await againstUpstream(context, ask, size, jobs, { ...chosen, endMs })));
  if (jobs === 10_000_000 || context.size === 'quick') {
    say(`${size}: with a third of the history`);
    rows.push(...(await againstLessHistory(context, clickHouse, { size, panels: answered, endMs })));
  }
  return rows;
}

/** The same panels, turn by turn, of all days and of a third of them: as many jobs a day. */
async function againstLessHistory(
  context: BenchContext,
  clickHouse: BenchClickHouse,
  { size, panels, endMs }: { size: string; panels: Query[]; endMs: number },
): Promise<BenchRow[]> {
  const third = await clickHouse.openAnother();
  await loadBackends(third.client, backends, endMs);
  await shareDays(clickHouse, third, { days: days / 3, endMs });
  await measureReadiness(third.client);
  await waitForMerges(third.ask);
  const what = `${days} days of history`;
  const against = `${days / 3} days of it`;
  const goal = { kind: 'ratio at most', bound: historyRatio } as const;
  const measured: { name: string; ours: number[]; rounds: number[] }[] = [];
  for (const { name, sql } of panels) {
    const { ours, theirs } = await measureRounds(
      rounds,
      { ours: () => timeMs(clickHouse.ask, sql), theirs: () => timeMs(third.ask, sql) },
      context.signal,
    );
    measured.push({ name, ours, rounds: theirs });
  }
  const rowOf = (name: string, ours: number[], other: number[], note = '') =>
    createRow({
      what: `${size}, 7 days: ${name}, ${what}`,
      unit: 'ms',
      ours,
      against: { what: against, rounds: other },
      goal,
      note,
    });
  return [
    rowOf(
      `the median panel of ${measured.length}`,
      measured.map(({ ours }) => median(ours)),
      measured.map((panel) => median(panel.rounds)),
      'one value a panel',
    ),
    ...measured
      .map((panel) => rowOf(panel.name, panel.ours, panel.rounds))
      .filter(({ met }) => met === false),
  ];
}

/** What takes longer than a second is far from any goal, and one round says so. */
async function measurePanel(ask: Ask, sql: string, signal: AbortSignal) {
  try {
    const ours = [await timeMs(ask, sql)];
    while (ours.length < (Number(ours[0]) > 1_000 ? 1 : rounds)) {
      signal.throwIfAborted();
      ours.push(await timeMs(ask, sql));
    }
    return { ours };
  } catch (error) {
    signal.throwIfAborted();
    return {
      ours: [NaN],
      failure: `failed: ${(error as { code?: string }).code ?? (error as Error).message}`,
    };
  }
}

const growth = (before: number | undefined, now: number): string =>
  before === undefined ? '' : `${(now / before).toFixed(2)} times the size before`;

async function timeMs(ask: Ask, query: string): Promise<number> {
  const startedMs = performance.now();
  await ask(query);
  return performance.now() - startedMs;
}

/** Each dashboard's panels as it opens: 7 days, all backends; or one, where it shows one. */
function panelQueries({ pr, sha, nightlySha, repo }: Chosen, toMs: number): Query[] {
  return (allDashboards() as unknown as DashboardJson[]).flatMap((dashboard) => {
    const one: Record<string, string> = {
      backend: repo,
      pr: String(pr),
      sha: dashboard.uid === config.dashboards.commit.uid ? nightlySha : sha,
      upstream: 'pytorch/pytorch',
    };
    const variables = Object.fromEntries(
      variablesOf(dashboard).map(({ name, includeAll }) => [name, includeAll ? '$__all' : (one[name] ?? '')]),
    );
    return panelsOf(dashboard).flatMap(({ title = '', targets = [] }) =>
      targets.map(({ rawSql = '', refId = '' }) => ({
        name: `${dashboard.uid}, ${title}${targets.length > 1 ? ` (${refId})` : ''}`,
        sql: expandQuery(rawSql, { fromMs: toMs - 7 * dayMs, toMs, intervalMs: 600_000, variables }),
      })),
    );
  });
}

type Chosen = { pr: number; sha: string; nightlySha: string; repo: string };

/** A PR and a nightly of yesterday, and a busy backend. */
async function chooseVariables(client: ClickHouseClient): Promise<Chosen> {
  const answer = await client.query({
    query: `
      SELECT
        toUInt32(argMaxIf(pr_number, received_at, event_type = 'pull_request')) AS pr,
        argMaxIf(pytorch_head_sha, received_at, event_type = 'pull_request') AS sha,
        argMaxIf(pytorch_head_sha, received_at, event_type = 'nightly') AS nightlySha
      FROM oot_attempts
      WHERE received_at < now() - INTERVAL 1 DAY`,
    format: 'JSONEachRow',
  });
  const [found = { pr: 0, sha: '', nightlySha: '' }] = await answer.json<Omit<Chosen, 'repo'>>();
  return { ...found, repo: 'vendor-5/torch-backend' };
}

/** What happens when somebody opens a dashboard: all of its queries at the same time. One row a dashboard. */
async function allAtOnce(
  { signal }: BenchContext,
  ask: Ask,
  size: string,
  panels: Query[],
): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const { uid } of allDashboards()) {
    const ofDashboard = panels.filter(({ name }) => name.startsWith(`${uid},`));
    const ours: number[] = [];
    for (let round = 0; round < rounds; round++) {
      signal.throwIfAborted();
      const startedMs = performance.now();
      await Promise.all(ofDashboard.map(({ sql }) => timeMs(ask, sql)));
      ours.push(performance.now() - startedMs);
    }
    rows.push(
      createRow({
        what: `${size}, 7 days: ${uid}, all ${ofDashboard.length} at once`,
        unit: 'ms',
        ours,
        note: 'until the last one is there',
      }),
    );
  }
  return rows;
}

/** One after the other, and all at the same time: Grafana does not wait for one rule before it evaluates the next. */
async function rules(ask: Ask, size: string, jobs: number, atMs: number): Promise<BenchRow[]> {
  const slowest = new Map<string, number>();
  const evaluate = async ({ value, limit }: AlertRule) =>
    (await timeMs(ask, expandTime(value, atMs))) + (await timeMs(ask, expandTime(limit, atMs)));
  const inTurn: number[] = [];
  const atOnce: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const startedMs = performance.now();
    for (const rule of allRules())
      slowest.set(rule.name, Math.max(slowest.get(rule.name) ?? 0, await evaluate(rule)));
    inTurn.push(performance.now() - startedMs);
    const againMs = performance.now();
    await Promise.all(allRules().map(evaluate));
    atOnce.push(performance.now() - againMs);
  }
  const [worst] = [...slowest].sort(([, a], [, b]) => b - a);
  const goal = jobs === 10_000_000 && { goal: { kind: 'less than', bound: rulesMs, unit: 'ms' } as const };
  return [
    createRow({
      what: `${size}: every alert rule once, one after the other`,
      unit: 'ms',
      ours: inTurn,
      ...goal,
      note: worst ? `the slowest: ${worst[0]}, ${worst[1].toFixed(0)} ms` : '',
    }),
    createRow({ what: `${size}: every alert rule once, all at once`, unit: 'ms', ours: atOnce, ...goal }),
  ];
}

async function againstUpstream(
  { signal }: BenchContext,
  ask: Ask,
  size: string,
  jobs: number,
  { endMs, ...chosen }: Chosen & { endMs: number },
): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  const fromMs = endMs - 7 * dayMs;
  // A few jobs in 90 days: the last five PRs may be weeks ago.
  const probeFromMs = jobs < 1_000_000 ? 0 : fromMs;
  for (const { name, theirs, ours } of questions({ ...chosen, fromMs, probeFromMs })) {
    const [expected, got] = await Promise.all([theirs, ours].map((query) => ask(query)));
    if (expected !== got) throw new Error(`${name}: not the same answer`);
    const measured = await measureRounds(
      rounds,
      { ours: () => timeMs(ask, ours), theirs: () => timeMs(ask, theirs) },
      signal,
    );
    rows.push(
      createRow({
        what: `${size}, 7 days: ${name}`,
        unit: 'ms',
        ours: measured.ours,
        against: { what: "upstream's query on upstream's table", rounds: measured.theirs },
        ...(jobs === 10_000_000 && { goal: { kind: 'ratio at most', bound: upstreamRatio } }),
        note: 'same rows',
      }),
    );
  }
  return rows;
}

/** Merges that are due would take a share of the machine from whatever is measured first. */
async function waitForMerges(ask: Ask): Promise<void> {
  for (let quiet = 0; quiet < 3;) {
    const running = await ask('SELECT toUInt32(count()) FROM system.merges');
    quiet = running.trim() === '[0]' ? quiet + 1 : 0;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}
