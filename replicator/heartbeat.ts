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

/** Milliseconds after which a row is over that this replicator does not write: another one would have written it. */
const overAfterMs: Record<ReplicationRow['replicator'], number> = {
  poller: 60_000,
  // Runs only when something was written.
  lambda: 3_600_000,
};

/**
 * Takes away the rows of shards that nobody reads any more: of an earlier stream, of a replicator that was replaced,
 * or of a shard whose last row was never written. Left there, they would look like a replicator that hangs.
 */
export async function retireShards(
  client: ClickHouseClient,
  streamArn: string,
  shardIds: string[],
  nowMs: number,
): Promise<void> {
  const over = Object.entries(overAfterMs)
    .map(([replicator, ms]) => `(replicator = '${replicator}' AND version < ${nowMs - ms})`)
    .join(' OR ');
  await client.command({
    query: `
      INSERT INTO ${tables.replication}
      SELECT * REPLACE (version + 1 AS version, 1 AS is_deleted)
      FROM ${tables.replication} FINAL
      WHERE (${over}) AND NOT (stream_arn = {streamArn:String} AND shard_id IN {shardIds:Array(String)})`,
    query_params: { streamArn, shardIds },
  });
}
