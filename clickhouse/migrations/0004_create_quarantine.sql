CREATE TABLE IF NOT EXISTS oot_quarantine_log ${ON_CLUSTER}
(
    id String COMMENT 'SHA-256 of the record: the same record is quarantined once, however often it is replayed',
    dynamoKey String COMMENT 'Key of the item, empty if the record has none',
    reason LowCardinality(String) COMMENT 'Why it cannot become a row, a slug: invalid_<field>, clickhouse_<code> ...',
    detail String DEFAULT '' COMMENT 'What is wrong with the field, never its value',
    source LowCardinality(String) COMMENT 'stream or backfill',
    record String COMMENT 'The change as JSON, from which it can be replayed',
    quarantined_at DateTime64(3, 'UTC') COMMENT 'When it was put here, UTC',
    resolved_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When a replay succeeded, UTC, NULL while it is in quarantine',
    version UInt64 COMMENT 'Milliseconds: the latest state of an entry wins'
)
ENGINE = ${REPLICATED}ReplacingMergeTree(version)
ORDER BY id
COMMENT 'Changes that could not become rows, with their reason';

CREATE OR REPLACE VIEW oot_quarantine ${ON_CLUSTER} AS
SELECT id, dynamoKey, reason, detail, source, record, quarantined_at, resolved_at FROM oot_quarantine_log FINAL;
