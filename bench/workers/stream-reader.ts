import {
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from '@aws-sdk/client-dynamodb-streams';
import { listShards } from '../../replicator/shards';
import { awsClientOptions, patientRequests } from '../../runtime/aws';
import { serveRequests } from './serve-requests';

/* Reads a stream with the AWS SDK and does nothing with it. */

export type StreamRead = { endpoint: string; region: string; streamArn: string; records: number };

/** Answers with records a second. */
serveRequests(async ({ endpoint, region, streamArn, records }: StreamRead): Promise<number> => {
  const streams = new DynamoDBStreamsClient({
    ...awsClientOptions({ AWS_REGION: region, DYNAMODB_ENDPOINT: endpoint }),
    ...patientRequests,
  });
  const startedMs = performance.now();
  let read = 0;
  for (const { shardId } of await listShards(streams, streamArn)) {
    const opened = await streams.send(
      new GetShardIteratorCommand({
        StreamArn: streamArn,
        ShardId: shardId,
        ShardIteratorType: 'TRIM_HORIZON',
      }),
    );
    let iterator = opened.ShardIterator;
    let isEmpty = false;
    while (iterator !== undefined && read < records && !isEmpty) {
      const page = await streams.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: 1_000 }));
      read += page.Records?.length ?? 0;
      isEmpty = page.Records?.length === 0;
      iterator = page.NextShardIterator;
    }
  }
  const seconds = (performance.now() - startedMs) / 1_000;
  streams.destroy();
  if (read < records) throw new Error(`the stream has ${read} records, not ${records}`);
  return read / seconds;
});
