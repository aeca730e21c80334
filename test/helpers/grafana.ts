/**
 * What Grafana and the ClickHouse data source make of a query before ClickHouse sees it, in their order: the
 * plugin's front end ($__conditionalAll), Grafana's variables, the plugin's backend (time macros). Where they do
 * something in silence that leaves a query broken (an unknown macro or variable stays as it is), this throws.
 */

export type VariableValue = string | string[];

/** Milliseconds. */
export type TimeRange = {
  fromMs: number;
  toMs: number;
  /** Grafana makes it from the time range and the panel's width. */
  intervalMs?: number;
};

export type Expansion = TimeRange & {
  variables: Record<string, VariableValue>;
  /** What a variable offers: All, without a value of its own, becomes every one of them. */
  allOptions?: Record<string, string[]>;
};

/** What Grafana keeps as a variable's value while All is chosen. */
export const allValue = '$__all';

/** A query that Grafana would send on with something in it that nobody expands. */
export class ExpansionError extends Error {
  override readonly name = 'ExpansionError';
}

/** The SQL that reaches ClickHouse. Throws {@link ExpansionError}. */
export const expandQuery = (rawSql: string, options: Expansion): string =>
  expandMacros(interpolateQuery(rawSql, options), options);

/** What Grafana's front end sends: variables have their values, the backend's macros still stand. Throws {@link ExpansionError}. */
export const interpolateQuery = (rawSql: string, options: Expansion): string =>
  interpolate(expandConditionalAll(rawSql, options.variables), options);

/** Is All chosen? As text, as the plugin compares it; nothing chosen counts as All for it too. */
const isAll = (value: VariableValue): boolean => ['', allValue].includes(value.toString());

/* The plugin's front end. */

function expandConditionalAll(rawSql: string, variables: Expansion['variables']): string {
  const macro = '$__conditionalAll(';
  let text = rawSql;
  for (let at = text.lastIndexOf(macro); at !== -1; at = text.lastIndexOf(macro)) {
    const args = frontEndArguments(text.slice(at + macro.length));
    const [condition, variable] = args;
    if (args.length !== 2 || condition === undefined || variable === undefined) {
      throw new ExpansionError(`$__conditionalAll takes 2 arguments, not ${args.length}: ${text.slice(at)}`);
    }
    const name = /(?<=\$\{)\w+(?=\})|(?<=\$)\w+/.exec(variable.trim())?.[0];
    if (name === undefined) {
      throw new ExpansionError(`$__conditionalAll: ${variable.trim()} is not $name or \${name}`);
    }
    const phrase = isAll(valueOf(name, variables)) ? '1=1' : condition;
    // Not a function: `$$`, `$&`, `$'` in the condition mean something to String.replace, in the plugin as well.
    text = text.replace(`${macro}${condition},${variable})`, phrase);
  }
  return text;
}

/** Splits at commas and ends at the closing parenthesis, with no regard for quotes. */
function frontEndArguments(text: string): string[] {
  const args: string[] = [];
  let depth = 1;
  let start = 0;
  for (const { 0: char, index } of text.matchAll(/[(),]/g)) {
    if (char === '(') depth++;
    if (char === ')') depth--;
    if (depth === 0) return [...args, text.slice(start, index)];
    if (char === ',' && depth === 1) {
      args.push(text.slice(start, index));
      start = index + 1;
    }
  }
  return [];
}

/* Grafana's variables. */

/** `$name`, `[[name]]`, `[[name:format]]`, `${name}`, `${name.field}`, `${name:format}`. */
const variablePattern = /\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:^}]+))?(?::([^}]+))?\}/g;

function interpolate(text: string, { fromMs, toMs, intervalMs, variables, allOptions }: Expansion): string {
  const builtIn = new Map([
    ['__from', String(fromMs)],
    ['__to', String(toMs)],
    ['__range_ms', String(toMs - fromMs)],
    ['__range_s', String(Math.round((toMs - fromMs) / 1000))],
    ['__interval', intervalText(intervalMs ?? defaultIntervalMs)],
    ['__interval_ms', String(intervalMs ?? defaultIntervalMs)],
  ]);
  return text.replace(
    variablePattern,
    (
      match: string,
      plain?: string,
      old?: string,
      oldFormat?: string,
      name?: string,
      path?: string,
      fmt?: string,
    ) => {
      const variable = plain ?? old ?? name ?? '';
      // A name that starts so and isn't Grafana's own is a macro of the backend, or an error that it finds.
      if (variable.startsWith('__') && !builtIn.has(variable) && plain !== undefined) return match;
      if (path !== undefined) throw new ExpansionError(`${match} reads a field of a variable`);
      const chosen = builtIn.get(variable) ?? valueOf(variable, variables);
      const value = isAllChosen(chosen) ? optionsOf(variable, allOptions) : chosen;
      return formatValue(variable, value, fmt ?? oldFormat);
    },
  );
}

const isAllChosen = (value: VariableValue): boolean =>
  Array.isArray(value) ? value[0] === allValue : value === allValue;

function valueOf(name: string, variables: Expansion['variables']): VariableValue {
  const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
  if (value === undefined) throw new ExpansionError(`variable ${name} is not set`);
  return value;
}

function optionsOf(name: string, allOptions: Expansion['allOptions']): string[] {
  const options = allOptions?.[name];
  if (options === undefined)
    throw new ExpansionError(`All of variable ${name}, and its options are not known`);
  return options;
}

type Format = (value: VariableValue, name: string, args: string[]) => string;

/** Only the quote itself is escaped: a backslash goes through as it is, in both. */
const singleQuoted = (value: string): string => `'${value.replaceAll("'", "\\'")}'`;
const doubleQuoted = (value: string): string => `"${value.replaceAll('"', '\\"')}"`;
const sqlQuoted = (value: string): string =>
  `'${value.replace(/['"]/g, (quote) => (quote === "'" ? "''" : '\\"'))}'`;

const each =
  (quote: (value: string) => string): Format =>
  (value) =>
    (Array.isArray(value) ? value : [value]).map(quote).join(',');

const strictlyEncoded = (value: string): string =>
  encodeURIComponent(value).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );

const parameters = (value: VariableValue, name: string, prefix: string): string =>
  each((one) => `${name}=${prefix}${strictlyEncoded(one)}`)(value, name, []).replaceAll(',', '&');

/** Those formats that make sense in SQL. */
const formats: Record<string, Format> = {
  singlequote: each(singleQuoted),
  doublequote: each(doubleQuoted),
  sqlstring: each(sqlQuoted),
  csv: String,
  raw: String,
  json: (value) => (Array.isArray(value) ? JSON.stringify(value) : value),
  percentencode: (value) => strictlyEncoded(Array.isArray(value) ? `{${value.join(',')}}` : value),
  customqueryparam: (value, name, [own, prefix = '']) =>
    parameters(value, strictlyEncoded(own === undefined || own === '' ? name : own), strictlyEncoded(prefix)),
};

function formatValue(name: string, value: VariableValue, format: string | undefined): string {
  // Without a format the plugin has its own: quotes around several, none around one, and no escaping at all.
  if (format === undefined) return Array.isArray(value) ? `'${value.join("','")}'` : value;
  const [id = '', ...args] = format.split(':');
  const formatter = formats[id];
  if (!formatter) throw new ExpansionError(`variable ${name}: unknown or useless format ${format}`);
  return formatter(value, name, args);
}

const defaultIntervalMs = 3_600_000;

/** As Grafana writes an interval: `30s`, `1h`. */
function intervalText(ms: number): string {
  const units = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'm'],
    [1_000, 's'],
  ] as const;
  const found = units.find(([size]) => ms >= size && ms % size === 0);
  return found ? `${ms / found[0]}${found[1]}` : `${ms}ms`;
}

/* The plugin's backend. */

type Context = Required<TimeRange>;
type Macro = { args: 'any' | number; expand: (context: Context, ...args: string[]) => string };

const seconds = (ms: number): string => `toDateTime(${Math.floor(ms / 1000)})`;
const millis = (ms: number): string => `fromUnixTimestamp64Milli(${ms})`;
const day = (ms: number): string => `toDate('${new Date(ms).toISOString().slice(0, 10)}')`;
const atLeastOne = (value: number): number => Math.trunc(Math.max(value, 1));

const between =
  (bound: (ms: number) => string) =>
  ({ fromMs, toMs }: Context, column = '') =>
    `${column} >= ${bound(fromMs)} AND ${column} <= ${bound(toMs)}`;

const dateTimeFilter: Macro = {
  args: 2,
  expand: (context, date = '', time = '') =>
    `(${between(day)(context, date)}) AND (${between(seconds)(context, time)})`,
};

/** In a column's place, the name it was given; the first four ignore what stands in parentheses. */
const macros: Record<string, Macro> = {
  fromTime: { args: 'any', expand: ({ fromMs }) => seconds(fromMs) },
  toTime: { args: 'any', expand: ({ toMs }) => seconds(toMs) },
  fromTime_ms: { args: 'any', expand: ({ fromMs }) => millis(fromMs) },
  toTime_ms: { args: 'any', expand: ({ toMs }) => millis(toMs) },
  interval_s: { args: 'any', expand: ({ intervalMs }) => String(atLeastOne(intervalMs / 1000)) },
  timeFilter: { args: 1, expand: between(seconds) },
  timeFilter_ms: { args: 1, expand: between(millis) },
  dateFilter: { args: 1, expand: between(day) },
  dateTimeFilter,
  dt: dateTimeFilter,
  timeFrom: { args: 1, expand: ({ fromMs }, column = '') => `${column} >= ${seconds(fromMs)}` },
  timeTo: { args: 1, expand: ({ toMs }, column = '') => `${column} <= ${seconds(toMs)}` },
  timeInterval: {
    args: 1,
    expand: ({ intervalMs }, column = '') =>
      `toStartOfInterval(toDateTime(${column}), INTERVAL ${atLeastOne(intervalMs / 1000)} second)`,
  },
  timeInterval_ms: {
    args: 1,
    expand: ({ intervalMs }, column = '') =>
      `toStartOfInterval(toDateTime64(${column}, 3), INTERVAL ${atLeastOne(intervalMs)} millisecond)`,
  },
  timeGroup: {
    args: 2,
    expand: (_context, column = '', period = '') =>
      `toStartOfInterval(toDateTime(${column}), INTERVAL ${goDurationSeconds(period)} second)`,
  },
};

/** What the plugin's backend makes of what the front end sent. Throws {@link ExpansionError}. */
export function expandMacros(
  rawSql: string,
  { fromMs, toMs, intervalMs = defaultIntervalMs }: TimeRange,
): string {
  let text = rawSql;
  // One name after the other, the longest first; so a macro may stand inside another one's parentheses.
  for (const name of Object.keys(macros).sort((a, b) => b.length - a.length || (a < b ? -1 : 1))) {
    text = expandMacro(text, name, { fromMs, toMs, intervalMs });
  }
  const left = /\$__\w*/.exec(text);
  if (left) throw new ExpansionError(`unknown macro ${left[0]}`);
  return text;
}

function expandMacro(text: string, name: string, context: Context): string {
  const macro = macros[name]!;
  const token = `$__${name}`;
  let done = '';
  let rest = text;
  for (let at = rest.indexOf(token); at !== -1; at = rest.indexOf(token)) {
    const after = at + token.length;
    if (/\w/.test(rest.charAt(after))) {
      done += rest.slice(0, after);
      rest = rest.slice(after);
      continue;
    }
    done += rest.slice(0, at);
    rest = rest.slice(after);
    const call = rest.startsWith('(') ? backendArguments(rest) : undefined;
    if (call) rest = rest.slice(call.end);
    const args = call?.args ?? [];
    if (macro.args !== 'any' && args.length !== macro.args) {
      throw new ExpansionError(`${token} takes ${macro.args} arguments, not ${args.length}`);
    }
    done += macro.expand(context, ...args);
  }
  return done + rest;
}

/** Of `(a, b) ...`; unlike the front end it knows quotes, but no escapes in them. Undefined if never closed. */
function backendArguments(text: string): { args: string[]; end: number } | undefined {
  const args: string[] = [];
  let depth = 0;
  let start = 1;
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (quote !== '') {
      if (char === quote) quote = '';
    } else if (char === "'" || char === '"') quote = char;
    else if (char === '(') depth++;
    else if (char === ')' && --depth === 0) {
      const last = text.slice(start, at).trim();
      return { args: args.length === 0 && last === '' ? [] : [...args, last], end: at + 1 };
    } else if (char === ',' && depth === 1) {
      args.push(text.slice(start, at).trim());
      start = at + 1;
    }
  }
  return undefined;
}

/** A duration as Go reads it: `5m`, `1h30m`, `'10s'`. It has no days. */
function goDurationSeconds(quoted: string): number {
  const text = quoted.replace(/^['"]+|['"]+$/g, '');
  const sizes: Record<string, number> = { h: 3_600, m: 60, s: 1, ms: 0.001 };
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)];
  const total = parts.reduce((sum, [, count, size = '']) => sum + Number(count) * (sizes[size] ?? 0), 0);
  if (parts.map(([part]) => part).join('') !== text || Math.round(total) <= 0) {
    throw new ExpansionError(`$__timeGroup: ${quoted} is not an interval`);
  }
  return Math.round(total);
}

/* Dashboards as Grafana reads them: what the tests look at, all of it optional. */

export type Target = {
  rawSql?: string;
  format?: number;
  queryType?: string;
  refId?: string;
  editorType?: string;
  datasource?: { type?: string; uid?: string };
};

export type Override = {
  matcher: { id: string; options?: unknown };
  properties: { id: string; value?: unknown }[];
};

export type PanelJson = {
  id?: number;
  type: string;
  title?: string;
  description?: string;
  datasource?: { type?: string; uid?: string };
  gridPos?: { x: number; y: number; w: number; h: number };
  targets?: Target[];
  transformations?: { id: string }[];
  interval?: string;
  options?: { reduceOptions?: { fields?: string; values?: boolean; calcs?: string[] } };
  fieldConfig?: {
    defaults?: {
      unit?: string;
      noValue?: string;
      mappings?: unknown[];
      thresholds?: { steps: unknown[] };
      custom?: { thresholdsStyle?: { mode: string } };
    };
    overrides?: Override[];
  };
};

export type VariableJson = {
  name: string;
  type: string;
  query?: string | Target;
  multi?: boolean;
  includeAll?: boolean;
  allValue?: string;
  refresh?: number;
  datasource?: { type?: string; uid?: string };
  current?: { value?: VariableValue };
};

export type DashboardJson = {
  uid: string;
  title: string;
  refresh?: string;
  time?: { from: string; to: string };
  graphTooltip?: number;
  editable?: boolean;
  panels?: PanelJson[];
  links?: { title?: string; url?: string; keepTime?: boolean; includeVars?: boolean }[];
  templating?: { list?: VariableJson[] };
  annotations?: { list?: { name: string; target?: Target; datasource?: { uid?: string } }[] };
};

/** Every panel but the headers of rows. */
export const panelsOf = ({ panels = [] }: DashboardJson): PanelJson[] =>
  panels.filter(({ type }) => type !== 'row');

export const variablesOf = ({ templating }: DashboardJson): VariableJson[] => templating?.list ?? [];

/** The query behind a variable, where it has one. */
export const variableSql = ({ type, query }: VariableJson): string | undefined =>
  type !== 'query' ? undefined : typeof query === 'string' ? query : query?.rawSql;

/** Annotations that ask ClickHouse. */
export const annotationQueries = ({ annotations }: DashboardJson): { name: string; target: Target }[] =>
  (annotations?.list ?? []).flatMap(({ name, target }) =>
    target?.rawSql === undefined ? [] : [{ name, target }],
  );

/** Columns that overrides and links of a panel speak of; a misspelt one does nothing, in silence. */
export function namedColumns(panel: PanelJson): string[] {
  const named = (panel.fieldConfig?.overrides ?? []).flatMap(({ matcher }) =>
    matcher.id === 'byName' && typeof matcher.options === 'string' ? [matcher.options] : [],
  );
  const linked = JSON.stringify(panel).matchAll(/\$\{__data\.fields(?:\.(\w+)|\[\\"(.*?)\\"\])/g);
  return [...new Set([...named, ...[...linked].map(([, dotted, quoted]) => dotted ?? quoted ?? '')])];
}
