-- The table again, in partitions of a day. What is two hours old there becomes one part, and of one part FINAL has
-- nothing to merge: over 7 days of 780,000 attempts it took 62 ms before and takes 10 ms now, as without FINAL.
-- received_at never changes for an attempt, so all of its revisions are in one partition. The order key has to begin
-- with the partition's expression, or FINAL would merge across partitions.
-- Each statement can be run again after it was cut off, or is left out (`unless`). A replicator that goes on writing
-- meanwhile loses nothing: what went to the old table in the last day is copied once more after the renaming.
CREATE TABLE IF NOT EXISTS oot_workflow_job_by_day ${ON_CLUSTER}
(
    dynamoKey String COMMENT 'Key of the DynamoDB item: downstream_repo/delivery_id/workflow_name/job_name/check_run_id',
    status LowCardinality(String) COMMENT 'in_progress or completed',
    conclusion LowCardinality(String) DEFAULT '' COMMENT 'Conclusion of the check run as reported, empty while in progress',
    state LowCardinality(String) DEFAULT 'reported' COMMENT 'How sure the outcome is: running, swept (the relay gave up after 6 h), reported (by the job itself)',
    downstream_repo LowCardinality(String) COMMENT 'Backend, org/repo, proven by OIDC',
    downstream_repo_level LowCardinality(String) DEFAULT '' COMMENT 'Level of the backend when the callback was sent: L1 to L4, empty if unknown',
    upstream_repo LowCardinality(String) DEFAULT 'pytorch/pytorch' COMMENT 'Upstream repository, org/repo',
    event_type LowCardinality(String) DEFAULT 'pull_request' COMMENT 'Upstream event: pull_request, push, nightly, periodic or another',
    pr_number UInt64 COMMENT 'Upstream pull request, 0 where there is none',
    pytorch_head_sha String COMMENT 'Upstream commit under test, empty if unknown',
    delivery_id String COMMENT 'X-GitHub-Delivery of the upstream event, the upstream SHA for nightly and periodic runs',
    workflow_run_url String DEFAULT '' COMMENT 'https link to the run, empty if unknown',
    workflow_name LowCardinality(String) COMMENT 'Workflow in the downstream repository',
    job_name String DEFAULT '' COMMENT 'Job of the workflow',
    check_run_id String DEFAULT '' COMMENT 'Id of the check run, or RUN_ID-RUN_ATTEMPT',
    run_id String DEFAULT '' COMMENT 'Id of the workflow run, the same for all its attempts',
    run_attempt UInt32 DEFAULT 1 COMMENT 'Attempt of the run, counted from 1',
    queue_time Nullable(Float64) COMMENT 'Seconds from the dispatch of the run to the start of the job, measured by the relay, NULL if unknown',
    execution_time Nullable(Float64) COMMENT 'Seconds from in_progress to completed, measured by the relay, NULL if unknown',
    started_at Nullable(DateTime64(9, 'UTC')) COMMENT 'Start of the job by the clock of the sender, UTC, NULL if unknown',
    completed_at Nullable(DateTime64(9, 'UTC')) COMMENT 'End of the job by the clock of the sender, UTC, NULL if unknown',
    total_tests Nullable(UInt64) COMMENT 'Number of tests, NULL if nobody counted',
    passed_tests Nullable(UInt64) COMMENT 'Number of tests that passed, NULL if nobody counted',
    failed_tests Nullable(UInt64) COMMENT 'Number of tests that failed, NULL if nobody counted',
    skipped_tests Nullable(UInt64) COMMENT 'Number of tests that were skipped, NULL if nobody counted',
    failed_tests_json String DEFAULT '' COMMENT 'JSON list of failed tests (name, message, stacktrace), empty if none were sent',
    failed_tests_cut UInt32 DEFAULT 0 COMMENT 'Number of failed tests that were sent but did not fit',
    artifact_url String DEFAULT '' COMMENT 'https link to artifacts, empty if unknown',
    environment String DEFAULT '' COMMENT 'JSON object that describes where the job ran, empty if unknown',
    received_at DateTime64(3, 'UTC') COMMENT 'When ingest first saw the attempt, by our clock, UTC, never changes',
    updated_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When ingest last changed the item, by our clock, UTC, NULL if not written by ingest',
    outcome_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the outcome that counts arrived, by our clock, UTC, NULL while in progress',
    revision UInt64 COMMENT 'Version of the item: grows with every write, the highest wins',
    is_deleted UInt8 DEFAULT 0 COMMENT '1: the item was deleted in DynamoDB',
    source LowCardinality(String) DEFAULT '' COMMENT 'How the row came: stream or backfill. Only for stream does _inserted_at - updated_at say how long it took',
    _inserted_at DateTime64(3, 'UTC') MATERIALIZED now64(3) COMMENT 'When this row was inserted, by the clock of ClickHouse, UTC',
    job_id UInt64 MATERIALIZED cityHash64(upstream_repo, pr_number, if(pytorch_head_sha = '', delivery_id, pytorch_head_sha), event_type, downstream_repo, workflow_name, job_name) COMMENT 'Identity of the job, the same for all its attempts. A commit nobody named counts as one a delivery',
    attempt_id UInt64 MATERIALIZED halfMD5(dynamoKey) COMMENT 'Number of the attempt, made of dynamoKey: what orders two attempts of a job that were received in the same millisecond',
    run_key UInt64 MATERIALIZED cityHash64(downstream_repo, run_id, if(run_id = '', delivery_id, ''), if(run_id = '', workflow_name, '')) COMMENT 'Identity of the workflow run: run_id of a backend, or where the provider sends none, what one delivery started of one workflow',
    expected_outcome LowCardinality(String) MATERIALIZED multiIf(
        downstream_repo != 'pytorch/crcr-test', 'success',
        job_name LIKE '%xfail%', 'failure',
        job_name LIKE '%xcancel%', 'cancelled',
        job_name LIKE '%xtimeout%', 'timed_out',
        'success') COMMENT 'Outcome that is as expected: success, but the probe backend fails on purpose, and the name of its job announces how',
    repository_full_name String ALIAS downstream_repo COMMENT 'Name of downstream_repo in the tables of PyTorch HUD',
    settled_at DateTime64(3, 'UTC') MATERIALIZED ifNull(outcome_at, received_at) COMMENT 'When the outcome that counts arrived, UTC. Where that is unknown, or it runs, when the attempt was received',
    duration_seconds Nullable(Float64) MATERIALIZED multiIf(
        completed_at > started_at AND completed_at <= started_at + INTERVAL 7 DAY, dateDiff('nanosecond', started_at, completed_at) / 1e9,
        execution_time > 0, execution_time,
        NULL) COMMENT 'Seconds the job took: completed - started where both are there and sane, else execution_time, else NULL',
    INDEX pr_number_index pr_number TYPE bloom_filter GRANULARITY 1,
    INDEX settled_at_index settled_at TYPE minmax GRANULARITY 1
)
ENGINE = ${REPLICATED}ReplacingMergeTree(revision, is_deleted)
PARTITION BY toDate(received_at)
ORDER BY (toDate(received_at), downstream_repo, dynamoKey)
SETTINGS min_age_to_force_merge_seconds = 7200, min_age_to_force_merge_on_partition_only = 1
COMMENT 'Mirror of the DynamoDB table of OOT results';

-- define STORED_COLUMNS
    dynamoKey, status, conclusion, state, downstream_repo, downstream_repo_level, upstream_repo, event_type,
    pr_number, pytorch_head_sha, delivery_id, workflow_run_url, workflow_name, job_name, check_run_id, run_id,
    run_attempt, queue_time, execution_time, started_at, completed_at, total_tests, passed_tests,
    failed_tests, skipped_tests, failed_tests_json, failed_tests_cut, artifact_url, environment, received_at,
    updated_at, outcome_at, revision, is_deleted, source, _inserted_at;

-- Whether the new table has the name already, or the old one has given it up.
-- define IS_BEGUN
SELECT count() FROM system.tables WHERE database = currentDatabase() AND (name = 'oot_workflow_job' AND partition_key != '' OR name = 'oot_workflow_job_before');

-- unless: ${IS_BEGUN}
INSERT INTO oot_workflow_job_by_day
(
${STORED_COLUMNS}
)
SELECT
${STORED_COLUMNS}
FROM oot_workflow_job
SETTINGS insert_allow_materialized_columns = 1, max_partitions_per_insert_block = 0;

-- unless: ${IS_BEGUN}
RENAME TABLE oot_workflow_job TO oot_workflow_job_before, oot_workflow_job_by_day TO oot_workflow_job ${ON_CLUSTER};

-- A server that died between the two renames.
-- unless: SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'oot_workflow_job'
RENAME TABLE oot_workflow_job_by_day TO oot_workflow_job ${ON_CLUSTER};

-- unless: SELECT count() = 0 FROM system.tables WHERE database = currentDatabase() AND name = 'oot_workflow_job_before'
INSERT INTO oot_workflow_job
(
${STORED_COLUMNS}
)
SELECT
${STORED_COLUMNS}
FROM oot_workflow_job_before
WHERE _inserted_at >= now() - INTERVAL 1 DAY
SETTINGS insert_allow_materialized_columns = 1, max_partitions_per_insert_block = 0;

DROP TABLE IF EXISTS oot_workflow_job_before ${ON_CLUSTER} SYNC;

-- Where two migrated at once, one may have made it after the other was done with it.
DROP TABLE IF EXISTS oot_workflow_job_by_day ${ON_CLUSTER} SYNC;
