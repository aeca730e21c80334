import { config } from '../config';
import { settingSql } from '../settings';
import { sql, where, type Filter } from '../sql';
import { momentAfter, momentBefore, type Moments } from './moments';

/** Variables that decide what is looked at; each page passes those that it has. */
export const summaryFilters: readonly Filter[] = ['level', 'backend', 'upstream', 'eventType'];

/**
 * When an attempt's outcome arrived, NULL while it runs. Items that HUD's own code wrote don't say; of these,
 * when they were received.
 */
export const resultAt = `if(outcome = 'running', NULL, settled_at)`;

/** Each registered backend at each of the moments. */
export const backendsAt = ({ list }: Moments, filterNames: readonly Filter[]): string => sql`
        SELECT downstream_repo, level, oncalls, arrayJoin(${list}) AS at
        FROM (SELECT repo AS downstream_repo, level, oncalls FROM oot_backends)
        WHERE ${where(...filterNames.filter((name) => name === 'level' || name === 'backend'))}`;

/** What came between two moments stands at the later one; each moment adds up what came before it. */
export const overMoments = sql`
    WINDOW
        until_then AS (PARTITION BY downstream_repo ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
        ever AS (PARTITION BY downstream_repo)`;

const { perPullRequest, nightlyOnly } = config.silentHours;

/** Columns for a query over {@link resultsByMoment}: the newest result (0 is "never"), and whether that is too long ago. */
export const silence = `max(newest_result_ms) OVER until_then AS last_result_ms,
        if(max(has_other_events) OVER ever = 0, ${settingSql(nightlyOnly)}, ${settingSql(perPullRequest)}) AS silent_hours,
        last_result_ms > 0 AND at - last_result_ms > silent_hours * 3600000 AS is_silent`;

/** One row a registered backend and moment `at` (Unix milliseconds): its newest result then, and whether it is silent. */
export const silenceAt = (moments: Moments, filterNames = summaryFilters): string => sql`
    SELECT downstream_repo, level, oncalls, at,
        ${silence}
    FROM (
    ${backendsAt(moments, filterNames)}
    ) AS backends
    LEFT JOIN (
    ${resultsByMoment(moments, where(...filterNames))}
    ) AS results USING (downstream_repo, at)
    ${overMoments}`;

/** One row a backend and moment before which it had a result that came after the moment before. */
export const resultsByMoment = (moments: Moments, condition: string): string => sql`
        SELECT
            downstream_repo,
            ${momentAfter(moments.list, 'moment_before')} AS at,
            max(result_ms) AS newest_result_ms,
            max(event_type NOT IN ('nightly', 'periodic')) AS has_other_events
        FROM (
        ${resultsThatMatter(moments.from, condition)}
        )
        GROUP BY downstream_repo, ${momentBefore(moments.list, 'result_ms - 1')} AS moment_before`;

/**
 * Results of registered backends, without those that can't matter: of a backend that had a result of a PR or push in
 * the two days before the first moment, all older ones. Others are read whole: they are few, silent, or only run by
 * the clock. In two parts, so that each finds its index: attempts by their day, and results that came long after
 * their attempt.
 */
const resultsThatMatter = (firstMoment: string, condition: string): string => {
  const since = `${firstMoment} - INTERVAL 2 DAY`;
  const ended = `outcome != 'running' AND received_at < $__toTime_ms AND ${condition}`;
  const busy = sql`
            SELECT downstream_repo
            FROM oot_attempts
            WHERE received_at >= ${since} AND received_at < ${firstMoment}
              AND event_type NOT IN ('nightly', 'periodic') AND ${resultAt} < ${firstMoment} AND ${ended}`;
  const columns = `downstream_repo, event_type, toUnixTimestamp64Milli(assumeNotNull(${resultAt})) AS result_ms`;
  return sql`
            SELECT ${columns}
            FROM oot_attempts
            WHERE (received_at >= ${since} OR ${registeredBut(busy)}) AND ${ended}
            UNION ALL
            ${lateResults(since, columns, ended)}`;
};

/**
 * A condition: of a registered backend that is not one of these. Said by those that are left, it finds their place in the
 * primary key, which NOT IN does not.
 */
export const registeredBut = (backends: string): string => sql`
            downstream_repo IN (
            SELECT repo
            FROM oot_backends
            WHERE repo NOT IN (
            ${backends}))`;

/** Results that came since, of attempts that were received before. */
export const lateResults = (since: string, columns: string, condition: string): string => sql`
            SELECT ${columns}
            FROM oot_attempts
            WHERE received_at < ${since} AND settled_at >= ${since} AND ${condition}`;
