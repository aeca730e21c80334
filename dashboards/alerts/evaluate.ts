import type { ClickHouseClient } from '../../clickhouse/client';
import { renderTemplate } from './go-template';
import { annotationsOf } from './provisioning';
import type { AlertRule } from './rule';

export type Labels = Record<string, string>;

/** A row of a rule's query: what is looked at, its number (null: not known), its limit, and whether that is too much. */
export type Instance = { labels: Labels; value: number | null; limit: number | null; isBreaching: boolean };

/** What a rule's queries said at a moment. No instance at all is for the rule to judge. */
export type Evaluation = { atMs: number; instances: Instance[] };

/** `isPast`: what is asked is what was known then, not what ClickHouse keeps of now. */
export type Moment = { atMs: number; isPast: boolean };

/** A query that does not give Grafana what it takes. `message` says what. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
  readonly code = 'FRAME';
}

/** Asks ClickHouse as Grafana would at the moment, or would have. Throws {@link FrameError}, and what the client throws. */
export async function evaluateRule(
  client: ClickHouseClient,
  rule: AlertRule,
  { atMs, isPast }: Moment,
): Promise<Evaluation> {
  const value = (isPast ? rule.pastValue : undefined) ?? rule.value;
  const [values, limits] = await Promise.all([
    readFrame(client, value, atMs),
    readFrame(client, rule.limit, atMs),
  ]);
  const instances = values.map(({ labels, value }) => {
    const limit = limits.find((row) => fits(row.labels, labels))?.value ?? null;
    const isBreaching = value !== null && limit !== null && compare(value, rule.comparison, limit);
    return { labels, value, limit, isBreaching };
  });
  // Without a row to compare with, Grafana makes no instance.
  const compared = instances.filter(({ labels }) => limits.some((row) => fits(row.labels, labels)));
  return { atMs, instances: compared };
}

/** The labels of one row are those of the other, or it has none. */
const fits = (some: Labels, all: Labels): boolean =>
  Object.entries(some).every(([name, value]) => all[name] === value);

function compare(value: number, sign: AlertRule['comparison'], limit: number): boolean {
  if (sign === '<') return value < limit;
  return sign === '>' ? value > limit : value >= limit;
}

/** The window in which Grafana's time macros stand; rules read its end. */
const rangeMs = 600_000;

/** As Grafana's plugin expands the macros that rules use. */
export const expandTime = (rawSql: string, atMs: number): string =>
  rawSql
    .replaceAll('$__fromTime_ms', `fromUnixTimestamp64Milli(${atMs - rangeMs})`)
    .replaceAll('$__toTime_ms', `fromUnixTimestamp64Milli(${atMs})`);

const innermost = (type: string): string => {
  const inner = /^(?:Nullable|LowCardinality)\((.*)\)$/.exec(type)?.[1];
  return inner === undefined ? type : innermost(inner);
};

/**
 * The rows of a query as Grafana's alerting takes them: exactly one number, every other column a text, and no two
 * rows with the same texts. Throws {@link FrameError}.
 */
export async function readFrame(
  client: ClickHouseClient,
  rawSql: string,
  atMs: number,
): Promise<{ labels: Labels; value: number | null }[]> {
  const query = expandTime(rawSql, atMs);
  const answer = await client.query({
    query,
    format: 'JSONCompact',
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  const { meta = [], data } = await answer.json<unknown[]>();
  const types = meta.map(({ type }) => innermost(type));
  const isNumber = types.map((type) => /^(U?Int|Float)/.test(type));
  if (isNumber.filter(Boolean).length !== 1)
    throw new FrameError(`not exactly one number: ${types.join(', ')}`);
  const odd = meta.filter((_, index) => !isNumber[index] && types[index] !== 'String');
  if (odd.length > 0)
    throw new FrameError(`neither text nor number: ${odd.map(({ name }) => name).join(', ')}`);
  const at = isNumber.indexOf(true);
  const rows = data.map((row) => ({
    labels: Object.fromEntries(
      meta.flatMap(({ name }, index) => (index === at ? [] : [[name, String(row[index])]])),
    ),
    // JSON has no NaN: it comes as null, and Grafana takes both alike.
    value: row[at] === null ? null : Number(row[at]),
  }));
  const keys = rows.map(({ labels }) => JSON.stringify(labels));
  const doubled = keys.find((key, index) => keys.indexOf(key) !== index);
  if (doubled !== undefined) throw new FrameError(`two rows of ${doubled}`);
  return rows;
}

/** The texts of an instance as people will read them; `__...__` are Grafana's own and left out. */
export function renderAnnotations(
  rule: AlertRule,
  { labels, value, limit }: Pick<Instance, 'labels' | 'value' | 'limit'>,
  externalUrl?: string,
): Record<string, string> {
  const number = (refId: string, known: number | null) =>
    known === null ? {} : { [refId]: { Value: known, Labels: labels } };
  const variables = {
    $labels: labels,
    $values: { ...number('A', value), ...number('B', limit) },
  };
  return Object.fromEntries(
    Object.entries(annotationsOf(rule))
      .filter(([name]) => !name.startsWith('__'))
      .map(([name, text]) => [
        name,
        renderTemplate(text, { variables, ...(externalUrl !== undefined && { externalUrl }) }),
      ]),
  );
}
