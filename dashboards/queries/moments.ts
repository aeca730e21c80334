import { sql } from '../sql';

/** Bounds of the dashboard's time range, in milliseconds. */
export const fromMs = 'toUnixTimestamp64Milli($__fromTime_ms)';
export const toMs = 'toUnixTimestamp64Milli($__toTime_ms)';

/** Moments at which to look, ascending, as a list of Unix milliseconds; the last is the end of the range. */
export type Moments = {
  list: string;
  /** A time that none of them is before. A view with parameters takes no element of the list. */
  from: string;
};

/** The end of the range alone. */
export const atEnd: Moments = { list: `[${toMs}]`, from: '$__toTime_ms' };

/** 24 evenly spaced ones. */
export const evenly: Moments = {
  list: `arrayMap(i -> ${fromMs} + intDiv((${toMs} - ${fromMs}) * i, 24), range(1, 25))`,
  from: '$__fromTime_ms',
};

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

/** The last of the moments that is not later than a time in milliseconds; 0 where none is. Quick for any row. */
export const momentBefore = (list: string, ms: string) => `roundDown(${ms}, arrayConcat([0], ${list}))`;

/** The one that follows it; 0 where none does. It searches the list: for groups, not for rows. */
export const momentAfter = (list: string, moment: string) => `(${list})[indexOf(${list}, ${moment}) + 1]`;
