-- Where the attempts of a commit without a pull request are: of a push, or a nightly. As oot_pr_day, it says where to look,
-- never what is there; what an attempt once was stays in it.
CREATE TABLE IF NOT EXISTS oot_commit_day ${ON_CLUSTER}
(
    sha String COMMENT 'Upstream commit, or where nobody named one, `delivery` and the id of its delivery',
    day Date COMMENT 'Day on which an attempt of it was received, UTC'
)
ENGINE = ${REPLICATED}ReplacingMergeTree
ORDER BY (sha, day)
COMMENT 'Days on which commits without a pull request had attempts';

-- define COMMIT_DAYS
SELECT DISTINCT
    if(pytorch_head_sha = '', concat('delivery ', delivery_id), pytorch_head_sha) AS sha,
    toDate(received_at) AS day
FROM oot_workflow_job
WHERE pr_number = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS oot_commit_day_writer ${ON_CLUSTER} TO oot_commit_day AS
${COMMIT_DAYS};

-- What came before the view. Twice the same day is one row.
INSERT INTO oot_commit_day
${COMMIT_DAYS};
