import { backendNumbered, sql } from '../sql';

/** Bounds of the dashboard's time range, in milliseconds. */
export const fromMs = 'toUnixTimestamp64Milli($__fromTime_ms)';
export const toMs = 'toUnixTimestamp64Milli($__toTime_ms)';

/** Moments at which to look; the last is the end of the range. */
export type Moments = {
  /** Null where there is only the end of the range. */
  inRange: {
    /** Ascending, a list of Unix milliseconds. */
    list: string;
    /** Of a time in milliseconds, a number that all those have which come between the same two moments. */
    span: (ms: string) => string;
    /** The moment at which what came in a span is known: the one that follows. */
    after: (span: string) => string;
  } | null;
  /** A time that none of them is before. A view with parameters takes no element of the list. */
  from: string;
};

/** The end of the range alone. Its queries are made without the windows over moments, which cost more than what they read. */
export const atEnd: Moments = { inRange: null, from: '$__toTime_ms' };

const lengthMs = `greatest(1, ${toMs} - ${fromMs})`;
const nth = (n: string) => `${fromMs} + intDiv((${lengthMs}) * (${n}), 24)`;

/** 24 evenly spaced ones. */
export const evenly = {
  inRange: {
    list: `arrayMap(i -> ${nth('i')}, range(1, 25))`,
    // The last i that is not after it: nth(i) <= ms, and what is before all of them counts as in the first span.
    span: (ms) => `intDiv(24 * greatest(1, ${ms} - ${fromMs} + 1) - 1, ${lengthMs})`,
    after: (span) => nth(`${span} + 1`),
  },
  from: '$__fromTime_ms',
} satisfies Moments;

/** The length of a cell of what goes by hour or, over more than 8 days, by day: milliseconds. */
const cellMs = `if(${toMs} - ${fromMs} <= 8 * 86400000, 3600000, 86400000)`;

/** Both ends of the range, and each full hour (or day, UTC) between them. */
export const byHourOrDay = {
  inRange: {
    list: sql`arrayDistinct(arrayConcat(
    [${fromMs}],
    arrayMap(i -> i * ${cellMs}, range(intDiv(${fromMs}, ${cellMs}) + 1, intDiv(${toMs} - 1, ${cellMs}) + 1)),
    [${toMs}]))`,
    // 0: before the range.
    span: (ms) => `if(${ms} < ${fromMs}, 0, intDiv(${ms}, ${cellMs}))`,
    after: (span) => `if(${span} = 0, ${fromMs}, least((${span} + 1) * ${cellMs}, ${toMs}))`,
  },
  from: '$__fromTime_ms',
} satisfies Moments;

/** What each moment knows of what stands at it and at those before; `last` where there is only one. */
export const untilThen = ({ inRange }: Moments, all: string, last: string) =>
  inRange === null ? last : `${all} OVER until_then`;

/** The same of what stands at any of the moments, later ones included. */
export const ever = ({ inRange }: Moments, aggregate: 'max' | 'sum', column: string) =>
  inRange === null ? column : `${aggregate}(${column}) OVER ever`;

/** The windows of these two, for the end of a query. */
export const overMoments = ({ inRange }: Moments) =>
  inRange === null
    ? ''
    : sql`
    WINDOW
        until_then AS (PARTITION BY downstream_repo ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
        ever AS (PARTITION BY downstream_repo)`;

/** By what a query with one row a backend (`repo`) and moment is joined to another. */
export const backendAndMoment = ({ inRange }: Moments) => (inRange === null ? 'repo' : 'repo, at');

/**
 * Of a query that sums up a backend's rows before each moment: the columns that tell both, and what to group by. `ms`: when
 * a row counts from, Unix milliseconds. What came between two moments stands at the later one.
 */
export const byMoment = ({ inRange }: Moments, ms: string) =>
  inRange === null
    ? { columns: 'downstream_repo AS repo', keys: 'downstream_repo' }
    : {
        columns: `any(downstream_repo) AS repo,
            ${inRange.after('span')} AS at`,
        keys: `${backendNumbered}, ${inRange.span(ms)} AS span`,
      };
