-- What the criteria of readiness are measured by, kept: each of their numbers takes weeks of jobs and runs, ends now and
-- not with a dashboard's range, and is asked for by eight panels of everybody who looks. oot_readiness_at is the
-- definition, oot_readiness what it says each minute.

-- What counts: upstream's criteria (test-infra#8421, #8551 to #8553) are about testing pull requests.
-- define IS_OF_COUNTED_EVENT
event_type = 'pull_request';

-- How many days a criterion is taken over, on how many days it is told how long it has held, and all that takes.
-- define WINDOW_DAYS
14;

-- define TOLD_DAYS
30;

-- define ALL_DAYS
(${WINDOW_DAYS} + ${TOLD_DAYS});

-- Days since 1970 (UTC): cheaper than dates, for every attempt of weeks.
-- define LAST_DAY
intDiv(toUnixTimestamp64Milli({at:DateTime64(3)}) - 1, 86400000);

-- The windows, as days_ago, that hold what was received on a day, and is its job's newest in those that begin after
-- after_day and end by until_day.
-- define DAYS_AGO
toUInt16(arrayJoin(arrayConcat(
            if(is_current, [0], []),
            range(
                arrayMax([1, ${LAST_DAY} + 1 - ${WINDOW_DAYS} - received_day, ${LAST_DAY} + 1 - until_day]),
                arrayMin([${TOLD_DAYS} - 1, ${LAST_DAY} - received_day, ${LAST_DAY} - ${WINDOW_DAYS} - after_day]) + 1)))) AS days_ago;

-- One row a backend and day of the last 30: what it comes to over the window that ends then. `days_ago` 0 ends at `at`,
-- the others at the midnights (UTC) before it. A backend that nobody registered has no level.
-- Windows that end at midnight begin at midnight. So days decide which of them hold an attempt as its job's newest, and
-- jobs are summed up by days first: from one reading, what oot_jobs_as_of shows for each window.
CREATE OR REPLACE VIEW oot_readiness_at ${ON_CLUSTER} AS
SELECT
    backends.downstream_repo AS downstream_repo,
    level,
    days.days_ago AS days_ago,
    window_end,
    counted_jobs,
    good_jobs,
    timed_out_jobs,
    timed_jobs,
    overrun_jobs,
    queue_runs,
    all_queue_seconds,
    end_to_end_runs,
    median_end_to_end_seconds,
    first_result_at,
    first_at_level_at,
    {at:DateTime64(3)} AS measured_at
FROM
(
    SELECT repo AS downstream_repo, level FROM oot_backends
    UNION ALL
    SELECT DISTINCT downstream_repo, '' AS level
    FROM oot_attempts
    WHERE received_at >= {at:DateTime64(3)} - INTERVAL ${ALL_DAYS} DAY
        AND received_at < {at:DateTime64(3)}
        -- Where to look, if anywhere.
        AND downstream_repo IN (
            SELECT downstream_repo FROM oot_activity_day WHERE downstream_repo NOT IN (SELECT repo FROM oot_backends))
) AS backends
CROSS JOIN ${DATABASE}.oot_window_ends(to = {at:DateTime64(3)}, days = ${TOLD_DAYS}) AS days
LEFT JOIN
(
    SELECT
        repo AS downstream_repo,
        ${DAYS_AGO},
        sum(counted_jobs) AS counted_jobs,
        sum(good_jobs) AS good_jobs,
        sum(timed_out_jobs) AS timed_out_jobs,
        sum(timed_jobs) AS timed_jobs,
        sum(overrun_jobs) AS overrun_jobs
    FROM
    (
        SELECT
            any(downstream_repo) AS repo,
            intDiv(toUnixTimestamp64Milli(received_at), 86400000) AS received_day,
            intDiv(toUnixTimestamp64Milli(newest_after), 86400000) AS after_day,
            intDiv(toUnixTimestamp64Milli(newest_until), 86400000) AS until_day,
            received_at >= {at:DateTime64(3)} - INTERVAL ${WINDOW_DAYS} DAY
                AND newest_after < {at:DateTime64(3)} - INTERVAL ${WINDOW_DAYS} DAY
                AND newest_until >= {at:DateTime64(3)} AS is_current,
            countIf(is_counted) AS counted_jobs,
            countIf(is_counted AND is_as_expected) AS good_jobs,
            countIf(is_counted AND NOT is_as_expected AND outcome = 'timed_out') AS timed_out_jobs,
            countIf(is_counted AND duration_seconds IS NOT NULL) AS timed_jobs,
            -- An overrun takes over 3 hours.
            countIf(is_counted AND duration_seconds > 3 * 3600) AS overrun_jobs
        FROM ${DATABASE}.oot_attempts_as_of(at = {at:DateTime64(3)})
        WHERE received_at >= {at:DateTime64(3)} - INTERVAL ${ALL_DAYS} DAY AND ${IS_OF_COUNTED_EVENT}
        -- A name beside numbers would be put into text for each of millions of rows.
        GROUP BY cityHash64(downstream_repo), received_day, after_day, until_day, is_current
    )
    GROUP BY repo, days_ago
) AS jobs ON jobs.downstream_repo = backends.downstream_repo AND jobs.days_ago = days.days_ago
LEFT JOIN
(
    SELECT
        downstream_repo,
        ${DAYS_AGO},
        sum(queue_runs) AS queue_runs,
        sum(all_queue_seconds) AS all_queue_seconds,
        sum(end_to_end_runs) AS end_to_end_runs,
        quantileExactInclusiveMerge(0.5)(median_state) AS median_end_to_end_seconds
    FROM
    (
        SELECT
            downstream_repo,
            intDiv(toUnixTimestamp64Milli(received_at), 86400000) AS received_day,
            -- A run is in every window that holds its first job: these two rule none of them out.
            received_day - ${WINDOW_DAYS} AS after_day,
            received_day + ${WINDOW_DAYS} AS until_day,
            received_at >= {at:DateTime64(3)} - INTERVAL ${WINDOW_DAYS} DAY AS is_current,
            count(queue_seconds) AS queue_runs,
            ifNull(sum(queue_seconds), 0) AS all_queue_seconds,
            count(end_to_end_seconds) AS end_to_end_runs,
            quantileExactInclusiveState(0.5)(end_to_end_seconds) AS median_state
        FROM ${DATABASE}.oot_runs_as_of(from = {at:DateTime64(3)} - INTERVAL ${ALL_DAYS} DAY, to = {at:DateTime64(3)}, at = {at:DateTime64(3)})
        WHERE ${IS_OF_COUNTED_EVENT}
        GROUP BY downstream_repo, received_day, is_current
    )
    GROUP BY downstream_repo, days_ago
) AS runs ON runs.downstream_repo = backends.downstream_repo AND runs.days_ago = days.days_ago
LEFT JOIN
(
    -- Over all time: on the first day that is certain to have one, or before it. A retention takes days from one table after
    -- another: of what is gone from the attempts, nothing is certain.
    SELECT
        downstream_repo,
        minOrNullIf(received_at, ${IS_OF_COUNTED_EVENT}) AS first_result_at,
        minOrNullIf(received_at, downstream_repo_level = 'L2') AS first_at_level_at
    FROM oot_attempts
    WHERE received_at < {at:DateTime64(3)}
        AND (toDate(received_at), downstream_repo) IN (
            SELECT received_day, downstream_repo
            FROM oot_activity_day
            INNER JOIN
            (
                SELECT
                    downstream_repo,
                    minOrNullIf(received_day, is_certain AND ${IS_OF_COUNTED_EVENT}) AS first_day,
                    minOrNullIf(received_day, is_certain AND downstream_repo_level = 'L2') AS first_day_at_level
                FROM
                (
                    SELECT
                        *,
                        state = 'reported' AND received_day >= (SELECT toDate(min(received_at)) FROM oot_workflow_job)
                            AND (downstream_repo, received_day) NOT IN (
                                SELECT downstream_repo, received_day FROM oot_activity_day WHERE state = 'deleted') AS is_certain
                    FROM oot_activity_day
                )
                GROUP BY downstream_repo
            ) AS certain USING (downstream_repo)
            WHERE ${IS_OF_COUNTED_EVENT} AND ifNull(received_day <= first_day, 1)
                OR downstream_repo_level = 'L2' AND ifNull(received_day <= first_day_at_level, 1))
    GROUP BY downstream_repo
) AS firsts ON firsts.downstream_repo = backends.downstream_repo;

CREATE TABLE IF NOT EXISTS oot_readiness ${ON_CLUSTER}
(
    downstream_repo LowCardinality(String) COMMENT 'Backend, org/repo',
    level LowCardinality(String) COMMENT 'Level in the allowlist, empty if it is not in there',
    days_ago UInt16 COMMENT '0: the window that ends at measured_at. 1 and more: that which ends at the midnight (UTC) so many days before, today being the first',
    window_end DateTime64(3, 'UTC') COMMENT 'End of the window, UTC',
    counted_jobs UInt64 COMMENT 'Number of jobs that count',
    good_jobs UInt64 COMMENT 'Number of them that ended as expected',
    timed_out_jobs UInt64 COMMENT 'Number of them that timed out, and should not have',
    timed_jobs UInt64 COMMENT 'Number of them whose duration is known',
    overrun_jobs UInt64 COMMENT 'Number of them that took longer than they may',
    queue_runs UInt64 COMMENT 'Number of runs whose queue time is known',
    all_queue_seconds Float64 COMMENT 'Seconds: their queue times together',
    end_to_end_runs UInt64 COMMENT 'Number of runs whose end to end time is known',
    median_end_to_end_seconds Nullable(Float64) COMMENT 'Seconds: the median of these times, NULL without any',
    first_result_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When its first attempt that counts here was received, over all time, UTC, NULL without any',
    first_at_level_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When its first attempt at L2 was received, over all time, UTC, NULL without any',
    measured_at DateTime64(3, 'UTC') COMMENT 'When this was measured, UTC'
)
-- Not replicated: every server measures for itself, and puts a table of its own in place of this.
ENGINE = MergeTree
ORDER BY (downstream_repo, days_ago)
COMMENT 'What the criteria of readiness are measured by, each minute anew';

CREATE MATERIALIZED VIEW IF NOT EXISTS oot_readiness_writer ${ON_CLUSTER}
REFRESH EVERY 1 MINUTE
TO oot_readiness AS
SELECT * FROM ${DATABASE}.oot_readiness_at(at = now64(3));
