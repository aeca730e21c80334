import { DynamoDBClient, ScanCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import { createClickHouse } from '../../clickhouse/client';
import { backfill } from '../../replicator/backfill';
import { createSink } from '../../replicator/sink';
import { verify } from '../../replicator/verify';
import { awsClientOptions, patientRequests, withoutSdkLog } from '../../runtime/aws';
import type { BenchClickHouse } from '../engines';
import { serveRequests } from './serve-requests';

/* Backfill and verify as the commands do them, and the parallel scan under them that does nothing with what it reads. */

export type TableScan = {
  what: 'scan' | 'backfill' | 'verify';
  endpoint: string;
  region: string;
  tableName: string;
  clickHouse: BenchClickHouse['env'];
  items: number;
};

const segments = 4;

/** Answers with items a second. Throws where a copy is not whole. */
serveRequests(async (request: TableScan): Promise<number> => {
  const { tableName, items } = request;
  const stock = new DynamoDBClient({
    ...awsClientOptions({ AWS_REGION: request.region, DYNAMODB_ENDPOINT: request.endpoint }),
    ...patientRequests,
  });
  // The scan alone is the SDK as it comes; ours is as our commands make it.
  const client = request.what === 'scan' ? stock : withoutSdkLog(stock);
  const clickHouse = createClickHouse({ ...request.clickHouse, CLICKHOUSE_CLUSTER: undefined });
  const startedMs = performance.now();
  let count: number;
  if (request.what === 'scan') {
    const segmentNumbers = Array.from({ length: segments }, (_, segment) => segment);
    const counts = await Promise.all(
      segmentNumbers.map((segment) => scanSegment(client, tableName, segment)),
    );
    count = counts.reduce((a, b) => a + b);
  } else if (request.what === 'backfill') {
    const sink = createSink({ client: clickHouse, now: Date.now });
    count = (await backfill({ client, tableName, segments, sink })).rows;
  } else {
    const verdict = await verify({ client, tableName, segments, clickHouse });
    count = verdict.items - verdict.differences.length;
  }
  const seconds = (performance.now() - startedMs) / 1_000;
  client.destroy();
  await clickHouse.close();
  if (count !== items) throw new Error(`${request.what} found ${count} items, not ${items}`);
  return items / seconds;
});

async function scanSegment(client: DynamoDBClient, tableName: string, segment: number): Promise<number> {
  let count = 0;
  let from: Record<string, AttributeValue> | undefined;
  do {
    const page = await client.send(
      new ScanCommand({
        TableName: tableName,
        Segment: segment,
        TotalSegments: segments,
        ConsistentRead: true,
        ...(from && { ExclusiveStartKey: from }),
      }),
    );
    count += page.Items?.length ?? 0;
    from = page.LastEvaluatedKey;
  } while (from);
  return count;
}
