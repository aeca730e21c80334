-- Which attempt of a job is its newest is found once, when a row is written, and no longer by every question: each
-- attempt says in which ranges of time it is (newest_after, newest_until). Over 7 days of 780,000 attempts that was a sort
-- of all of them, and is two comparisons now. Workflow runs have a table of their own for the same reason.
-- Whoever writes rows also ranks them (clickhouse/rank.ts): it asks oot_newest_ranges and oot_computed_runs about what it
-- touched, and stores the answer. Those two views are the definitions; what is stored is only ever theirs.

-- define JOB_ID
cityHash64(upstream_repo, pr_number, if(pytorch_head_sha = '', delivery_id, pytorch_head_sha), event_type, downstream_repo, workflow_name, job_name);

-- define RUN_KEY
cityHash64(downstream_repo, delivery_id, run_id, if(run_id = '', workflow_name, ''));

-- The table again, with these ranges, and with what is made of a row stored with it: its outcome, and what counts. The
-- number attempt_id in place of the long dynamoKey in the order key makes FINAL cheaper. A day becomes one part when
-- nothing of it has changed for 15 minutes. Of what a day has few of, such as commits, each part has a dictionary.
CREATE TABLE IF NOT EXISTS oot_workflow_job_ranked ${ON_CLUSTER}
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
    pytorch_head_sha LowCardinality(String) COMMENT 'Upstream commit under test, empty if unknown',
    delivery_id LowCardinality(String) COMMENT 'X-GitHub-Delivery of the upstream event, the upstream SHA for nightly and periodic runs',
    workflow_run_url LowCardinality(String) DEFAULT '' COMMENT 'https link to the run, empty if unknown',
    workflow_name LowCardinality(String) COMMENT 'Workflow in the downstream repository',
    job_name LowCardinality(String) DEFAULT '' COMMENT 'Job of the workflow',
    check_run_id String DEFAULT '' COMMENT 'Id of the check run, or RUN_ID-RUN_ATTEMPT',
    run_id LowCardinality(String) DEFAULT '' COMMENT 'Id of the workflow run, the same for all its attempts',
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
    _inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this revision of the item was first inserted, by the clock of ClickHouse, UTC',
    newest_after DateTime64(3, 'UTC') DEFAULT toDateTime64('1900-01-01 00:00:00', 3, 'UTC') COMMENT 'In ranges of received_at that begin after this, and end by newest_until, the attempt is the newest of its job, UTC. 1900: however early they begin',
    newest_until DateTime64(3, 'UTC') DEFAULT toDateTime64('2262-01-01 00:00:00', 3, 'UTC') COMMENT 'See newest_after, UTC. 2262: however late they end',
    ranking UInt64 DEFAULT 0 COMMENT 'When newest_after and newest_until were stored, microseconds by the clock of ClickHouse. 1: not yet, but who inserted the row is about to. 0: not yet',
    row_version UInt128 MATERIALIZED bitOr(bitShiftLeft(toUInt128(revision), 64), toUInt128(ranking)) COMMENT 'Version of the row: the highest revision wins, of one revision the latest ranking',
    job_id UInt64 MATERIALIZED ${JOB_ID} COMMENT 'Identity of the job, the same for all its attempts. A commit nobody named counts as one a delivery',
    attempt_id UInt64 MATERIALIZED halfMD5(dynamoKey) COMMENT 'Number of the attempt, made of dynamoKey. It orders two attempts of a job that were received in the same millisecond',
    run_key UInt64 MATERIALIZED ${RUN_KEY} COMMENT 'Identity of the workflow run: run_id of what one delivery started in a backend, or where the provider sends none, its workflow',
    expected_outcome LowCardinality(String) MATERIALIZED multiIf(
        downstream_repo != 'pytorch/crcr-test', 'success',
        job_name LIKE '%xfail%', 'failure',
        job_name LIKE '%xcancel%', 'cancelled',
        job_name LIKE '%xtimeout%', 'timed_out',
        'success') COMMENT 'Outcome that is as expected: success, but the probe backend fails on purpose, and the name of its job announces how',
    -- GitHub's three rare conclusions: a run that could not start is a failure, one that GitHub gave up
    -- waiting for was never decided, one that waits for a person says nothing yet.
    outcome LowCardinality(String) MATERIALIZED multiIf(
        status = 'in_progress', 'running',
        conclusion = 'startup_failure', 'failure',
        conclusion = 'stale', 'cancelled',
        conclusion = 'action_required', 'neutral',
        conclusion) COMMENT 'success, failure, timed_out, cancelled, skipped, neutral or running',
    is_as_expected UInt8 MATERIALIZED outcome = expected_outcome COMMENT '1: the outcome is the expected one',
    -- Cancelled, skipped and neutral attempts are shown, never counted; but a probe job that announces its
    -- cancellation counts when it was cancelled, or it could only ever lower the rate.
    is_counted UInt8 MATERIALIZED outcome IN ('success', 'failure', 'timed_out') OR outcome = expected_outcome COMMENT '1: it counts in rates',
    repository_full_name String ALIAS downstream_repo COMMENT 'Name of downstream_repo in the tables of PyTorch HUD',
    settled_at DateTime64(3, 'UTC') MATERIALIZED ifNull(outcome_at, received_at) COMMENT 'When the outcome that counts arrived, UTC. Where that is unknown, or it runs, when the attempt was received',
    duration_seconds Nullable(Float64) MATERIALIZED multiIf(
        completed_at > started_at AND completed_at <= started_at + INTERVAL 7 DAY, dateDiff('nanosecond', started_at, completed_at) / 1e9,
        execution_time > 0, execution_time,
        NULL) COMMENT 'Seconds the job took: completed - started where both are there and sane, else execution_time, else NULL',
    INDEX pr_number_index pr_number TYPE bloom_filter GRANULARITY 1
)
ENGINE = ${REPLICATED}ReplacingMergeTree(row_version, is_deleted)
PARTITION BY toDate(received_at)
ORDER BY (toDate(received_at), downstream_repo, attempt_id)
-- Small granules: ranking reads, and writes again, single attempts of any day.
SETTINGS index_granularity = 1024, min_age_to_force_merge_seconds = 900, min_age_to_force_merge_on_partition_only = 1
COMMENT 'Mirror of the DynamoDB table of OOT results';

-- Where the attempts of a job or of a run are: who writes one finds the others by it. What an attempt once belonged to
-- stays in it: it says where to look, never what is there.
CREATE TABLE IF NOT EXISTS oot_attempt_index ${ON_CLUSTER}
(
    of UInt64 COMMENT 'A job_id or a run_key',
    day Date COMMENT 'Partition of an attempt that belongs, or once belonged, to it: toDate(received_at), UTC',
    attempt_id UInt64 COMMENT 'Number of the attempt'
)
ENGINE = ${REPLICATED}ReplacingMergeTree
ORDER BY (of, day, attempt_id)
SETTINGS index_granularity = 512
COMMENT 'Attempts of each job and of each workflow run, in the order of these';

-- Where the attempts of a pull request are.
CREATE TABLE IF NOT EXISTS oot_pr_day ${ON_CLUSTER}
(
    pr_number UInt64 COMMENT 'Upstream pull request',
    day Date COMMENT 'Day on which an attempt of it was received, UTC'
)
ENGINE = ${REPLICATED}ReplacingMergeTree
ORDER BY (pr_number, day)
COMMENT 'Days on which pull requests had attempts';

-- Where the first and the newest attempts and results of a backend are. What an attempt once was stays in it: it says where
-- to look, never what is there.
CREATE TABLE IF NOT EXISTS oot_activity_day ${ON_CLUSTER}
(
    downstream_repo LowCardinality(String) COMMENT 'Backend, org/repo',
    upstream_repo LowCardinality(String) COMMENT 'Upstream repository, org/repo',
    event_type LowCardinality(String) COMMENT 'Upstream event',
    downstream_repo_level LowCardinality(String) COMMENT 'Level of the backend when the callback was sent, empty if unknown',
    state LowCardinality(String) COMMENT 'running, swept (may move to another day), reported (does not), deleted: one was deleted that had been anything',
    received_day Date COMMENT 'Day on which the attempt was received, UTC',
    settled_day Date COMMENT 'Day on which its outcome arrived, UTC. The same as received_day where that is unknown, or it ran'
)
ENGINE = ${REPLICATED}ReplacingMergeTree
ORDER BY (downstream_repo, upstream_repo, event_type, downstream_repo_level, state, settled_day, received_day)
COMMENT 'Days on which backends had attempts, and results';

CREATE TABLE IF NOT EXISTS oot_workflow_run ${ON_CLUSTER}
(
    run_key UInt64 COMMENT 'Identity of the run, as in oot_workflow_job',
    downstream_repo LowCardinality(String) COMMENT 'Backend, org/repo',
    run_id String COMMENT 'Id of the run in the backend, empty if the provider sends none',
    delivery_id String COMMENT 'X-GitHub-Delivery of the upstream event',
    workflow_name LowCardinality(String) COMMENT 'Workflow in the downstream repository',
    upstream_repo LowCardinality(String) COMMENT 'Upstream repository, org/repo',
    pr_number UInt64 COMMENT 'Upstream pull request, 0 where there is none',
    pytorch_head_sha String COMMENT 'Upstream commit under test, empty if unknown',
    event_type LowCardinality(String) COMMENT 'Upstream event',
    downstream_repo_level LowCardinality(String) COMMENT 'Level of the backend when the first callback was sent, empty if unknown',
    received_at DateTime64(3, 'UTC') COMMENT 'When the first of its attempts was received, UTC',
    known_at DateTime64(3, 'UTC') COMMENT 'Since when all of this is known: after its last attempt was received, and when its last outcome arrived, UTC',
    jobs UInt64 COMMENT 'Number of its jobs',
    is_complete UInt8 COMMENT '1: none of its jobs runs',
    queue_seconds Nullable(Float64) COMMENT 'Seconds: the longest that one of its jobs waited, NULL if unknown',
    first_started_at Nullable(DateTime64(9, 'UTC')) COMMENT 'When the first of its jobs started, by the clock of the sender, UTC, NULL if unknown',
    last_completed_at Nullable(DateTime64(9, 'UTC')) COMMENT 'When the last of its jobs ended, by the clock of the sender, UTC, NULL if unknown',
    span_seconds Nullable(Float64) COMMENT 'Seconds from its first start to its last end, NULL where they are unknown or not sane',
    end_to_end_seconds Nullable(Float64) COMMENT 'Seconds: queue and span together, NULL while a job runs or where one of them is unknown',
    version UInt64 COMMENT 'When this was worked out, microseconds by the clock of ClickHouse: the latest wins',
    is_deleted UInt8 COMMENT '1: none of its attempts is there, or it began on another day'
)
ENGINE = ${REPLICATED}ReplacingMergeTree(version, is_deleted)
PARTITION BY toDate(received_at)
ORDER BY (toDate(received_at), downstream_repo, run_key)
SETTINGS min_age_to_force_merge_seconds = 900, min_age_to_force_merge_on_partition_only = 1
COMMENT 'Workflow runs, worked out from their first attempts';

-- define STORED_COLUMNS
    dynamoKey, status, conclusion, state, downstream_repo, downstream_repo_level, upstream_repo, event_type,
    pr_number, pytorch_head_sha, delivery_id, workflow_run_url, workflow_name, job_name, check_run_id, run_id,
    run_attempt, queue_time, execution_time, started_at, completed_at, total_tests, passed_tests,
    failed_tests, skipped_tests, failed_tests_json, failed_tests_cut, artifact_url, environment, received_at,
    updated_at, outcome_at, revision, is_deleted, source, _inserted_at;

-- define ALWAYS_BEFORE
toDateTime64('1900-01-01 00:00:00', 3, 'UTC');

-- define ALWAYS_AFTER
toDateTime64('2262-01-01 00:00:00', 3, 'UTC');

-- The newest attempt of a job is the one received last; but of those of one run that of the highest run_attempt, though a
-- lower one came late. So one that came late counts as if it had come with the next attempt of its run that was there
-- (came_at). Attempts of different runs are not compared by run_attempt: a run of the same commit that began later, such as of
-- a pull request that was opened again, begins at 1 again.
-- define CAME_AT
            min(received_at) OVER (PARTITION BY job_id, run_key ORDER BY run_attempt DESC, received_at DESC) AS came_at;

-- A newer one hides an attempt in every range that holds both: one that came later does so in ranges that end after it, one
-- that came before (a re-run whose first attempt came late) in ranges that begin by then. Of a job that has more than 100
-- newer ones, the nearest 100 are looked at: what one job costs must not grow with the square of its attempts.
-- define FOUND_RANGES
        groupArray(received_at) OVER (
            PARTITION BY job_id
            ORDER BY came_at DESC, run_attempt DESC, received_at DESC, attempt_id DESC
            ROWS BETWEEN 100 PRECEDING AND 1 PRECEDING
        ) AS newer,
        arrayMax(arrayPushBack(arrayFilter(at -> at < received_at, newer), ${ALWAYS_BEFORE})) AS found_after,
        arrayMin(arrayPushBack(arrayFilter(at -> at >= received_at, newer), ${ALWAYS_AFTER})) AS found_until;

-- Each statement below can be run again after it was cut off, or is left out (`unless`), as in migration 0009.
-- define IS_BEGUN
SELECT count() FROM system.tables WHERE database = currentDatabase() AND (name = 'oot_workflow_job' AND sorting_key LIKE '%attempt_id' OR name = 'oot_workflow_job_before');

-- unless: ${IS_BEGUN}
INSERT INTO oot_workflow_job_ranked
(
${STORED_COLUMNS},
    newest_after, newest_until, ranking
)
SELECT
${STORED_COLUMNS},
    if(found.attempt_id = 0, ${ALWAYS_BEFORE}, found.found_after),
    if(found.attempt_id = 0, ${ALWAYS_AFTER}, found.found_until),
    toUnixTimestamp64Micro(now64(6))
FROM oot_workflow_job AS stored
LEFT ANY JOIN
(
    SELECT
        received_at,
        attempt_id,
${FOUND_RANGES}
    FROM
    (
        SELECT
            received_at, attempt_id, job_id, run_attempt, ${RUN_KEY} AS run_key,
${CAME_AT}
        FROM oot_workflow_job FINAL
        -- Nearly every job has one attempt only, which is its newest.
        WHERE job_id IN (SELECT job_id FROM oot_workflow_job FINAL GROUP BY job_id HAVING count() > 1)
    )
) AS found ON found.attempt_id = stored.attempt_id AND found.received_at = stored.received_at
SETTINGS max_partitions_per_insert_block = 0, max_bytes_before_external_group_by = 2000000000;

-- unless: ${IS_BEGUN}
RENAME TABLE oot_workflow_job TO oot_workflow_job_before, oot_workflow_job_ranked TO oot_workflow_job ${ON_CLUSTER};

-- A server that died between the two renames.
-- unless: SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'oot_workflow_job'
RENAME TABLE oot_workflow_job_ranked TO oot_workflow_job ${ON_CLUSTER};

-- define INDEXED
SELECT arrayJoin([job_id, run_key]) AS of, toDate(received_at) AS day, attempt_id FROM oot_workflow_job;

-- define PR_DAYS
SELECT DISTINCT pr_number, toDate(received_at) AS day FROM oot_workflow_job WHERE pr_number > 0;

-- define ACTIVITY_DAYS
SELECT DISTINCT
    downstream_repo, upstream_repo, event_type, downstream_repo_level,
    multiIf(is_deleted, 'deleted', outcome = 'running', 'running', state = 'swept', 'swept', 'reported') AS state,
    toDate(received_at) AS received_day, toDate(settled_at) AS settled_day
FROM oot_workflow_job;

-- After the renaming, so that they name what they read.
CREATE MATERIALIZED VIEW IF NOT EXISTS oot_attempt_index_writer ${ON_CLUSTER} TO oot_attempt_index AS
${INDEXED};

CREATE MATERIALIZED VIEW IF NOT EXISTS oot_pr_day_writer ${ON_CLUSTER} TO oot_pr_day AS
${PR_DAYS};

CREATE MATERIALIZED VIEW IF NOT EXISTS oot_activity_day_writer ${ON_CLUSTER} TO oot_activity_day AS
${ACTIVITY_DAYS};

-- What a replicator of before wrote to the old table meanwhile. It ranks nothing; the next one finds that (ranking 0).
-- unless: SELECT count() = 0 FROM system.tables WHERE database = currentDatabase() AND name = 'oot_workflow_job_before'
INSERT INTO oot_workflow_job
(
${STORED_COLUMNS}
)
SELECT
${STORED_COLUMNS}
FROM oot_workflow_job_before
WHERE _inserted_at >= now() - INTERVAL 1 DAY
    AND (attempt_id, revision) NOT IN (SELECT attempt_id, revision FROM oot_workflow_job WHERE _inserted_at >= now() - INTERVAL 1 DAY)
SETTINGS max_partitions_per_insert_block = 0;

INSERT INTO oot_attempt_index
${INDEXED};

INSERT INTO oot_pr_day
${PR_DAYS};

INSERT INTO oot_activity_day
${ACTIVITY_DAYS};

DROP TABLE IF EXISTS oot_workflow_job_before ${ON_CLUSTER} SYNC;

-- Where two migrated at once, one may have made it after the other was done with it.
DROP TABLE IF EXISTS oot_workflow_job_ranked ${ON_CLUSTER} SYNC;

-- Jobs and runs that these attempts, a JSON list of rows, belong to.
CREATE OR REPLACE VIEW oot_identities ${ON_CLUSTER} AS
SELECT
    ${JOB_ID} AS job_id,
    ${RUN_KEY} AS run_key
FROM
(
    SELECT
        JSONExtractString(attempt, 'upstream_repo') AS upstream_repo,
        JSONExtractUInt(attempt, 'pr_number') AS pr_number,
        JSONExtractString(attempt, 'pytorch_head_sha') AS pytorch_head_sha,
        JSONExtractString(attempt, 'delivery_id') AS delivery_id,
        JSONExtractString(attempt, 'event_type') AS event_type,
        JSONExtractString(attempt, 'downstream_repo') AS downstream_repo,
        JSONExtractString(attempt, 'workflow_name') AS workflow_name,
        JSONExtractString(attempt, 'job_name') AS job_name,
        JSONExtractString(attempt, 'run_id') AS run_id
    FROM (SELECT arrayJoin(JSONExtractArrayRaw({attempts:String})) AS attempt)
);

-- Attempts whose stored ranges are not those that they should have: this, what they are found among, and IS_STALE.
-- define STALE_AMONG
SELECT toDate(received_at) AS day, attempt_id, revision, found_after, found_until
FROM
(
    SELECT
        received_at,
        attempt_id,
        revision,
        newest_after,
        newest_until,
${FOUND_RANGES}
    FROM
    (
        SELECT
            received_at, attempt_id, revision, job_id, run_attempt, newest_after, newest_until,
${CAME_AT}
        FROM;

-- define IS_STALE
newest_after != found_after OR newest_until != found_until;

-- Those of these jobs. Not FINAL, which would merge whole days: the highest version of each is enough.
CREATE OR REPLACE VIEW oot_newest_ranges ${ON_CLUSTER} AS
${STALE_AMONG}
        (
            SELECT received_at, attempt_id, revision, job_id, run_key, run_attempt, newest_after, newest_until, is_deleted
            FROM oot_workflow_job
            WHERE (toDate(received_at), attempt_id) IN (SELECT day, attempt_id FROM oot_attempt_index WHERE of IN {jobs:Array(UInt64)})
            ORDER BY row_version DESC
            LIMIT 1 BY toDate(received_at), attempt_id
        )
        -- One that belongs to another job by now is looked at among the attempts of that job.
        WHERE NOT is_deleted AND job_id IN {jobs:Array(UInt64)}
    )
)
WHERE ${IS_STALE};

-- Those of all there is: none, or somebody wrote rows and did not rank them.
CREATE OR REPLACE VIEW oot_stale_ranges ${ON_CLUSTER} AS
${STALE_AMONG}
        oot_workflow_job FINAL
        -- Or more of one attempt, until the index is merged: that costs nothing but a look.
        WHERE job_id IN (SELECT of FROM oot_attempt_index GROUP BY of HAVING count() > 1)
    )
)
WHERE ${IS_STALE};

-- A workflow run, from those of its attempts that are a job's first (is_first). Rule: design.md, "Queue time" and "End to
-- end"; upstream's L2 to L3 criteria (test-infra#8421, #8551) measure the same. First attempts only: a re-run's queue time
-- is measured from the first dispatch, and its completion comes after a person's pause.
-- define RUN
        minIf(received_at, is_first) AS first_received_at,
        greatest(maxIf(received_at, is_first) + INTERVAL 1 MILLISECOND, maxIf(settled_at, is_first)) AS known_at,
        argMinIf(
            (run_id, delivery_id, workflow_name, upstream_repo, pr_number, pytorch_head_sha, event_type, downstream_repo_level),
            (received_at, attempt_id),
            is_first) AS first,
        uniqExactIf(job_id, is_first) AS jobs,
        countIf(is_first AND outcome = 'running') = 0 AS is_complete,
        -- Some versions of the relay send it with the first job only. NULL where no job has one.
        maxIf(queue_time, is_first) AS queue_seconds,
        -- A job's two times count where they are sane together, as in duration_seconds; one alone counts.
        minIf(started_at, is_first AND has_sane_times) AS first_started_at,
        maxIf(completed_at, is_first AND has_sane_times) AS last_completed_at,
        -- Clocks of strangers: a run that ends before it starts, or after a week, took nobody knows how long.
        if(
            last_completed_at > first_started_at AND last_completed_at <= first_started_at + INTERVAL 7 DAY,
            dateDiff('nanosecond', first_started_at, last_completed_at) / 1e9,
            NULL) AS span_seconds,
        -- NULL while a job runs (the end is not known), and where the queue time is unknown: taken as 0 it would make
        -- the run look faster than it was.
        if(is_complete, queue_seconds + span_seconds, NULL) AS end_to_end_seconds;

-- What a run has of its first attempt.
-- define RUN_FIELDS
    first.1 AS run_id,
    first.2 AS delivery_id,
    first.3 AS workflow_name,
    first.4 AS upstream_repo,
    first.5 AS pr_number,
    first.6 AS pytorch_head_sha,
    first.7 AS event_type,
    first.8 AS downstream_repo_level;

-- define RUN_FACTS
    known_at,
    jobs,
    is_complete,
    queue_seconds,
    first_started_at,
    last_completed_at,
    span_seconds,
    end_to_end_seconds;

-- define HAS_SANE_TIMES
started_at IS NULL OR completed_at IS NULL
                    OR (completed_at > started_at AND completed_at <= started_at + INTERVAL 7 DAY) AS has_sane_times;

-- These runs, as rows of oot_workflow_run. A run is in the partition of the day on which it began; on every other day
-- on which attempts of it are, or were, it gets a tombstone, since an attempt that came late may have moved its begin.
CREATE OR REPLACE VIEW oot_computed_runs ${ON_CLUSTER} AS
SELECT
    run_key,
    downstream_repo,
${RUN_FIELDS},
    if(is_deleted, toDateTime64(day, 3, 'UTC'), first_received_at) AS received_at,
${RUN_FACTS},
    jobs = 0 OR day != toDate(first_received_at) AS is_deleted
FROM
(
    SELECT
        of AS run_key,
        any(downstream_repo) AS downstream_repo,
        groupUniqArray(day) AS days,
${RUN}
    FROM
    (
        SELECT
            *,
            run_key = of AND run_attempt <= 1 AND NOT is_deleted AS is_first,
            ${HAS_SANE_TIMES}
        FROM (SELECT of, day, attempt_id FROM oot_attempt_index WHERE of IN {runs:Array(UInt64)}) AS place
        INNER JOIN
        (
            SELECT
                toDate(received_at) AS day, attempt_id, run_key, job_id, downstream_repo, run_id, delivery_id, workflow_name,
                upstream_repo, pr_number, pytorch_head_sha, event_type, downstream_repo_level, received_at, settled_at,
                run_attempt, outcome, queue_time, started_at, completed_at, is_deleted
            FROM oot_workflow_job
            WHERE (toDate(received_at), attempt_id) IN (SELECT day, attempt_id FROM oot_attempt_index WHERE of IN {runs:Array(UInt64)})
            ORDER BY row_version DESC
            LIMIT 1 BY toDate(received_at), attempt_id
        ) AS attempt USING (day, attempt_id)
    )
    GROUP BY of
)
ARRAY JOIN days AS day;

-- The same of all runs there are.
CREATE OR REPLACE VIEW oot_all_runs ${ON_CLUSTER} AS
SELECT
    run_key,
    repo AS downstream_repo,
${RUN_FIELDS},
    first_received_at AS received_at,
${RUN_FACTS}
FROM
(
    SELECT
        run_key,
        any(downstream_repo) AS repo,
${RUN}
    FROM
    (
        SELECT *, job_id, run_key, attempt_id, settled_at, outcome, 1 AS is_first, ${HAS_SANE_TIMES}
        FROM oot_workflow_job FINAL
        WHERE run_attempt <= 1
    )
    GROUP BY run_key
);

-- Rows of oot_workflow_run that are not as they should be, as they should be; with is_deleted, those that should not be.
CREATE OR REPLACE VIEW oot_stale_runs ${ON_CLUSTER} AS
SELECT
    if(computed.run_key = 0, stored.run_key, computed.run_key) AS run_key,
    if(computed.run_key = 0, stored.downstream_repo, computed.downstream_repo) AS downstream_repo,
    if(computed.run_key = 0, stored.run_id, computed.run_id) AS run_id,
    if(computed.run_key = 0, stored.delivery_id, computed.delivery_id) AS delivery_id,
    if(computed.run_key = 0, stored.workflow_name, computed.workflow_name) AS workflow_name,
    if(computed.run_key = 0, stored.upstream_repo, computed.upstream_repo) AS upstream_repo,
    if(computed.run_key = 0, stored.pr_number, computed.pr_number) AS pr_number,
    if(computed.run_key = 0, stored.pytorch_head_sha, computed.pytorch_head_sha) AS pytorch_head_sha,
    if(computed.run_key = 0, stored.event_type, computed.event_type) AS event_type,
    if(computed.run_key = 0, stored.downstream_repo_level, computed.downstream_repo_level) AS downstream_repo_level,
    if(computed.run_key = 0, stored.received_at, computed.received_at) AS received_at,
    if(computed.run_key = 0, stored.known_at, computed.known_at) AS known_at,
    if(computed.run_key = 0, stored.jobs, computed.jobs) AS jobs,
    if(computed.run_key = 0, stored.is_complete, computed.is_complete) AS is_complete,
    if(computed.run_key = 0, stored.queue_seconds, computed.queue_seconds) AS queue_seconds,
    if(computed.run_key = 0, stored.first_started_at, computed.first_started_at) AS first_started_at,
    if(computed.run_key = 0, stored.last_completed_at, computed.last_completed_at) AS last_completed_at,
    if(computed.run_key = 0, stored.span_seconds, computed.span_seconds) AS span_seconds,
    if(computed.run_key = 0, stored.end_to_end_seconds, computed.end_to_end_seconds) AS end_to_end_seconds,
    computed.run_key = 0 AS is_deleted
FROM (SELECT *, tuple(*) AS values FROM oot_all_runs) AS computed
FULL JOIN (SELECT * EXCEPT (version, is_deleted), tuple(* EXCEPT (version, is_deleted)) AS values FROM oot_workflow_run FINAL) AS stored
    ON computed.run_key = stored.run_key AND toDate(computed.received_at) = toDate(stored.received_at)
WHERE computed.run_key = 0 OR stored.run_key = 0 OR NOT computed.values <=> stored.values;

INSERT INTO oot_workflow_run
SELECT *, toUnixTimestamp64Micro(now64(6)) AS version, 0 AS is_deleted
FROM oot_all_runs
SETTINGS max_partitions_per_insert_block = 0, max_bytes_before_external_group_by = 2000000000;

-- What of an attempt is known since it was received.
-- define CONTEXT_COLUMNS
    dynamoKey, attempt_id, job_id, run_key, upstream_repo, pr_number, pytorch_head_sha, event_type, delivery_id,
    downstream_repo, downstream_repo_level, workflow_name, job_name, check_run_id, run_id, run_attempt,
    expected_outcome,
    -- A re-run's queue time is measured from the first dispatch, so it says nothing.
    if(run_attempt <= 1, queue_time, NULL) AS queue_seconds,
    queue_time, started_at, workflow_run_url, received_at, updated_at, settled_at, _inserted_at AS inserted_at, source,
    -- From the write of the item to its row, where the row came that way. NULL for copies and for old items.
    if(source = 'stream' AND updated_at IS NOT NULL, greatest(0, dateDiff('millisecond', updated_at, _inserted_at)) / 1000, NULL) AS delay_seconds,
    revision, newest_after, newest_until;

-- The relay's sweeper comes after 360 minutes; what is still running 15 minutes later was lost.
-- define LOST_AFTER
INTERVAL 375 MINUTE;

-- One row an attempt: its current state, its outcome, how long it took. It is its job's newest in ranges that begin
-- after newest_after and end by newest_until.
-- define ATTEMPT
SELECT
${CONTEXT_COLUMNS},
    status, conclusion, state, outcome,
    outcome = 'running' AND received_at < now64(3) - ${LOST_AFTER} AS is_overdue,
    is_as_expected, is_counted, duration_seconds, execution_time, completed_at, total_tests, passed_tests, failed_tests,
    skipped_tests, failed_tests_json, failed_tests_cut, artifact_url, environment, outcome_at
FROM oot_workflow_job FINAL;

CREATE OR REPLACE VIEW oot_attempts ${ON_CLUSTER} AS
${ATTEMPT};

-- One row a job: of its attempts that were received in [from, to), the newest. A bound travels as text in the time zone
-- of the session, so its type must have no other one.
CREATE OR REPLACE VIEW oot_jobs_between ${ON_CLUSTER} AS
${ATTEMPT}
WHERE received_at >= {from:DateTime64(3)} AND received_at < {to:DateTime64(3)}
    AND newest_after < {from:DateTime64(3)} AND newest_until >= {to:DateTime64(3)};

-- The same over all time. Filters on pr_number and downstream_repo reach the indexes.
CREATE OR REPLACE VIEW oot_jobs ${ON_CLUSTER} AS
${ATTEMPT}
WHERE newest_after = ${ALWAYS_BEFORE} AND newest_until = ${ALWAYS_AFTER};

-- For a moment that is not in the past it folds away, and with it all that it decides.
-- define IS_NOT_YET_KNOWN
{at:DateTime64(3)} < now64(3) AND attempt.settled_at > {at:DateTime64(3)};

-- What an attempt counts as, as it was known `at` some time. Words come as String: to put them back into a dictionary takes
-- as long as to read them.
-- define JUDGED_AS_OF
    if(${IS_NOT_YET_KNOWN}, 'running', attempt.outcome) AS outcome,
    (${IS_NOT_YET_KNOWN} OR attempt.outcome = 'running')
        AND received_at < least({at:DateTime64(3)}, now64(3)) - ${LOST_AFTER} AS is_overdue,
    attempt.is_as_expected AND NOT (${IS_NOT_YET_KNOWN}) AS is_as_expected,
    attempt.is_counted AND NOT (${IS_NOT_YET_KNOWN}) AS is_counted,
    if(${IS_NOT_YET_KNOWN}, NULL, attempt.duration_seconds) AS duration_seconds;

-- One row an attempt that had been received by `at`, as it was known then. Where it had no outcome yet, what came with
-- the outcome is unknown as well. The table holds one state of an attempt: one that the sweeper ended and the job itself
-- corrected later counts as running in between.
CREATE OR REPLACE VIEW oot_attempts_as_of ${ON_CLUSTER} AS
SELECT
${CONTEXT_COLUMNS},
${JUDGED_AS_OF},
    if(${IS_NOT_YET_KNOWN}, 'in_progress', attempt.status) AS status,
    if(${IS_NOT_YET_KNOWN}, '', attempt.conclusion) AS conclusion,
    if(${IS_NOT_YET_KNOWN}, 'running', attempt.state) AS state,
    if(${IS_NOT_YET_KNOWN}, NULL, attempt.execution_time) AS execution_time,
    if(${IS_NOT_YET_KNOWN}, NULL, attempt.completed_at) AS completed_at,
    if(${IS_NOT_YET_KNOWN}, NULL, attempt.total_tests) AS total_tests,
    if(${IS_NOT_YET_KNOWN}, NULL, attempt.passed_tests) AS passed_tests,
    if(${IS_NOT_YET_KNOWN}, NULL, attempt.failed_tests) AS failed_tests,
    if(${IS_NOT_YET_KNOWN}, NULL, attempt.skipped_tests) AS skipped_tests,
    if(${IS_NOT_YET_KNOWN}, '', attempt.failed_tests_json) AS failed_tests_json,
    if(${IS_NOT_YET_KNOWN}, 0, attempt.failed_tests_cut) AS failed_tests_cut,
    if(${IS_NOT_YET_KNOWN}, '', attempt.artifact_url) AS artifact_url,
    if(${IS_NOT_YET_KNOWN}, '', attempt.environment) AS environment,
    if(${IS_NOT_YET_KNOWN}, NULL, attempt.outcome_at) AS outcome_at
FROM oot_workflow_job AS attempt FINAL
WHERE received_at < {at:DateTime64(3)};

-- One row a job: of its attempts that were received in [from, to), the newest by `at`, as it was known then. Only what
-- tells a job and what it counts as: alert rules read this each minute, so that one can ask what would have fired at another
-- time, and a query pays for each column of a view, read or not.
CREATE OR REPLACE VIEW oot_jobs_as_of ${ON_CLUSTER} AS
SELECT
    dynamoKey, attempt_id, job_id, upstream_repo, pr_number, pytorch_head_sha, event_type, delivery_id, downstream_repo,
    downstream_repo_level, workflow_name, job_name, run_attempt, expected_outcome, received_at, settled_at,
${JUDGED_AS_OF}
FROM oot_workflow_job AS attempt FINAL
WHERE received_at >= {from:DateTime64(3)} AND received_at < least({to:DateTime64(3)}, {at:DateTime64(3)})
    AND newest_after < {from:DateTime64(3)} AND newest_until >= least({to:DateTime64(3)}, {at:DateTime64(3)});

-- Results that arrived by `to`, but of those before the day of `from` only the last ones: of each backend, upstream, event and
-- level at least the newest. So whatever of these four is chosen, the newest result at any moment from `from` to `to` is there.
-- What an attempt once was stays in oot_activity_day. So a day is certain to hold a result where a job reported it itself,
-- which changes no more, and where no attempt that was received on it was deleted since.
-- indexHint: what is read with these days is no harm, and to compare each row with them would take as long as to read it.
CREATE OR REPLACE VIEW oot_newest_results ${ON_CLUSTER} AS
SELECT downstream_repo, upstream_repo, event_type, settled_at
FROM oot_workflow_job FINAL
WHERE indexHint((toDate(received_at), downstream_repo) IN
    (
        SELECT received_day, downstream_repo
        FROM oot_activity_day
        INNER JOIN
        (
            SELECT
                downstream_repo, upstream_repo, event_type, downstream_repo_level,
                -- 1970, so all of its days, where none is certain.
                maxIf(settled_day, state = 'reported' AND settled_day < toDate({from:DateTime64(3)}, 'UTC')
                    AND (downstream_repo, received_day) NOT IN (SELECT downstream_repo, received_day FROM oot_activity_day WHERE state = 'deleted')) AS last_day
            FROM oot_activity_day
            GROUP BY downstream_repo, upstream_repo, event_type, downstream_repo_level
        ) AS certain USING (downstream_repo, upstream_repo, event_type, downstream_repo_level)
        WHERE settled_day >= last_day AND state IN ('swept', 'reported') AND received_day <= toDate({to:DateTime64(3)}, 'UTC')
    ))
    AND outcome != 'running' AND received_at < {to:DateTime64(3)} AND settled_at <= {to:DateTime64(3)};

-- One row a workflow run whose first job was received in [from, to).
-- define RUN_COLUMNS
    run_key, downstream_repo, run_id, delivery_id, workflow_name, upstream_repo, pr_number, pytorch_head_sha, event_type,
    downstream_repo_level, received_at, known_at, jobs, is_complete, queue_seconds, first_started_at, last_completed_at,
    span_seconds, end_to_end_seconds;

CREATE OR REPLACE VIEW oot_runs_between ${ON_CLUSTER} AS
SELECT
${RUN_COLUMNS}
FROM oot_workflow_run FINAL
WHERE received_at >= {from:DateTime64(3)} AND received_at < {to:DateTime64(3)};

-- define RUNS_BEGUN
        FROM oot_workflow_run FINAL
        WHERE received_at >= {from:DateTime64(3)} AND received_at < least({to:DateTime64(3)}, {at:DateTime64(3)});

-- The same, as it was known `at` some time: runs of which something was known only later are worked out anew.
CREATE OR REPLACE VIEW oot_runs_as_of ${ON_CLUSTER} AS
SELECT
${RUN_COLUMNS}
${RUNS_BEGUN}
    AND known_at <= {at:DateTime64(3)}
UNION ALL
SELECT
    run_key,
    repo,
${RUN_FIELDS},
    first_received_at,
${RUN_FACTS}
FROM
(
    SELECT
        run_key,
        any(downstream_repo) AS repo,
${RUN}
    FROM
    (
        SELECT
            run_key, job_id, attempt_id, downstream_repo, run_id, delivery_id, workflow_name, upstream_repo, pr_number,
            pytorch_head_sha, event_type, downstream_repo_level, received_at, settled_at, queue_time, started_at,
            if(${IS_NOT_YET_KNOWN}, 'running', attempt.outcome) AS outcome,
            if(${IS_NOT_YET_KNOWN}, NULL, attempt.completed_at) AS completed_at,
            1 AS is_first,
            ${HAS_SANE_TIMES}
        FROM oot_workflow_job AS attempt FINAL
        WHERE run_attempt <= 1
            AND received_at >= ifNull((SELECT min(received_at) ${RUNS_BEGUN} AND known_at > {at:DateTime64(3)} HAVING count() > 0), {at:DateTime64(3)})
            AND received_at < {at:DateTime64(3)}
            AND run_key IN (SELECT run_key ${RUNS_BEGUN} AND known_at > {at:DateTime64(3)})
    )
    GROUP BY run_key
);

-- What it told of rolling windows, the two moments tell of each attempt.
DROP VIEW IF EXISTS oot_jobs_rolling ${ON_CLUSTER};
