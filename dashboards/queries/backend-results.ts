import { config } from '../config';
import { settingSql } from '../settings';
import { isScheduled, sql, where, type Filter } from '../sql';
import { backendsWithResult, onActivityDays } from './activity-days';
import { backendAndMoment, byMoment, ever, overMoments, toMs, untilThen, type Moments } from './moments';

/** Variables that decide what is looked at; each page passes those that it has. */
export const summaryFilters: readonly Filter[] = ['level', 'backend', 'upstream', 'eventType'];

/** The backends that have had a result by a time and did not only run by the clock: `silent_hours` of {@link silence}. */
export const backendsPerPullRequest = (at: string): string => backendsWithResult(`NOT ${isScheduled}`, at);

/** Each registered backend at each of the moments. */
export const backendsAt = ({ list }: Moments, filterNames: readonly Filter[]): string => sql`
        SELECT downstream_repo, level, oncalls, ${list === null ? toMs : `arrayJoin(${list})`} AS at
        FROM (SELECT repo AS downstream_repo, level, oncalls FROM oot_backends)
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
  const { columns, keys } = byMoment(moments, 'result_ms - 1');
  return sql`
        SELECT
            ${columns},
            max(result_ms) AS newest_result_ms,
            max(NOT ${isScheduled}) AS has_other_events
        FROM (
        ${resultsThatMatter(moments.from, condition)}
        )
        WHERE result_ms <= ${toMs}
        GROUP BY ${keys}`;
};

/**
 * Results (their outcome's arrival, milliseconds) without those that can't matter: of a backend's results before the first
 * moment, the newest of its scheduled runs and the newest of all else are certainly there. Of what came on a day before that
 * of the first moment, the last such day is enough.
 */
export const resultsThatMatter = (firstMoment: string, condition: string): string => {
  const isCertain = `state = 'reported' AND is_intact AND settled_day < toDate(${firstMoment}, 'UTC')`;
  const days = onActivityDays({
    known: `maxIf(settled_day, ${isCertain} AND ${isScheduled}) AS last_scheduled_day, maxIf(settled_day, ${isCertain} AND NOT ${isScheduled}) AS last_other_day`,
    holds: `settled_day >= if(${isScheduled}, last_scheduled_day, last_other_day) AND state IN ('swept', 'reported') AND received_day <= toDate($__toTime_ms, 'UTC')`,
    condition,
  });
  return sql`
            SELECT downstream_repo, event_type, toUnixTimestamp64Milli(settled_at) AS result_ms
            FROM oot_attempts
            WHERE ${days}
              AND outcome != 'running' AND received_at < $__toTime_ms AND ${condition}`;
};
