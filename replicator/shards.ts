import { DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DescribeStreamCommand, type DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';

export type Shard = { shardId: string; parentId?: string };

/** The table has no stream that could be replicated from. Needs a person. */
export class StreamError extends Error {
  override readonly name = 'StreamError';
  readonly code = 'STREAM';
}

/** The ARN of the table's stream. Throws {@link StreamError} where it is off or lacks one of the images. */
export async function findStream(client: DynamoDBClient, tableName: string): Promise<string> {
  const { Table } = await client.send(new DescribeTableCommand({ TableName: tableName }));
  const { StreamEnabled, StreamViewType } = Table?.StreamSpecification ?? {};
  if (!Table?.LatestStreamArn || !StreamEnabled) {
    throw new StreamError(`table ${tableName} has no stream; enable one with NEW_AND_OLD_IMAGES`);
  }
  if (StreamViewType !== 'NEW_AND_OLD_IMAGES') {
    throw new StreamError(`the stream of ${tableName} is ${StreamViewType ?? '?'}, not NEW_AND_OLD_IMAGES`);
  }
  return Table.LatestStreamArn;
}

/** All shards that the stream still has, up to 24 h back. */
export async function listShards(client: DynamoDBStreamsClient, streamArn: string): Promise<Shard[]> {
  const shards: Shard[] = [];
  let after: string | undefined;
  do {
    const { StreamDescription } = await client.send(
      new DescribeStreamCommand({ StreamArn: streamArn, ...(after && { ExclusiveStartShardId: after }) }),
    );
    for (const { ShardId, ParentShardId } of StreamDescription?.Shards ?? []) {
      if (ShardId) shards.push({ shardId: ShardId, ...(ParentShardId && { parentId: ParentShardId }) });
    }
    after = StreamDescription?.LastEvaluatedShardId;
  } while (after);
  return shards;
}

/**
 * The shards that may be read now: not read to their end, and their parent is, or is gone with its records.
 * A child read before its parent's end would put an item's newer change before its older one.
 */
export function readableShards(shards: readonly Shard[], ended: ReadonlySet<string>): Shard[] {
  const present = new Set(shards.map(({ shardId }) => shardId));
  return shards.filter(
    ({ shardId, parentId }) =>
      !ended.has(shardId) && (parentId === undefined || !present.has(parentId) || ended.has(parentId)),
  );
}
