import { isBad, jobsInRange, quantile, sql, successRate, where } from '../sql';
import { registeredBut } from './backend-results';
import { backendStates, statesAt } from './backend-states';
import { atEnd, fromMs, toMs } from './moments';

const filtered = where('level', 'backend', 'upstream', 'eventType');

/** The period before the time range, of the same length. */
const previousRange = `from = fromUnixTimestamp64Milli(2 * ${fromMs} - ${toMs}), to = $__fromTime_ms`;

const inRange = sql`
        SELECT
            downstream_repo,
            ${successRate} AS success_rate,
            countIf(is_counted AND is_as_expected) AS successes,
            countIf(${isBad} AND outcome != 'timed_out') AS failures,
            countIf(${isBad} AND outcome = 'timed_out') AS timed_out,
            uniqExactIf((upstream_repo, pr_number), pr_number > 0) AS prs,
            ${quantile(0.5, 'if(is_counted, duration_seconds, NULL)')} AS median_seconds,
            ${quantile(0.95, 'if(is_counted, duration_seconds, NULL)')} AS p95_seconds
        FROM ${jobsInRange}
        WHERE ${filtered}
        GROUP BY downstream_repo`;

const before = sql`
        SELECT downstream_repo, ${successRate} AS success_rate_before
        FROM oot_jobs_between(${previousRange})
        WHERE ${filtered}
        GROUP BY downstream_repo`;

/** Queue time is that of a run: the longest of its first attempts. Where nobody named the run, a delivery is one. */
const queues = sql`
        SELECT downstream_repo, ${quantile(0.5, 'run_queue_seconds')} AS median_queue_seconds
        FROM (
            SELECT downstream_repo, max(queue_seconds) AS run_queue_seconds
            FROM oot_attempts
            WHERE received_at >= $__fromTime_ms AND received_at < $__toTime_ms
              AND ${filtered}
            GROUP BY downstream_repo, workflow_name, run_key
        )
        GROUP BY downstream_repo`;

/** Backends with a good job on the last day of the range: their streak, if there is one, began after it. */
const goodOnLastDay = sql`
            SELECT downstream_repo
            FROM oot_jobs_between(from = $__toTime_ms - INTERVAL 1 DAY, to = $__toTime_ms)
            WHERE is_counted AND is_as_expected AND ${filtered}`;

const goodAndBad = 'downstream_repo, received_at, is_counted, is_as_expected';

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
        FROM (
            SELECT ${goodAndBad}
            FROM oot_jobs_between(from = toDateTime64(0, 3), to = $__toTime_ms)
            WHERE ${registeredBut(goodOnLastDay)} AND ${filtered}
            UNION ALL
            SELECT ${goodAndBad}
            FROM oot_jobs_between(from = $__toTime_ms - INTERVAL 1 DAY, to = $__toTime_ms)
            WHERE downstream_repo IN (
            ${goodOnLastDay}) AND ${filtered}
        )
        GROUP BY downstream_repo`;

const ranked = backendStates.map((state) => `'${state}'`).join(', ');

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
    ${inRange}
    ) AS in_range USING (downstream_repo)
    LEFT JOIN (
    ${before}
    ) AS before USING (downstream_repo)
    LEFT JOIN (
    ${queues}
    ) AS queues USING (downstream_repo)
    LEFT JOIN (
    ${streaks}
    ) AS streaks USING (downstream_repo)
    ORDER BY indexOf([${ranked}], state), success_rate ASC NULLS LAST, level DESC, backend`;
