import { config } from '../config';
import {
  backendNumbered,
  isBad,
  jobNumbered,
  jobsInRange,
  prNumbered,
  sql,
  successRate,
  where,
} from '../sql';
import { changePageUrl, pullRequestUrl } from './pr-verdict';
import { changesFrom } from './shared-breakage';
import { newestResults, resultMs } from './backend-results';
import { evenly, fromMs, toMs } from './moments';

const filtered = where('level', 'backend', 'upstream', 'eventType');

/** The rate of each interval, then that of the whole range. */
export const successRateSql = () => sql`
    SELECT time, success_rate
    FROM (
        SELECT $__timeInterval(received_at) AS time, ${successRate} AS success_rate
        FROM ${jobsInRange}
        WHERE ${filtered}
        GROUP BY time
        UNION ALL
        SELECT toDateTime($__toTime_ms) + INTERVAL 1 SECOND AS time, ${successRate} AS success_rate
        FROM ${jobsInRange}
        WHERE ${filtered}
    )
    WHERE success_rate IS NOT NULL
    ORDER BY time`;

/** How many jobs of each interval meet a condition: to be summed. Intervals without any job are left out. */
export const jobCountSql = (condition: string, column: string) => sql`
    SELECT $__timeInterval(received_at) AS time, countIf(${condition}) AS ${column}
    FROM ${jobsInRange}
    WHERE ${filtered}
    GROUP BY time
    ORDER BY time`;

export const jobConditions = {
  jobs: '1',
  running: "outcome = 'running' AND NOT is_overdue",
  overdue: 'is_overdue',
} as const;

/** Seconds since the newest result, over time; the last value is that of the end of the range. */
export const freshnessSql = () => sql`
    SELECT fromUnixTimestamp64Milli(at) AS time, (at - newest_ms) / 1000 AS age_seconds
    FROM (
        SELECT at, max(newest_result_ms) OVER (ORDER BY at) AS newest_ms
        FROM (SELECT arrayJoin(${evenly.inRange.list}) AS at) AS moments
        LEFT JOIN (
            SELECT ${evenly.inRange.after('span')} AS at, max(${resultMs}) AS newest_result_ms
            FROM ${newestResults(evenly)}
            WHERE ${filtered}
            GROUP BY ${evenly.inRange.span(`${resultMs} - 1`)} AS span
        ) AS results USING (at)
    )
    WHERE newest_ms > 0
    ORDER BY time`;

/** Seconds that one point of a rate over time stands for: an hour up to 2 days, 6 hours up to 8, then a day. */
const pointSeconds = `multiIf(${toMs} - ${fromMs} <= 2 * 86400000, 3600, ${toMs} - ${fromMs} <= 8 * 86400000, 21600, 86400)`;

/** Success rate by backend over time: a point an hour, 6 hours or a day. */
export const successRateByBackendSql = () => sql`
    SELECT
        toDateTime(intDiv(toUnixTimestamp(received_at), ${pointSeconds}) * ${pointSeconds}) AS time,
        any(downstream_repo) AS backend,
        ${successRate} AS success_rate
    FROM ${jobsInRange}
    WHERE ${filtered}
    GROUP BY time, ${backendNumbered}
    HAVING success_rate IS NOT NULL
    ORDER BY time, backend`;

/** How many rows the lists of failures have. */
export const topRows = config.rows.top;

/** Bad jobs by backend, the most first. */
export const failuresByBackendSql = () => sql`
    SELECT
        downstream_repo AS backend,
        countIf(${isBad}) AS bad,
        countIf(${isBad} AND outcome = 'timed_out') AS timed_out,
        countIf(is_counted) AS counted,
        ${successRate} AS success_rate
    FROM ${jobsInRange}
    WHERE ${filtered}
    GROUP BY backend
    HAVING bad > 0
    ORDER BY bad DESC, backend
    LIMIT ${topRows}`;

/** Bad jobs by job name, the most first. */
export const failuresByJobSql = () => sql`
    SELECT
        any(downstream_repo) AS backend,
        any(workflow_name) AS workflow,
        any(job_name) AS job,
        countIf(${isBad}) AS bad,
        uniqExactIf(${prNumbered}, ${isBad} AND pr_number > 0) AS prs,
        ${successRate} AS success_rate,
        toDateTime(maxIf(received_at, ${isBad})) AS last_bad_at
    FROM ${jobsInRange}
    WHERE ${filtered}
    GROUP BY ${jobNumbered}
    HAVING bad > 0
    ORDER BY bad DESC, backend, workflow, job
    LIMIT ${topRows}`;

/** Which backends' failures together point upstream, and how many of them it takes. */
const shared = config.sharedBreakage;

/** PRs and commits that broke several backends: the most backends first, then the newest. */
export const sharedBreakageSql = () => sql`
    SELECT
        upstream_repo,
        nullIf(pr_number, 0) AS pr,
        sha,
        event_type,
        bad_backends,
        counted_backends,
        bad_jobs,
        backends,
        first_bad_at,
        last_bad_at,
        ${changePageUrl('sha')} AS change_page_url,
        ${pullRequestUrl} AS pull_request_url
    FROM (
    ${changesFrom(`oot_jobs_between(from = $__fromTime_ms - INTERVAL ${shared.knownToFail.days} DAY, to = $__toTime_ms)`, '$__fromTime_ms', filtered)}
    )
    WHERE bad_backends >= ${shared.minBackends}
    ORDER BY bad_backends DESC, last_bad_at DESC, upstream_repo, pr_number, sha
    LIMIT ${topRows}`;
