-- The views again: which of two attempts of one millisecond is the newer is decided by attempt_id, a number, so that the
-- long dynamoKey is neither read nor sorted (the newest attempts of 7 days: 74 ms instead of 125, of 780,000). And no view
-- reads another one for what it says, since each level costs every query 7 ms: what is defined here once is put in.

-- One row an attempt that had been received by `at`: its state then, its outcome, how long it took. Where an attempt
-- had no outcome yet, what came with the outcome is unknown as well. The table holds one state of an attempt: one
-- that the sweeper ended and the job itself corrected later counts as running in between.
-- For a moment that is not in the past, all of it folds away, and outcome_at is not even read.
-- define ATTEMPTS
SELECT
    dynamoKey,
    attempt_id,
    job_id,
    run_key,
    upstream_repo,
    pr_number,
    pytorch_head_sha,
    event_type,
    delivery_id,
    downstream_repo,
    downstream_repo_level,
    workflow_name,
    job_name,
    check_run_id,
    run_id,
    run_attempt,
    toLowCardinality(if(is_not_yet_known, 'in_progress', stored.status)) AS status,
    toLowCardinality(if(is_not_yet_known, '', stored.conclusion)) AS conclusion,
    toLowCardinality(if(is_not_yet_known, 'running', stored.state)) AS state,
    -- GitHub's three rare conclusions: a run that could not start is a failure, one that GitHub gave up
    -- waiting for was never decided, one that waits for a person says nothing yet.
    multiIf(
        is_not_yet_known OR stored.status = 'in_progress', 'running',
        stored.conclusion = 'startup_failure', 'failure',
        stored.conclusion = 'stale', 'cancelled',
        stored.conclusion = 'action_required', 'neutral',
        stored.conclusion) AS outcome,
    -- The relay's sweeper comes after 360 minutes; what is still running 15 minutes later was lost.
    outcome = 'running' AND received_at < least({at:DateTime64(3)}, now64(3)) - INTERVAL 375 MINUTE AS is_overdue,
    expected_outcome,
    outcome = expected_outcome AS is_as_expected,
    -- Cancelled, skipped and neutral attempts are shown, never counted; but a probe job that announces its
    -- cancellation counts when it was cancelled, or it could only ever lower the rate.
    outcome IN ('success', 'failure', 'timed_out') OR outcome = expected_outcome AS is_counted,
    if(is_not_yet_known, NULL, stored.duration_seconds) AS duration_seconds,
    -- A re-run's queue time is measured from the first dispatch, so it says nothing.
    if(run_attempt <= 1, queue_time, NULL) AS queue_seconds,
    queue_time,
    if(is_not_yet_known, NULL, stored.execution_time) AS execution_time,
    started_at,
    if(is_not_yet_known, NULL, stored.completed_at) AS completed_at,
    if(is_not_yet_known, NULL, stored.total_tests) AS total_tests,
    if(is_not_yet_known, NULL, stored.passed_tests) AS passed_tests,
    if(is_not_yet_known, NULL, stored.failed_tests) AS failed_tests,
    if(is_not_yet_known, NULL, stored.skipped_tests) AS skipped_tests,
    if(is_not_yet_known, '', stored.failed_tests_json) AS failed_tests_json,
    if(is_not_yet_known, 0, stored.failed_tests_cut) AS failed_tests_cut,
    workflow_run_url,
    if(is_not_yet_known, '', stored.artifact_url) AS artifact_url,
    if(is_not_yet_known, '', stored.environment) AS environment,
    received_at,
    updated_at,
    if(is_not_yet_known, NULL, stored.outcome_at) AS outcome_at,
    settled_at,
    _inserted_at AS inserted_at,
    source,
    -- From the write of the item to its row, where the row came that way. NULL for copies and for old items.
    if(source = 'stream' AND updated_at IS NOT NULL, greatest(0, dateDiff('millisecond', updated_at, _inserted_at)) / 1000, NULL) AS delay_seconds,
    revision,
    {at:DateTime64(3)} < now64(3) AND ifNull(stored.outcome_at > {at:DateTime64(3)}, 0) AS is_not_yet_known
FROM oot_workflow_job AS stored FINAL
WHERE received_at < {at:DateTime64(3)};

CREATE OR REPLACE VIEW oot_attempts_as_of ${ON_CLUSTER} AS
${ATTEMPTS};

-- One row an attempt: its current state, its outcome, how long it took.
CREATE OR REPLACE VIEW oot_attempts ${ON_CLUSTER} AS
SELECT * EXCEPT (is_not_yet_known)
FROM
(
${ATTEMPTS_NOW}
);

-- One row a job: of its attempts that were received in [from, to) and before `at`, the newest (highest run_attempt,
-- then latest received), as it was known `at` some time. The bounds reach the primary key, which a filter put on
-- oot_jobs from outside cannot: which attempt is the newest is decided over all of them, so pushing it inside would
-- change the answer. A bound travels as text in the time zone of the session, so its type must have no other one.
-- define JOBS
SELECT * EXCEPT (newest_first)
FROM
(
    SELECT
        * EXCEPT (is_not_yet_known),
        row_number() OVER (
            PARTITION BY pr_number, downstream_repo, job_id, event_type
            ORDER BY run_attempt DESC, received_at DESC, attempt_id DESC
        ) AS newest_first
    FROM
    (
${ATTEMPTS}
    )
    WHERE received_at >= {from:DateTime64(3)} AND received_at < {to:DateTime64(3)}
)
WHERE newest_first = 1;

CREATE OR REPLACE VIEW oot_jobs_as_of ${ON_CLUSTER} AS
${JOBS};

-- The same, as it is known now.
CREATE OR REPLACE VIEW oot_jobs_between ${ON_CLUSTER} AS
${JOBS_NOW};

-- One row a workflow run whose first job was received in [from, to), as it was known `at` some time. A run is run_id
-- of a backend; where the provider sends none, it is what one delivery started of one workflow. Rule: design.md,
-- "Queue time" and "End to end"; upstream's L2 to L3 criteria (test-infra#8421, #8551) measure the same.
-- First attempts only: a re-run's queue time is measured from the first dispatch, and its completion comes after
-- a person's pause. A run is whole or not there: attempts are read from 7 days around the bounds (the limit of
-- duration_seconds), so ranges that meet never share a run nor cut one.
-- define RUNS
SELECT
    downstream_repo,
    first_run_id AS run_id,
    first_delivery_id AS delivery_id,
    first_workflow_name AS workflow_name,
    first_upstream_repo AS upstream_repo,
    first_pr_number AS pr_number,
    first_pytorch_head_sha AS pytorch_head_sha,
    first_event_type AS event_type,
    first_downstream_repo_level AS downstream_repo_level,
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
        run_key,
        -- One column each, so that those nobody asks for cost nothing.
        argMin(run_id, arrival) AS first_run_id,
        argMin(delivery_id, arrival) AS first_delivery_id,
        argMin(workflow_name, arrival) AS first_workflow_name,
        argMin(upstream_repo, arrival) AS first_upstream_repo,
        argMin(pr_number, arrival) AS first_pr_number,
        argMin(pytorch_head_sha, arrival) AS first_pytorch_head_sha,
        argMin(event_type, arrival) AS first_event_type,
        argMin(downstream_repo_level, arrival) AS first_downstream_repo_level,
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
            -- The order of arrival as one number.
            bitOr(bitShiftLeft(toUInt128(toUnixTimestamp64Milli(received_at)), 64), attempt_id) AS arrival,
            started_at IS NULL OR completed_at IS NULL
                OR (completed_at > started_at AND completed_at <= started_at + INTERVAL 7 DAY) AS has_sane_times
        FROM
        (
${ATTEMPTS}
        )
        WHERE run_attempt <= 1
            AND received_at >= {from:DateTime64(3)} - INTERVAL 7 DAY
            AND received_at < {to:DateTime64(3)} + INTERVAL 7 DAY
    )
    GROUP BY
        downstream_repo,
        run_key
)
WHERE first_received_at >= {from:DateTime64(3)} AND first_received_at < {to:DateTime64(3)};

CREATE OR REPLACE VIEW oot_runs_as_of ${ON_CLUSTER} AS
${RUNS};

-- The same, as it is known now.
CREATE OR REPLACE VIEW oot_runs_between ${ON_CLUSTER} AS
${RUNS_NOW};

-- One row an attempt that is its job's newest in a window of `window_days` that ends at one of oot_window_ends, and in
-- which: those that end `last_days_ago` to `first_days_ago` days ago, both included, always a row of neighbours. So
-- what oot_jobs_between(from = window_end - window_days, to = window_end) shows for each of the windows comes from one
-- reading of the table. A re-run changes its day and the days after it, and leaves the days before as they were.
-- Outcomes as they were known at `to`.
CREATE OR REPLACE VIEW oot_jobs_rolling ${ON_CLUSTER} AS
SELECT * EXCEPT (newer, newest_after, newest_until, window_days, last_midnight)
FROM
(
    SELECT
        * EXCEPT (is_not_yet_known),
        toIntervalDay({window_days:UInt16}) AS window_days,
        toStartOfDay(toTimeZone({to:DateTime64(3)}, 'UTC') - INTERVAL 1 MILLISECOND) AS last_midnight,
        -- Attempts of the job that are newer by the rule of oot_jobs_as_of: nearly always none.
        groupArray(received_at) OVER (
            PARTITION BY pr_number, downstream_repo, job_id, event_type
            ORDER BY run_attempt DESC, received_at DESC, attempt_id DESC
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS newer,
        -- A newer one that came before it hides it in the windows that hold both, and one that came after it as well.
        arrayMax(arrayPushBack(arrayMap(at -> at + window_days, arrayFilter(at -> at < received_at, newer)), received_at)) AS newest_after,
        arrayMin(arrayPushBack(arrayFilter(at -> at >= received_at, newer), received_at + window_days)) AS newest_until,
        -- Of the windows, how many end later than a moment: the newest ends at `to`, the others at midnights before it.
        toInt32({to:DateTime64(3)} > newest_until)
            + least(greatest(dateDiff('day', newest_until, last_midnight, 'UTC'), 0), {days:UInt16} - 1) AS last_days_ago,
        toInt32({to:DateTime64(3)} > newest_after)
            + least(greatest(dateDiff('day', newest_after, last_midnight, 'UTC'), 0), {days:UInt16} - 1) - 1 AS first_days_ago
    FROM ${DATABASE}.oot_attempts_as_of(at = {to:DateTime64(3)})
    WHERE received_at >= {to:DateTime64(3)} - toIntervalDay({days:UInt16} + {window_days:UInt16})
)
WHERE last_days_ago <= first_days_ago;

-- One row a job, over all time. Filters on pr_number and downstream_repo reach the indexes.
-- A view with parameters is looked up in the reader's database unless it is qualified, unlike a table.
CREATE OR REPLACE VIEW oot_jobs ${ON_CLUSTER} AS
SELECT * FROM ${DATABASE}.oot_jobs_between(from = '1970-01-01 00:00:00', to = '2262-01-01 00:00:00');
