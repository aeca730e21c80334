import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

export type ReplicatorMetrics = ReturnType<typeof createReplicatorMetrics>;

/** The replicator's metrics. Labels are closed sets. */
export function createReplicatorMetrics(registry = new Registry()) {
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    changes: new Counter<'result'>({
      name: 'oot_replicator_changes_total',
      help: 'Changes by what became of them: row, quarantined, skipped',
      labelNames: ['result'],
      registers,
    }),
    batchSeconds: new Histogram({
      name: 'oot_replicator_batch_seconds',
      help: 'Seconds from a batch read to its rows confirmed, retries included',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
      registers,
    }),
    batchChanges: new Histogram({
      name: 'oot_replicator_batch_changes',
      help: 'Changes a batch',
      buckets: [1, 5, 20, 100, 500, 1000],
      registers,
    }),
    delaySeconds: new Gauge({
      name: 'oot_replicator_delay_seconds',
      help: 'Seconds from the newest confirmed change to its confirmation; DynamoDB stamps whole seconds',
      registers,
    }),
    retries: new Counter<'service'>({
      name: 'oot_replicator_retries_total',
      help: 'Requests tried again, by service: clickhouse, dynamodb',
      labelNames: ['service'],
      registers,
    }),
    clickHouseUp: new Gauge({
      name: 'oot_replicator_clickhouse_up',
      help: '1 when the latest write to ClickHouse worked, 0 while writes are being retried',
      registers,
    }),
    shards: new Gauge({ name: 'oot_replicator_shards_open', help: 'Shards being read now', registers }),
    resyncs: new Counter({
      name: 'oot_replicator_resyncs_total',
      help: 'Copies of the whole table that a new or trimmed stream made necessary',
      registers,
    }),
  };
}
