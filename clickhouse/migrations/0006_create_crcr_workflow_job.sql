-- The table's later name upstream, so that the queries people have run unchanged, FINAL included.
CREATE TABLE IF NOT EXISTS crcr_workflow_job ${ON_CLUSTER} AS oot_workflow_job
ENGINE = Merge(currentDatabase(), '^oot_workflow_job$');
