-- The definitions that every panel, alert and command reads. Nothing else decides what counts or passes.

-- One row an attempt: its current state, its outcome, how long it took.
CREATE OR REPLACE VIEW oot_attempts ${ON_CLUSTER} AS
SELECT
    dynamoKey,
    job_id,
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
    status,
    conclusion,
    state,
    -- GitHub's three rare conclusions: a run that could not start is a failure, one that GitHub gave up
    -- waiting for was never decided, one that waits for a person says nothing yet.
    multiIf(
        status = 'in_progress', 'running',
        conclusion = 'startup_failure', 'failure',
        conclusion = 'stale', 'cancelled',
        conclusion = 'action_required', 'neutral',
        conclusion) AS outcome,
    -- The relay's sweeper comes after 360 minutes; what is still running 15 minutes later was lost.
    outcome = 'running' AND received_at < now64(3) - INTERVAL 375 MINUTE AS is_overdue,
    -- The probe backend fails on purpose; the name of its job announces how.
    multiIf(
        downstream_repo != 'pytorch/crcr-test', 'success',
        job_name LIKE '%xfail%', 'failure',
        job_name LIKE '%xcancel%', 'cancelled',
        job_name LIKE '%xtimeout%', 'timed_out',
        'success') AS expected_outcome,
    outcome = expected_outcome AS is_as_expected,
    -- Cancelled, skipped and neutral attempts are shown, never counted; but a probe job that announces its
    -- cancellation counts when it was cancelled, or it could only ever lower the rate.
    outcome IN ('success', 'failure', 'timed_out') OR outcome = expected_outcome AS is_counted,
    duration_seconds,
    -- A re-run's queue time is measured from the first dispatch, so it says nothing.
    if(run_attempt <= 1, queue_time, NULL) AS queue_seconds,
    queue_time,
    execution_time,
    started_at,
    completed_at,
    total_tests,
    passed_tests,
    failed_tests,
    skipped_tests,
    failed_tests_json,
    failed_tests_cut,
    workflow_run_url,
    artifact_url,
    environment,
    received_at,
    updated_at,
    outcome_at,
    _inserted_at AS inserted_at,
    source,
    -- From the write of the item to its row, where the row came that way. NULL for copies and for old items.
    if(source = 'stream' AND updated_at IS NOT NULL, greatest(0, dateDiff('millisecond', updated_at, _inserted_at)) / 1000, NULL) AS delay_seconds,
    revision
FROM oot_workflow_job FINAL;

-- One row a job: of its attempts that were received in [from, to), the newest (highest run_attempt, then
-- latest received). The bounds reach the primary key, which a filter put on oot_jobs from outside cannot:
-- which attempt is the newest is decided over all of them, so pushing it inside would change the answer.
-- A bound travels as text in the time zone of the session, so its type must have no other one.
CREATE OR REPLACE VIEW oot_jobs_between ${ON_CLUSTER} AS
SELECT * EXCEPT (newest_first)
FROM
(
    SELECT
        *,
        row_number() OVER (
            PARTITION BY pr_number, downstream_repo, job_id
            ORDER BY run_attempt DESC, received_at DESC, dynamoKey DESC
        ) AS newest_first
    FROM oot_attempts
    WHERE received_at >= {from:DateTime64(3)} AND received_at < {to:DateTime64(3)}
)
WHERE newest_first = 1;

-- One row a job, over all time. Filters on pr_number and downstream_repo reach the indexes.
-- A view with parameters is looked up in the reader's database unless it is qualified, unlike a table.
CREATE OR REPLACE VIEW oot_jobs ${ON_CLUSTER} AS
SELECT * FROM ${DATABASE}.oot_jobs_between(from = '1970-01-01 00:00:00', to = '2262-01-01 00:00:00');
