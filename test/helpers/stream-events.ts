import { GetRecordsCommand, GetShardIteratorCommand } from '@aws-sdk/client-dynamodb-streams';
import type { DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda';
import { findStream, listShards } from '../../replicator/shards';
import type { TestDynamo } from './engines';

/** Everything in a table's stream, as Lambda's events have it, one event a shard. For streams of one page a shard. */
export async function readStreamEvents(
  { client, streams }: TestDynamo,
  tableName: string,
): Promise<DynamoDBStreamEvent[]> {
  const StreamArn = await findStream(client, tableName);
  const events: DynamoDBStreamEvent[] = [];
  for (const { shardId } of await listShards(streams, StreamArn)) {
    const { ShardIterator } = await streams.send(
      new GetShardIteratorCommand({ StreamArn, ShardId: shardId, ShardIteratorType: 'TRIM_HORIZON' }),
    );
    const { Records = [] } = await streams.send(new GetRecordsCommand({ ShardIterator: ShardIterator! }));
    if (Records.length === 0) continue;
    events.push({
      Records: Records.map(
        (record) =>
          ({
            ...record,
            eventSourceARN: StreamArn,
            dynamodb: {
              ...record.dynamodb,
              ApproximateCreationDateTime: record.dynamodb!.ApproximateCreationDateTime!.getTime() / 1000,
            },
          }) as unknown as DynamoDBRecord,
      ),
    });
  }
  return events;
}

/** An event of some records of another one, such as a batch that was cut elsewhere. */
export const eventOf = (...records: DynamoDBRecord[]): DynamoDBStreamEvent => ({ Records: records });

/** What Lambda puts into the failure bucket for a batch, with the key that it gives it. */
export function failedBatchObject(
  event: DynamoDBStreamEvent,
  overrides: { n?: number; batchSize?: number; streamArn?: string; payload?: string | undefined } = {},
): [key: string, text: string] {
  const [first] = event.Records;
  const last = event.Records.at(-1);
  const shardId = 'shardId-00000001795500000000-864758bb';
  const id = `a1b2c3d4-5678-90ab-cdef-${String(overrides.n ?? 1).padStart(12, '0')}`;
  return [
    `aws/lambda/0f2e3c4b-9d2b-4a55-8b0e-000000000001/${shardId}/2026/11/20/2026-11-20T22.13.49-${id}`,
    JSON.stringify({
      requestContext: {
        requestId: id,
        functionArn: 'arn:aws:lambda:us-east-1:123456789012:function:replicator',
        condition: 'RetryAttemptsExhausted',
        approximateInvokeCount: 290,
      },
      responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: null },
      version: '1.0',
      timestamp: '2026-11-20T22:13:49.717Z',
      DDBStreamBatchInfo: {
        shardId,
        startSequenceNumber: first?.dynamodb?.SequenceNumber,
        endSequenceNumber: last?.dynamodb?.SequenceNumber,
        approximateArrivalOfFirstRecord: '2026-11-20T10:13:19Z',
        approximateArrivalOfLastRecord: '2026-11-20T10:13:19Z',
        batchSize: event.Records.length,
        streamArn: first?.eventSourceARN,
        ...(overrides.batchSize !== undefined && { batchSize: overrides.batchSize }),
        ...(overrides.streamArn !== undefined && { streamArn: overrides.streamArn }),
      },
      payload: 'payload' in overrides ? overrides.payload : JSON.stringify(event),
    }),
  ];
}
