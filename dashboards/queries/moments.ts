import { sql } from '../sql';

/** Bounds of the dashboard's time range, in milliseconds. */
export const fromMs = 'toUnixTimestamp64Milli($__fromTime_ms)';
export const toMs = 'toUnixTimestamp64Milli($__toTime_ms)';

/** Moments at which to look; the last is the end of the range. */
export type Moments = {
  /** Ascending, a list of Unix milliseconds; null where there is only the end of the range. */
  list: string | null;
  /** A time that none of them is before. A view with parameters takes no element of the list. */
  from: string;
};

/** The end of the range alone. Its queries are made without the windows over moments, which cost more than what they read. */
export const atEnd: Moments = { list: null, from: '$__toTime_ms' };

/** 24 evenly spaced ones. */
export const evenly = {
  list: `arrayMap(i -> ${fromMs} + intDiv((${toMs} - ${fromMs}) * i, 24), range(1, 25))`,
  from: '$__fromTime_ms',
} satisfies Moments;

/** The length of a cell of what goes by hour or, over more than 8 days, by day: milliseconds. */
const cellMs = `if(${toMs} - ${fromMs} <= 8 * 86400000, 3600000, 86400000)`;

/** Both ends of the range, and each full hour (or day, UTC) between them. */
export const byHourOrDay: Moments = {
  list: sql`arrayDistinct(arrayConcat(
    [${fromMs}],
    arrayMap(i -> i * ${cellMs}, range(intDiv(${fromMs}, ${cellMs}) + 1, intDiv(${toMs} - 1, ${cellMs}) + 1)),
    [${toMs}]))`,
  from: '$__fromTime_ms',
};

/** What each moment knows of what stands at it and at those before; `last` where there is only one. */
export const untilThen = ({ list }: Moments, all: string, last: string) =>
  list === null ? last : `${all} OVER until_then`;

/** The same of what stands at any of the moments, later ones included. */
export const ever = ({ list }: Moments, aggregate: 'max' | 'sum', column: string) =>
  list === null ? column : `${aggregate}(${column}) OVER ever`;

/** The windows of these two, for the end of a query. */
export const overMoments = ({ list }: Moments) =>
  list === null
    ? ''
    : sql`
    WINDOW
        until_then AS (PARTITION BY downstream_repo ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
        ever AS (PARTITION BY downstream_repo)`;

/** By what a query with one row a backend and moment is joined to another. */
export const backendAndMoment = ({ list }: Moments) =>
  list === null ? 'downstream_repo' : 'downstream_repo, at';

/**
 * Of a query that sums up a backend's rows before each moment: the columns that tell both, and what to group by. `ms`: when
 * a row counts from, Unix milliseconds. What came between two moments stands at the later one.
 */
export const byMoment = ({ list }: Moments, ms: string) =>
  list === null
    ? { columns: 'downstream_repo', keys: 'downstream_repo' }
    : {
        columns: `downstream_repo,
            ${momentAfter(list, 'moment_before')} AS at`,
        keys: `downstream_repo, ${momentBefore(list, ms)} AS moment_before`,
      };

/** The last of the moments that is not later than a time in milliseconds; 0 where none is. Quick for any row. */
export const momentBefore = (list: string, ms: string) => `roundDown(${ms}, arrayConcat([0], ${list}))`;

/** The one that follows it; 0 where none does. It searches the list: for groups, not for rows. */
export const momentAfter = (list: string, moment: string) => `(${list})[indexOf(${list}, ${moment}) + 1]`;
