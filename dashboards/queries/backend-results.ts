import { config } from '../config';
import { settingSql } from '../settings';
import { isScheduled, sql, where, type Filter } from '../sql';
import { backendsWithResult } from './activity-days';
import { backendAndMoment, byMoment, ever, overMoments, toMs, untilThen, type Moments } from './moments';

/** Variables that decide what is looked at; each page passes those that it has. */
export const summaryFilters: readonly Filter[] = ['level', 'backend', 'upstream', 'eventType'];

/** The backends that have had a result by a time and did not only run by the clock: `silent_hours` of {@link silence}. */
export const backendsPerPullRequest = (at: string): string => backendsWithResult(`NOT ${isScheduled}`, at);

/** What a panel or rule on each backend starts from: registered ones, whether they ever reported or not. */
export const registeredBackends = 'SELECT repo AS downstream_repo, level, oncalls FROM oot_backends';

/** Each registered backend at each of the moments. */
export const backendsAt = ({ inRange }: Moments, filterNames: readonly Filter[]): string => sql`
        SELECT downstream_repo, downstream_repo AS repo, level, oncalls, ${inRange === null ? toMs : `arrayJoin(${inRange.list})`} AS at
        FROM (${registeredBackends})
        WHERE ${where(...filterNames.filter((name) => name === 'level' || name === 'backend'))}`;

const { perPullRequest, nightlyOnly } = config.silentHours;

/** Columns for a query over {@link resultsByMoment}: the newest result (0 is "never"), and whether that is too long ago. */
export const silence = (
  moments: Moments,
): string => `${untilThen(moments, 'max(newest_result_ms)', 'newest_result_ms')} AS last_result_ms,
        if(${ever(moments, 'max', 'has_other_events')} = 0, ${settingSql(nightlyOnly)}, ${settingSql(perPullRequest)}) AS silent_hours,
        last_result_ms > 0 AND at - last_result_ms > silent_hours * 3600000 AS is_silent`;

/** One row a registered backend and moment `at` (Unix milliseconds): its newest result then, and whether it is silent. */
export const silenceAt = (moments: Moments, filterNames = summaryFilters): string => sql`
    SELECT downstream_repo, level, oncalls, at,
        ${silence(moments)}
    FROM (
    ${backendsAt(moments, filterNames)}
    ) AS backends
    LEFT JOIN (
    ${resultsByMoment(moments, where(...filterNames))}
    ) AS results USING (${backendAndMoment(moments)})
    ${overMoments(moments)}`;

/** One row a backend and moment before which it had a result that came after the moment before. */
export const resultsByMoment = (moments: Moments, condition: string): string => {
  // What came in the millisecond of a moment was known then.
  const { columns, keys } = byMoment(moments, `${resultMs} - 1`);
  return sql`
        SELECT
            ${columns},
            max(${resultMs}) AS newest_result_ms,
            max(NOT ${isScheduled}) AS has_other_events
        FROM ${newestResults(moments)}
        WHERE ${condition}
        GROUP BY ${keys}`;
};

/** When a result arrived, Unix milliseconds. */
export const resultMs = 'toUnixTimestamp64Milli(settled_at)';

/** Results by the end of the range, of those before the first moment the last ones. */
export const newestResults = ({ from }: Moments): string =>
  `oot_newest_results(from = ${from}, to = $__toTime_ms)`;
