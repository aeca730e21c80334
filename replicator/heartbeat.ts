import type { ClickHouseClient } from '../clickhouse/client';
import { dateTimeOfMs, tables, type ReplicationRow } from '../clickhouse/tables';

/** How one shard is doing. Times are UTC milliseconds. */
export type ShardStatus = {
  position: string | null;
  newestChangeAtMs: number | null;
  confirmedAtMs: number | null;
  readAtMs: number;
  ended: boolean;
};

/** Writes one heartbeat a shard into `oot_replication`, by which readers know that what they see is fresh. */
export async function writeHeartbeats(
  client: ClickHouseClient,
  replicator: ReplicationRow['replicator'],
  streamArn: string,
  shards: ReadonlyMap<string, ShardStatus>,
): Promise<void> {
  if (shards.size === 0) return;
  const values = [...shards].map(([shard_id, status]): ReplicationRow => {
    const { newestChangeAtMs, confirmedAtMs } = status;
    return {
      stream_arn: streamArn,
      shard_id,
      replicator,
      position: status.position ?? '',
      newest_record_at: newestChangeAtMs === null ? null : dateTimeOfMs(newestChangeAtMs),
      delay_seconds:
        newestChangeAtMs === null || confirmedAtMs === null
          ? null
          : Math.max(0, (confirmedAtMs - newestChangeAtMs) / 1000),
      heartbeat_at: dateTimeOfMs(status.readAtMs),
      version: status.readAtMs,
      is_deleted: status.ended ? 1 : 0,
    };
  });
  await client.insert({ table: tables.replication, values, format: 'JSONEachRow' });
}
