-- Whole workflow runs, and windows that end on each of the last days. Built on oot_attempts only, so that what
-- counts, what passes and how long something took stays defined there.

-- One row a workflow run whose first job was received in [from, to). A run is run_id of a backend; where the
-- provider sends none, it is what one delivery started of one workflow. Rule: design.md, "Queue time" and "End
-- to end"; upstream's L2 to L3 criteria (test-infra#8421, #8551) measure the same.
-- First attempts only: a re-run's queue time is measured from the first dispatch, and its completion comes after
-- a person's pause. A run is whole or not there: attempts are read from 7 days around the bounds (the limit of
-- duration_seconds), so ranges that meet never share a run nor cut one.
CREATE OR REPLACE VIEW oot_runs_between ${ON_CLUSTER} AS
SELECT
    downstream_repo,
    run_id,
    first_job.1 AS delivery_id,
    first_job.2 AS workflow_name,
    first_job.3 AS upstream_repo,
    first_job.4 AS pr_number,
    first_job.5 AS pytorch_head_sha,
    first_job.6 AS event_type,
    first_job.7 AS downstream_repo_level,
    first_received_at AS received_at,
    jobs,
    running_jobs = 0 AS is_complete,
    -- Some versions of the relay send it with the first job only. NULL where no job has one.
    queue_seconds,
    first_started_at,
    last_completed_at,
    -- Clocks of strangers: a run that ends before it starts, or after a week, took nobody knows how long.
    if(
        last_completed_at > first_started_at AND last_completed_at <= first_started_at + INTERVAL 7 DAY,
        dateDiff('nanosecond', first_started_at, last_completed_at) / 1e9,
        NULL) AS span_seconds,
    -- NULL while a job runs (the end is not known), and where the queue time is unknown: taken as 0 it would make
    -- the run look faster than it was.
    if(is_complete, queue_seconds + span_seconds, NULL) AS end_to_end_seconds
FROM
(
    SELECT
        downstream_repo,
        run_id,
        argMin(
            (delivery_id, workflow_name, upstream_repo, pr_number, pytorch_head_sha, event_type, downstream_repo_level),
            (received_at, dynamoKey)) AS first_job,
        min(received_at) AS first_received_at,
        uniqExact(job_id) AS jobs,
        countIf(outcome = 'running') AS running_jobs,
        max(queue_seconds) AS queue_seconds,
        -- A job's two times count where they are sane together, as in duration_seconds; one alone counts.
        minIf(started_at, has_sane_times) AS first_started_at,
        maxIf(completed_at, has_sane_times) AS last_completed_at
    FROM
    (
        SELECT
            *,
            started_at IS NULL OR completed_at IS NULL
                OR (completed_at > started_at AND completed_at <= started_at + INTERVAL 7 DAY) AS has_sane_times
        FROM oot_attempts
        WHERE run_attempt <= 1
            AND received_at >= {from:DateTime64(3)} - INTERVAL 7 DAY
            AND received_at < {to:DateTime64(3)} + INTERVAL 7 DAY
    )
    GROUP BY
        downstream_repo,
        run_id,
        if(run_id = '', delivery_id, ''),
        if(run_id = '', workflow_name, '')
)
WHERE first_received_at >= {from:DateTime64(3)} AND first_received_at < {to:DateTime64(3)};

-- The ends of windows that move by a day: one row a day, `to` itself (days_ago 0), then each midnight (UTC) before.
CREATE OR REPLACE VIEW oot_window_ends ${ON_CLUSTER} AS
SELECT
    days_ago,
    if(
        days_ago = 0,
        toTimeZone({to:DateTime64(3)}, 'UTC'),
        toDateTime64(toStartOfDay(toTimeZone({to:DateTime64(3)}, 'UTC') - INTERVAL 1 MILLISECOND), 3, 'UTC')
            - toIntervalDay(days_ago - 1)) AS window_end
FROM (SELECT arrayJoin(range({days:UInt16})) AS days_ago);

-- One row a job and window: what oot_jobs_between(from = window_end - window_days, to = window_end) shows, for
-- each of oot_window_ends, from one reading of the table. So a re-run changes its day and the days after it, and
-- leaves the days before as they were.
CREATE OR REPLACE VIEW oot_jobs_rolling ${ON_CLUSTER} AS
SELECT * EXCEPT (newest_first)
FROM
(
    SELECT
        attempt.*,
        day.days_ago AS days_ago,
        day.window_end AS window_end,
        row_number() OVER (
            PARTITION BY day.days_ago, attempt.pr_number, attempt.downstream_repo, attempt.job_id
            ORDER BY attempt.run_attempt DESC, attempt.received_at DESC, attempt.dynamoKey DESC
        ) AS newest_first
    FROM
    (
        SELECT *
        FROM oot_attempts
        WHERE received_at >= {to:DateTime64(3)} - toIntervalDay({days:UInt16} + {window_days:UInt16})
            AND received_at < {to:DateTime64(3)}
    ) AS attempt
    CROSS JOIN ${DATABASE}.oot_window_ends(to = {to:DateTime64(3)}, days = {days:UInt16}) AS day
    WHERE attempt.received_at >= day.window_end - toIntervalDay({window_days:UInt16})
        AND attempt.received_at < day.window_end
)
WHERE newest_first = 1;
