import { DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { storeClientOptions } from '../../ingest/store';
import { awsClientOptions } from '../../runtime/aws';
import { createUpdates } from '../callbacks';
import { quantile } from '../stats';
import type { ClosedResult } from './http-load';
import { serveRequests } from './serve-requests';

/* The AWS SDK alone: the conditional UpdateItem that ingest would send, in a loop, with ingest's own client options. */

export type SdkLoad = {
  endpoint: string;
  region: string;
  tableName: string;
  clients: number;
  first: number;
  durationMs: number;
};

let client: DynamoDBClient | undefined;

serveRequests(async (load: SdkLoad): Promise<ClosedResult> => {
  const { clients, durationMs, tableName } = load;
  client ??= new DynamoDBClient({
    ...awsClientOptions({ AWS_REGION: load.region, DYNAMODB_ENDPOINT: load.endpoint }),
    ...storeClientOptions,
  });
  const dynamo = client;
  const updateOf = await createUpdates(tableName);
  const latenciesMs: number[] = [];
  let next = load.first;
  const startedMs = performance.now();
  const untilMs = startedMs + durationMs;
  const loop = async () => {
    while (performance.now() < untilMs) {
      const sentMs = performance.now();
      await dynamo.send(new UpdateItemCommand(updateOf(next++)));
      latenciesMs.push(performance.now() - sentMs);
    }
  };
  await Promise.all(Array.from({ length: clients }, loop));
  const seconds = (performance.now() - startedMs) / 1_000;
  return {
    count: latenciesMs.length,
    perSecond: latenciesMs.length / seconds,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
  };
});
