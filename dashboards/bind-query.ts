/** A query that can't be asked outside of Grafana: something in it that nobody fills in. */
export class BindError extends Error {
  override readonly name = 'BindError';
  readonly code = 'BIND';
}

/** What a page of Grafana would have chosen. A variable that is not there is All. */
export type Page = { fromMs: number; toMs: number; variables: Record<string, string> };

/** A query for `client.query` of @clickhouse/client. */
export type BoundQuery = { query: string; query_params: Record<string, string> };

/** A variable as filters and `oneValue` of sql.ts write it. */
const placeholders = /\$\{(\w+):singlequote\}|decodeURLComponent\('\$\{(\w+):percentencode\}'\)/g;

/**
 * A panel's query as a query of ClickHouse: the one text, with query parameters where Grafana puts quoted variables.
 * So whoever isn't Grafana asks what the panel asks, and a value never becomes SQL.
 *
 * Throws {@link BindError} for a variable without a value and for every other macro or format of Grafana's.
 */
export function bindQuery(rawSql: string, { fromMs, toMs, variables }: Page): BoundQuery {
  const query_params: Record<string, string> = {};
  const query = withoutConditionals(rawSql, variables)
    .replace(placeholders, (_placeholder, ofSeveral: string | undefined, ofOne: string) => {
      const name = ofSeveral ?? ofOne;
      const value = variables[name];
      if (value === undefined) throw new BindError(`variable ${name} has no value`);
      query_params[name] = value;
      return `{${name}:String}`;
    })
    .replaceAll('$__fromTime_ms', `fromUnixTimestamp64Milli(${fromMs})`)
    .replaceAll('$__toTime_ms', `fromUnixTimestamp64Milli(${toMs})`);
  const left = /\$(?:\w+|\{[^}]*\})|\[\[\w+/.exec(query)?.[0];
  if (left !== undefined) throw new BindError(`nobody fills in ${left}`);
  return { query, query_params };
}

const opening = '$__conditionalAll(';

/** `$__conditionalAll(condition, $name)` is the condition where the variable has a value, and none for All. */
function withoutConditionals(text: string, variables: Page['variables']): string {
  const at = text.lastIndexOf(opening);
  if (at === -1) return text;
  const start = at + opening.length;
  const end = closingOf(text, start);
  const inner = text.slice(start, end);
  const parts = /^([^]*),\s*\$(\w+)$/.exec(inner);
  const [, condition = '', name = ''] = parts ?? [];
  if (!parts) throw new BindError(`not a condition and a variable: ${inner}`);
  const phrase = variables[name] === undefined ? '1=1' : condition;
  return withoutConditionals(text.slice(0, at) + phrase + text.slice(end + 1), variables);
}

/** Where the parenthesis ends that was opened before `start`. */
function closingOf(text: string, start: number): number {
  let depth = 1;
  for (let at = start; at < text.length; at++) {
    if (text[at] === '(') depth++;
    else if (text[at] === ')' && --depth === 0) return at;
  }
  throw new BindError('a parenthesis is never closed');
}
