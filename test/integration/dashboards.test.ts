import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClickHouse, type ClickHouseClient } from '../../clickhouse/client';
import { startEmbeddedClickHouse, type RunningEmbeddedClickHouse } from '../../clickhouse/embedded/start';
import { migrate } from '../../clickhouse/migrate';
import { dateTimeOfMs, tables, type QuarantineRow, type ReplicationRow } from '../../clickhouse/tables';
import { generatedFiles } from '../../dashboards/generated-files';
import { backends } from '../../local/demo/backends';
import { createSink } from '../../replicator/sink';
import { demoChanges, loadDemo } from '../helpers/demo';
import { measureReadiness } from '../helpers/rows';
import {
  annotationQueries,
  expandQuery,
  namedColumns,
  panelsOf,
  variablesOf,
  variableSql,
  type DashboardJson,
  type PanelJson,
  type Target,
} from '../helpers/grafana';
import { chooseVariables, choices, isFree, type Choice, type Chosen } from '../helpers/grafana-variables';

/** Panels that are empty although nothing is wrong, `uid: title`, with the reason. Keep it short. */
const mayBeEmpty: Record<string, string> = {};

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const nowMs = Date.now();
/** The default time range, and the interval that Grafana makes of it on a wide screen. */
const timeRange = { fromMs: nowMs - 7 * dayMs, toMs: nowMs };
const intervalMs = 600_000;

/** The demo's backend that has been failing for days, with failed tests. */
const brokenBackend = backends.find(({ fate }) => fate === 'broken')?.repo;

type Column = { name: string; type: string };
type Answer = { columns: Column[]; rows: unknown[][] };

/** As the files say it, but from memory: they may be stale while somebody works on a panel. */
const dashboards = generatedFiles()
  .filter(({ path }) => path.startsWith('generated/'))
  .map(({ text }) => JSON.parse(text) as DashboardJson);

let directory: string;
let engine: RunningEmbeddedClickHouse;
/** The user that Grafana is given, with the rights and limits of clickhouse/access/rights.ts. */
let reader: ClickHouseClient;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'oot-dashboards-'));
  engine = await startEmbeddedClickHouse({
    dataDir: directory,
    env: { CLICKHOUSE_READER_USER: 'grafana', CLICKHOUSE_READER_PASSWORD: 'reads' },
  });
  const as = (CLICKHOUSE_USER: string, CLICKHOUSE_PASSWORD: string) =>
    createClickHouse({
      CLICKHOUSE_URL: engine.url,
      CLICKHOUSE_USER,
      CLICKHOUSE_PASSWORD,
      CLICKHOUSE_DATABASE: 'default',
      CLICKHOUSE_CLUSTER: undefined,
    });
  const writer = as('default', '');
  await migrate(writer);
  await loadPages(writer);
  await measureReadiness(writer);
  await writer.close();
  reader = as('grafana', 'reads');
});

afterAll(async () => {
  await reader.close();
  await engine.stop();
  await rm(directory, { recursive: true, force: true });
});

/**
 * What `npm start` shows, and besides that something in quarantine and a replicator that is alive. Moved to now:
 * these are the queries as Grafana sends them, and some of them ask the engine's clock.
 */
async function loadPages(client: ClickHouseClient): Promise<void> {
  await loadDemo(client, { endMs: nowMs, source: 'backfill' });
  await createSink({ client, now: () => nowMs }).write(demoChanges(nowMs).slice(-500), 'stream');
  const quarantined = (id: string, ageMs: number, resolvedMs: number | null): QuarantineRow => ({
    id,
    dynamoKey: `org/repo/${id}`,
    reason: 'invalid_conclusion',
    detail: 'conclusion is not one of the known ones',
    source: 'stream',
    record: '{}',
    quarantined_at: dateTimeOfMs(nowMs - ageMs),
    resolved_at: resolvedMs === null ? null : dateTimeOfMs(resolvedMs),
    version: nowMs,
  });
  const shard = (n: number, delaySeconds: number): ReplicationRow => ({
    stream_arn: 'arn:aws:dynamodb:us-east-1:000000000000:table/oot/stream/2026-11-20T00:00:00.000',
    shard_id: `shardId-${n}`,
    replicator: 'poller',
    position: `${n}00000000000000001`,
    newest_record_at: dateTimeOfMs(nowMs - 30_000),
    delay_seconds: delaySeconds,
    heartbeat_at: dateTimeOfMs(nowMs - 2_000),
    version: nowMs - 2_000,
    is_deleted: 0,
  });
  await client.insert({
    table: tables.quarantine,
    values: [quarantined('one', 5 * hourMs, null), quarantined('two', 30 * hourMs, nowMs - hourMs)],
    format: 'JSONEachRow',
  });
  await client.insert({
    table: tables.replication,
    values: [shard(1, 0.4), shard(2, 1.5)],
    format: 'JSONEachRow',
  });
}

/** As Grafana would send it. Throws with the SQL that was refused. */
async function ask(rawSql: string, chosen: Chosen): Promise<Answer> {
  const query = expandQuery(rawSql, { ...timeRange, intervalMs, ...chosen });
  try {
    const result = await reader.query({ query, format: 'JSONCompact' });
    const { meta, data } = await result.json<unknown[]>();
    return { columns: meta ?? [], rows: data };
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${query}`, { cause: error });
  }
}

const chosenOf = new Map<string, Promise<Chosen>>();
function chosenFor(dashboard: DashboardJson, choice: Choice): Promise<Chosen> {
  const key = `${dashboard.uid} ${choice}`;
  const chosen =
    chosenOf.get(key) ??
    chooseVariables(dashboard, choice, {
      offered: async (rawSql, others) => (await ask(rawSql, others)).rows.map(([value]) => String(value)),
      fullest: brokenBackend,
    });
  chosenOf.set(key, chosen);
  return chosen;
}

/* Types, as the plugin makes fields of them. */

const bare = (type: string): string => type.replace(/^(?:Nullable|LowCardinality)\((.*)\)$/, '$1');
const innermost = (type: string): string => bare(bare(type));
const isTime = ({ type }: Column): boolean => /^Date(Time(64)?)?\b/.test(innermost(type));
const isNumber = ({ type }: Column): boolean => /^(U?Int|Float|Decimal|Bool)/.test(innermost(type));
const isText = ({ type }: Column): boolean => /^(String|FixedString|Enum|UUID)/.test(innermost(type));

const statePanels = ['state-timeline', 'status-history'];

function expectSeries(panel: PanelJson, { columns, rows }: Answer): void {
  const [time, ...others] = columns;
  expect(time && isTime(time) && !time.type.startsWith('Nullable')).toBe(true);
  // Text alone is no time series to the plugin, which passes it on as it is: rows of states need a
  // transformation that splits them, or a column each.
  const isSplit = others.length === 1 || (panel.transformations ?? []).length > 0;
  if (!statePanels.includes(panel.type) || !isSplit) expect(others.filter(isNumber)).not.toHaveLength(0);
  expect(others.filter((column) => !isNumber(column) && !isText(column))).toEqual([]);
  const times = rows.map(([at]) => String(at));
  expect(times).toEqual(times.toSorted());
  const labels = others.flatMap((column, index) => (isText(column) ? [index + 1] : []));
  const keys = rows.map((row) => JSON.stringify([row[0], ...labels.map((index) => row[index])]));
  // Two values of one series at one time: the plugin keeps either.
  expect(keys.filter((key, index) => keys.indexOf(key) !== index).slice(0, 3)).toEqual([]);
}

/** A stat or gauge shows the fields that its `fields` let through: without any, the numbers alone. */
function expectStat(panel: PanelJson, { columns, rows }: Answer): void {
  const { fields = '', values = false } = panel.options?.reduceOptions ?? {};
  const pattern = /^\/(.*)\/$/.exec(fields)?.[1];
  const shown = columns.filter((column) =>
    fields === ''
      ? isNumber(column)
      : pattern !== undefined
        ? new RegExp(pattern).test(column.name)
        : column.name === fields,
  );
  expect(shown).not.toHaveLength(0);
  if (!values) expect(rows.length).toBeLessThanOrEqual(1);
}

function expectShape(panel: PanelJson, target: Target, answer: Answer): void {
  if (target.format === 0) expectSeries(panel, answer);
  else if (['stat', 'gauge', 'bargauge'].includes(panel.type)) expectStat(panel, answer);
  else if (['timeseries', 'heatmap', ...statePanels].includes(panel.type)) {
    expect(answer.columns.some(isTime)).toBe(true);
  } else if (['barchart', 'piechart', 'histogram', 'xychart'].includes(panel.type)) {
    expect(answer.columns.some(isNumber)).toBe(true);
  }
}

/** The names that a table's transformations give to columns are not known to the query. */
const isPlainTable = (panel: PanelJson): boolean =>
  panel.type === 'table' && (panel.transformations ?? []).length === 0 && (panel.targets ?? []).length === 1;

const cases = dashboards.flatMap((dashboard) =>
  panelsOf(dashboard)
    .filter((panel) => (panel.targets ?? []).length > 0)
    .map((panel) => ({ name: `${dashboard.uid}: ${panel.title ?? ''}`, dashboard, panel })),
);

describe('queries of the dashboards on the history of the demo', () => {
  const variableCases = dashboards.flatMap((dashboard) =>
    variablesOf(dashboard)
      .filter((variable) => variableSql(variable) !== undefined)
      .map((variable) => ({ name: `${dashboard.uid}: ${variable.name}`, dashboard, variable })),
  );
  (variableCases.length > 0 ? it : it.skip).each(variableCases)(
    'variable $name has values',
    async ({ dashboard, variable }) => {
      for (const choice of choices) {
        const { columns, rows } = await ask(variableSql(variable) ?? '', await chosenFor(dashboard, choice));
        expect([1, 2]).toContain(columns.length);
        if (choice === 'default' || choice === 'all') expect(rows).not.toHaveLength(0);
        const values = rows.map(([value]) => value);
        expect(values).toEqual([...new Set(values)]);
      }
    },
  );

  const annotationCases = dashboards.flatMap((dashboard) =>
    annotationQueries(dashboard).map(({ name, target }) => ({
      name: `${dashboard.uid}: ${name}`,
      dashboard,
      rawSql: target.rawSql ?? '',
    })),
  );
  (annotationCases.length > 0 ? it : it.skip).each(annotationCases)(
    'annotation $name has the columns of one',
    async ({ dashboard, rawSql }) => {
      for (const choice of choices) {
        const { columns } = await ask(rawSql, await chosenFor(dashboard, choice));
        const byName = new Map(columns.map((column) => [column.name, column]));
        expect(['time', 'timeEnd', 'title', 'text', 'tags', 'id']).toEqual(
          expect.arrayContaining([...byName.keys()]),
        );
        const [time, text] = [byName.get('time'), byName.get('text')];
        expect(time && (isTime(time) || isNumber(time))).toBe(true);
        expect(text && isText(text)).toBe(true);
      }
    },
  );

  (cases.length > 0 ? it : it.skip).each(cases)('panel $name', async ({ name, dashboard, panel }) => {
    for (const target of panel.targets ?? []) {
      const rawSql = target.rawSql ?? '';
      const answers = await Promise.all(
        choices.map(async (choice) => ask(rawSql, await chosenFor(dashboard, choice))),
      );
      for (const answer of answers) expectShape(panel, target, answer);
      const [byDefault] = answers;
      if (!(name in mayBeEmpty)) {
        // A page of one backend opens with whichever comes first; another one may be the one with data.
        const isOfAll = variablesOf(dashboard).every(
          (variable) => !isFree(variable) || variable.includeAll === true,
        );
        const shown = isOfAll ? [byDefault] : answers.filter((_, index) => choices[index] !== 'nasty');
        expect(shown.flatMap((answer) => answer?.rows ?? [])).not.toHaveLength(0);
      }
      if (isPlainTable(panel)) {
        const columns = byDefault?.columns.map((column) => column.name) ?? [];
        expect(namedColumns(panel).filter((column) => !columns.includes(column))).toEqual([]);
      }
    }
  });

  it('are asked by a user who may not write', async () => {
    await expect(reader.command({ query: 'TRUNCATE TABLE oot_workflow_job' })).rejects.toMatchObject({
      type: 'ACCESS_DENIED',
    });
  });

  it('allows only panels that exist to be empty', () => {
    const known = cases.map(({ name }) => name);
    expect(Object.keys(mayBeEmpty).filter((name) => !known.includes(name))).toEqual([]);
  });
});
