import {
  DeleteItemCommand,
  PutItemCommand,
  QueryCommand,
  type AttributeValue,
  type DynamoDBClient,
  type QueryCommandOutput,
} from '@aws-sdk/client-dynamodb';
import { createTableIfMissing } from '../runtime/dynamodb-table';

/** How far one shard is confirmed. */
export type Progress = { position: string | null; ended: boolean };

export type Checkpoints = {
  ensureTable(): Promise<void>;
  /** Progress by shard of one stream. */
  load(streamArn: string): Promise<Map<string, Progress>>;
  /** Called only for what ClickHouse has confirmed, or the quarantine holds. */
  save(streamArn: string, shardId: string, progress: Progress): Promise<void>;
  /** For shards that the stream no longer has. */
  forget(streamArn: string, shardId: string): Promise<void>;
  /**
   * When ClickHouse was last known to have everything: the whole table was copied since the stream began or had
   * a gap, and every shard was being read. UTC milliseconds; null where a copy is due.
   */
  syncedAtMs(streamArn: string): Promise<number | null>;
  markSynced(streamArn: string, synced: boolean): Promise<void>;
};

/** Sorts before every shard id, and is none: they start with "shardId". */
const syncMarker = '#synced';

/**
 * Checkpoints in a DynamoDB table of their own, one item a stream and shard. Positions are texts of up to 40
 * digits. A checkpoint belongs to a stream's ARN: a stream that is switched on anew starts from nothing.
 *
 * Two replicators may share them: each only ever saves what is confirmed, so the worst is to read again.
 */
export function createCheckpoints(deps: {
  client: DynamoDBClient;
  tableName: string;
  now: () => number;
}): Checkpoints {
  const { client, tableName: TableName, now } = deps;
  const keyOf = (streamArn: string, shardId: string) => ({
    streamArn: { S: streamArn },
    shardId: { S: shardId },
  });

  const query = async (streamArn: string) => {
    const items: Record<string, AttributeValue>[] = [];
    let from: Record<string, AttributeValue> | undefined;
    do {
      const page: QueryCommandOutput = await client.send(
        new QueryCommand({
          TableName,
          KeyConditionExpression: 'streamArn = :arn',
          ExpressionAttributeValues: { ':arn': { S: streamArn } },
          ConsistentRead: true,
          ...(from && { ExclusiveStartKey: from }),
        }),
      );
      items.push(...(page.Items ?? []));
      from = page.LastEvaluatedKey;
    } while (from);
    return items;
  };

  return {
    async ensureTable() {
      await createTableIfMissing(client, {
        TableName,
        AttributeDefinitions: [
          { AttributeName: 'streamArn', AttributeType: 'S' },
          { AttributeName: 'shardId', AttributeType: 'S' },
        ],
        KeySchema: [
          { AttributeName: 'streamArn', KeyType: 'HASH' },
          { AttributeName: 'shardId', KeyType: 'RANGE' },
        ],
      });
    },

    async load(streamArn) {
      const items = await query(streamArn);
      return new Map(
        items
          .filter((item) => item.shardId?.S !== syncMarker)
          .map((item) => [
            item.shardId?.S ?? '',
            { position: item.position?.S ?? null, ended: item.ended?.BOOL ?? false },
          ]),
      );
    },

    async save(streamArn, shardId, { position, ended }) {
      await client.send(
        new PutItemCommand({
          TableName,
          Item: {
            ...keyOf(streamArn, shardId),
            ...(position !== null && { position: { S: position } }),
            ended: { BOOL: ended },
            savedAt: { S: new Date(now()).toISOString() },
          },
        }),
      );
    },

    async forget(streamArn, shardId) {
      await client.send(new DeleteItemCommand({ TableName, Key: keyOf(streamArn, shardId) }));
    },

    async syncedAtMs(streamArn) {
      const items = await query(streamArn);
      const marker = items.find((item) => item.shardId?.S === syncMarker && item.synced?.BOOL === true);
      return marker ? Date.parse(marker.savedAt?.S ?? '') || 0 : null;
    },

    async markSynced(streamArn, synced) {
      await client.send(
        new PutItemCommand({
          TableName,
          Item: {
            ...keyOf(streamArn, syncMarker),
            synced: { BOOL: synced },
            savedAt: { S: new Date(now()).toISOString() },
          },
        }),
      );
    },
  };
}
