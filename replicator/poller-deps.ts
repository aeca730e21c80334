import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import type { ClickHouseClient } from '../clickhouse/client';
import type { Logger } from '../runtime/logger';
import type { Checkpoints } from './checkpoints';
import type { ReplicatorMetrics } from './metrics';
import type { Sink } from './sink';

/** What the poller and the tasks that it starts need. */
export type PollerDeps = {
  dynamo: DynamoDBClient;
  streams: DynamoDBStreamsClient;
  clickHouse: ClickHouseClient;
  sink: Sink;
  checkpoints: Checkpoints;
  tableName: string;
  logger: Logger;
  metrics: ReplicatorMetrics;
  now: () => number;
  /** Between two reads of an idle shard. Default 250 ms: with the insert, a change is visible within a second. */
  pollIntervalMs?: number;
  /** Between two looks for new shards while none has ended. Default 10 s. */
  discoverIntervalMs?: number;
  /** Between two times that workflow runs are worked out. Default 5 s. */
  settleIntervalMs?: number;
  /** Between two heartbeats. Default 10 s. */
  heartbeatIntervalMs?: number;
  /** Records a read. Default 1,000, the most that DynamoDB gives. */
  pageLimit?: number;
};
