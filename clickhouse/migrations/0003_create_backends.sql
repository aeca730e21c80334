CREATE TABLE IF NOT EXISTS oot_backend_registry ${ON_CLUSTER}
(
    repo String COMMENT 'Backend, org/repo',
    level LowCardinality(String) COMMENT 'L1 to L4',
    device LowCardinality(String) DEFAULT '' COMMENT 'Device of an L3 backend, empty for other levels',
    oncalls Array(String) COMMENT 'GitHub logins of the people to call',
    loaded_at DateTime64(3, 'UTC') COMMENT 'When the allowlist was loaded, UTC',
    version UInt64 COMMENT 'Grows with every load: the newest allowlist wins',
    is_deleted UInt8 DEFAULT 0 COMMENT '1: the backend is no longer in the allowlist'
)
ENGINE = ${REPLICATED}ReplacingMergeTree(version, is_deleted)
ORDER BY repo
COMMENT 'Registered backends, from the allowlist of the relay';

-- Every registered backend, with results or without.
CREATE OR REPLACE VIEW oot_backends ${ON_CLUSTER} AS
SELECT repo, level, device, oncalls, loaded_at FROM oot_backend_registry FINAL;
