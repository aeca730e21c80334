import { stateCode, type BackendState } from '../../dashboards/queries/backend-states';
import { summaryDashboard } from '../../dashboards/summary';
import { situationAt } from '../../local/demo/profile';
import { demoNowMs, loadDemo } from '../helpers/demo';
import { startClickHouse, type TestClickHouse } from '../helpers/engines';
import { expandQuery, type VariableValue } from '../helpers/grafana';

/* Every query of the dashboard, on the history that the demo shows. */

const dayMs = 86_400_000;
const toMs = demoNowMs;
const fromMs = toMs - 7 * dayMs;

type Target = { rawSql: string; format: number };
const dashboard = summaryDashboard();
const panels = dashboard.panels!.flatMap(({ id, ...panel }) => {
  const { title, targets } = panel as { title?: string; targets?: Target[] };
  return (targets ?? []).map(({ rawSql }) => ({ id: id!, name: title!, rawSql }));
});
const annotations = dashboard.annotations.list!.flatMap(({ name, target }) =>
  target ? [{ id: 0, name, rawSql: (target as unknown as Target).rawSql }] : [],
);
const queries = [...panels, ...annotations];

let clickHouse: TestClickHouse;
beforeAll(async () => {
  clickHouse = await startClickHouse();
  await loadDemo(clickHouse.client);
});
afterAll(() => clickHouse.stop());

const all = {
  level: '$__all',
  backend: '$__all',
  upstream: '$__all',
  event_type: '$__all',
  datasource: 'chosen',
};

async function ask(rawSql: string, chosen: Record<string, VariableValue> = {}, [from, to] = [fromMs, toMs]) {
  const query = expandQuery(rawSql, { fromMs: from, toMs: to, variables: { ...all, ...chosen } });
  const result = await clickHouse.client.query({
    query,
    format: 'JSON',
    // As the user that Grafana should have: it reads, and may set what lasts for a query.
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0, readonly: '2' },
  });
  const { data, meta } = await result.json<Record<string, unknown>>();
  return { data, types: Object.fromEntries(meta!.map(({ name, type }) => [name, type])) };
}
const panelSql = (id: number) => panels.find((panel) => panel.id === id)!.rawSql;

describe('every query of oot-summary', () => {
  it.each(queries)('$name has rows', async ({ rawSql }) => {
    expect((await ask(rawSql)).data.length).toBeGreaterThan(0);
  });

  it.each<[string, Record<string, VariableValue>]>([
    ['one of each', { level: ['L3'], backend: ['tessera-ai/torch-tessera'], event_type: ['pull_request'] }],
    ['several', { level: ['L3', 'L4'], event_type: ['nightly', 'push'], upstream: ['pytorch/pytorch'] }],
    [
      'a quote in each',
      { level: ["L'3"], backend: ["o'b/c"], upstream: ["'"], event_type: ["' OR 1 = 1 --"] },
    ],
  ])('is understood with %s chosen', async (_case, chosen) => {
    for (const { rawSql } of queries) await ask(rawSql, chosen);
  });

  it.each<[string, number[]]>([
    ['an hour', [toMs - 3_600_000, toMs]],
    ['90 days', [toMs - 90 * dayMs, toMs]],
    ['a week of last year', [toMs - 372 * dayMs, toMs - 365 * dayMs]],
  ])('is understood over %s', async (_case, [from, to]) => {
    for (const { rawSql } of queries) await ask(rawSql, {}, [from!, to!]);
  });

  it.each<[number, Record<string, string>]>([
    [1, { time: 'DateTime64(3)', failing_backends: 'UInt64' }],
    [2, { time: 'DateTime', success_rate: 'Nullable(Float64)' }],
    [3, { time: 'DateTime', jobs: 'UInt64' }],
    [7, { time: 'DateTime64(3)', age_seconds: 'Float64' }],
    [
      10,
      {
        level: 'LowCardinality(String)',
        backend: 'String',
        state: 'String',
        success_rate: 'Nullable(Float64)',
        change: 'Nullable(Float64)',
        successes: 'UInt64',
        failures: 'UInt64',
        timed_out: 'UInt64',
        prs: 'UInt64',
        median_seconds: 'Nullable(Float64)',
        p95_seconds: 'Nullable(Float64)',
        median_queue_seconds: 'Nullable(Float64)',
        last_result_at: 'Nullable(DateTime)',
        failing_since: 'Nullable(DateTime)',
        oncalls: 'String',
      },
    ],
    [20, { time: 'DateTime64(3)', backend: 'String', state_code: 'UInt8' }],
    [21, { time: 'DateTime', backend: 'String', success_rate: 'Nullable(Float64)' }],
  ])('of panel %d gives the columns that it shows', async (id, types) => {
    const found = Object.entries((await ask(panelSql(id))).types);
    // Of the same moment, whatever time zone it would be written in.
    expect(Object.fromEntries(found.map(([name, type]) => [name, type.replace("('UTC')", '')]))).toEqual(
      types,
    );
  });
});

describe('the demo on oot-summary', () => {
  const broken = 'tessera-ai/torch-tessera';
  const silent = 'novaforge-ai/torch-novaforge';
  const { brokenSinceMs, silentSinceMs } = situationAt(toMs);

  it('shows the broken backend first, then the silent one, and last the one without results', async () => {
    const { data } = await ask(panelSql(10));
    expect(data.map(({ backend, state }) => `${String(backend)} ${String(state)}`)).toEqual([
      `${broken} broken`,
      `${silent} silent`,
      ...data.slice(2, -1).map(() => expect.stringMatching(/ (unstable|healthy)$/) as unknown),
      'openrvv-project/torch-rvv no data',
    ]);
    expect(data).toHaveLength(8);
    expect(Date.parse(`${String(data[0]!.failing_since)}Z`)).toBeGreaterThanOrEqual(brokenSinceMs);
    expect(data.at(-1)).toMatchObject({ success_rate: null, change: null, last_result_at: null });
  });

  it('ends the timeline with the state that the table shows', async () => {
    const table = (await ask(panelSql(10))).data.map(({ backend, state }) => [
      backend,
      stateCode(state as BackendState),
    ]);
    const codes = (await ask(panelSql(20))).data.map(({ backend, state_code }) => [backend, state_code]);
    expect(new Map(codes as [string, number][])).toEqual(new Map(table as [string, number][]));
  });

  it('marks when they became so', async () => {
    const { data } = await ask(annotations[0]!.rawSql);
    const at = (...titles: string[]) =>
      Date.parse(
        `${String(data.findLast(({ title }) => titles.includes(title as string))!.time).replace(' ', 'T')}Z`,
      );
    // One of its last good jobs may make it failing before it is broken.
    const worse = at(`${broken}: broken`, `${broken}: failing`);
    expect(worse).toBeGreaterThan(brokenSinceMs);
    expect(worse).toBeLessThan(brokenSinceMs + dayMs);
    expect(at(`${silent}: silent`)).toBeGreaterThan(silentSinceMs + dayMs);
    expect(at(`${silent}: silent`)).toBeLessThan(silentSinceMs + 44 * 3_600_000);
    expect(data.every(({ text, tags }) => text !== '' && (tags as string[]).length === 2)).toBe(true);
  });

  it('suspects the pull request that broke everyone', async () => {
    const [suspect] = (await ask(panelSql(30), {}, [toMs - 21 * dayMs, toMs])).data;
    expect(suspect).toMatchObject({ bad_backends: 4, counted_backends: 4, event_type: 'pull_request' });
  });

  it('adds up: failures by backend are those of the table, and the jobs of the stat', async () => {
    const table = (await ask(panelSql(10))).data as Record<string, number>[];
    const bad = (await ask(panelSql(40))).data as Record<string, number>[];
    const totalOf = (rows: Record<string, number>[], ...columns: string[]) =>
      rows.reduce((sum, row) => sum + columns.reduce((part, column) => part + row[column]!, 0), 0);
    expect(totalOf(bad, 'bad')).toBe(totalOf(table, 'failures', 'timed_out'));
    const rate = (await ask(panelSql(2))).data.at(-1)!.success_rate;
    expect(rate).toBe(totalOf(table, 'successes') / totalOf(table, 'successes', 'failures', 'timed_out'));
  });
});
