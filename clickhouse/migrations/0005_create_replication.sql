CREATE TABLE IF NOT EXISTS oot_replication_log ${ON_CLUSTER}
(
    stream_arn String COMMENT 'Stream of the DynamoDB table',
    shard_id String COMMENT 'Shard of the stream',
    replicator LowCardinality(String) COMMENT 'poller or lambda',
    position String COMMENT 'Sequence number up to which every record is confirmed, empty before the first',
    newest_record_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When DynamoDB took the newest confirmed record, UTC, NULL before the first',
    delay_seconds Nullable(Float64) COMMENT 'Seconds from newest_record_at to its confirmation, NULL before the first',
    heartbeat_at DateTime64(3, 'UTC') COMMENT 'When the replicator last read the shard with success, UTC',
    version UInt64 COMMENT 'heartbeat_at in milliseconds: the latest heartbeat wins',
    is_deleted UInt8 DEFAULT 0 COMMENT '1: the shard was read to its end'
)
ENGINE = ${REPLICATED}ReplacingMergeTree(version, is_deleted)
ORDER BY (stream_arn, shard_id)
COMMENT 'Heartbeats of the replicator, one a shard';

CREATE OR REPLACE VIEW oot_replication ${ON_CLUSTER} AS
SELECT stream_arn, shard_id, replicator, position, newest_record_at, delay_seconds, heartbeat_at FROM oot_replication_log FINAL;
