import type { ClickHouseClient } from './client';

/** The cluster that CLICKHOUSE_CLUSTER names can't be used. `message` says why. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError';
  readonly code = 'CLUSTER';
}

/** `ON CLUSTER` with its cluster, which may be a macro of the server such as `{cluster}`; empty without one. */
export const onCluster = (cluster?: string): string =>
  cluster === undefined ? '' : `ON CLUSTER '${cluster}'`;

/**
 * Throws {@link ClusterError} where the server does not know the cluster, or it has several shards.
 *
 * Replicas, not shards: a few million rows are little for one server, and with the rows of a key in two shards FINAL
 * would take each for the newest.
 */
export async function checkCluster(client: ClickHouseClient, cluster: string): Promise<void> {
  const macro = /^\{(\w+)\}$/.exec(cluster)?.[1];
  const result = await client.query({
    query: `SELECT ${macro === undefined ? '{name:String}' : 'getMacro({name:String})'} AS cluster,
        uniqExactIf(shard_num, system.clusters.cluster = cluster) AS shards,
        arraySort(groupUniqArray(system.clusters.cluster)) AS known
      FROM system.clusters`,
    query_params: { name: macro ?? cluster },
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
    format: 'JSONEachRow',
  });
  const [found] = await result.json<{ cluster: string; shards: number; known: string[] }>();
  if (!found || found.shards === 0) {
    const known = found && found.known.length > 0 ? `, only ${found.known.join(', ')}` : '';
    throw new ClusterError(`CLICKHOUSE_CLUSTER ${cluster}: this server knows no such cluster${known}`);
  }
  if (found.shards > 1) {
    throw new ClusterError(
      `CLICKHOUSE_CLUSTER ${cluster}: it has ${found.shards} shards, and the tables are replicated, not sharded; name a cluster of one shard that has every replica`,
    );
  }
}
