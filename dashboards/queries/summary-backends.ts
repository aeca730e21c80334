import { isBad, isNewestIn, prNumbered, quantile, quoted, range, sql, where } from '../sql';
import { backendStates, statesAt } from './backend-states';
import { atEnd, fromMs, toMs } from './moments';

const filtered = where('level', 'backend', 'upstream', 'eventType');

/** Where the period before the time range begins, which is of the same length. */
const previousFrom = `fromUnixTimestamp64Milli(2 * ${fromMs} - ${toMs})`;

/** The same jobs count in the range and in the period before it, each by its newest attempt there. */
const inBothRanges = sql`
        SELECT
            downstream_repo,
            if(countIf(counts) = 0, NULL, countIf(counts AND is_as_expected) / countIf(counts)) AS success_rate,
            countIf(counts AND is_as_expected) AS successes,
            countIf(is_bad AND outcome != 'timed_out') AS failures,
            countIf(is_bad AND outcome = 'timed_out') AS timed_out,
            uniqExactIf(${prNumbered}, is_in_range AND pr_number > 0) AS prs,
            ${quantile(0.5, 'if(counts, duration_seconds, NULL)')} AS median_seconds,
            ${quantile(0.95, 'if(counts, duration_seconds, NULL)')} AS p95_seconds,
            if(countIf(counted_before) = 0, NULL, countIf(counted_before AND is_as_expected) / countIf(counted_before)) AS success_rate_before
        FROM (
            SELECT
                *,
                received_at >= $__fromTime_ms AS is_in_range,
                is_in_range AND is_counted AS counts,
                counts AND NOT is_as_expected AS is_bad,
                NOT is_in_range AND is_counted AS counted_before
            FROM oot_attempts
            WHERE received_at >= ${previousFrom} AND received_at < $__toTime_ms
              AND ${isNewestIn(
                `if(received_at >= $__fromTime_ms, $__fromTime_ms, ${previousFrom})`,
                'if(received_at >= $__fromTime_ms, $__toTime_ms, $__fromTime_ms)',
              )}
              AND ${filtered}
        )
        GROUP BY downstream_repo`;

/** Queue time is that of a run: the longest of its first attempts. */
const queues = sql`
        SELECT downstream_repo, ${quantile(0.5, 'queue_seconds')} AS median_queue_seconds
        FROM oot_runs_between(${range})
        WHERE ${filtered}
        GROUP BY downstream_repo`;

/**
 * The first bad job received after the last good one. A streak may be older than the range, so the jobs of all time
 * are read, but only of registered backends without a good one on the last day.
 */
const streaks = sql`
        SELECT
            downstream_repo,
            maxIf(received_at, is_counted AND is_as_expected) AS last_good_at,
            groupArrayIf(received_at, ${isBad}) AS bad_at,
            arrayFilter(at -> at > last_good_at, bad_at) AS streak,
            if(empty(streak), NULL, toDateTime(arrayMin(streak))) AS failing_since
        FROM oot_jobs_between(from = toDateTime64(0, 3), to = $__toTime_ms)
        WHERE ${filtered} AND (
            received_at >= $__toTime_ms - INTERVAL 1 DAY
            -- Said by those that are left, it finds their place in the primary key, which NOT IN does not.
            OR downstream_repo IN (
                SELECT repo
                FROM oot_backends
                WHERE repo NOT IN (
                    SELECT downstream_repo
                    FROM oot_jobs_between(from = toDateTime64(0, 3), to = $__toTime_ms)
                    WHERE received_at >= $__toTime_ms - INTERVAL 1 DAY AND is_counted AND is_as_expected AND ${filtered})))
        GROUP BY downstream_repo`;

/** Every registered backend, worst first: by state, then success rate (unknown last), then level. */
export const backendsSql = () => sql`
    SELECT
        level,
        downstream_repo AS backend,
        state,
        toNullable(success_rate) AS success_rate,
        success_rate - success_rate_before AS change,
        successes, failures, timed_out, prs,
        median_seconds, p95_seconds, median_queue_seconds,
        if(last_result_ms = 0, NULL, toDateTime(intDiv(last_result_ms, 1000))) AS last_result_at,
        failing_since,
        arrayStringConcat(oncalls, ', ') AS oncalls
    FROM (
    ${statesAt(atEnd)}
    ) AS states
    LEFT JOIN (
    ${inBothRanges}
    ) AS in_both_ranges USING (downstream_repo)
    LEFT JOIN (
    ${queues}
    ) AS queues USING (downstream_repo)
    LEFT JOIN (
    ${streaks}
    ) AS streaks USING (downstream_repo)
    ORDER BY indexOf([${quoted(backendStates)}], state), success_rate ASC NULLS LAST, level DESC, backend`;
