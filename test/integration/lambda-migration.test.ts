import { setTimeout as sleep } from 'node:timers/promises';
import { DeleteItemCommand, ScanCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { GetRecordsCommand, GetShardIteratorCommand } from '@aws-sdk/client-dynamodb-streams';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import type { DynamoDBRecord } from 'aws-lambda';
import { createResultStore } from '../../ingest/store';
import { enableStream, ensureTable } from '../../ingest/table';
import { backfill } from '../../replicator/backfill';
import { createLambdaHandler } from '../../replicator/lambda';
import { findStream, listShards } from '../../replicator/shards';
import { createSink } from '../../replicator/sink';
import { verify } from '../../replicator/verify';
import { completed, recordOf } from '../helpers/callbacks';
import {
  canRun,
  dynamoEngines,
  freshName,
  silent,
  startClickHouse,
  startDynamo,
  type TestClickHouse,
  type TestDynamo,
} from '../helpers/engines';
import { clearAttempts } from '../helpers/rows';

/* The way from somebody else's table to ours, as deploy/README.md has it: mirror, backfill, verify, switch. */

let clickHouse: TestClickHouse;
beforeAll(async () => {
  clickHouse = await startClickHouse();
});
afterAll(() => clickHouse.stop());

describe.each(dynamoEngines)('moving from a table of %s that others write', (engine) => {
  let dynamo: TestDynamo | undefined;
  beforeAll(async () => {
    if (await canRun(engine)) dynamo = await startDynamo(engine);
  });
  afterAll(() => dynamo?.stop());

  it('loses nothing, though it is written to, rewritten and deleted from all the time', async () => {
    if (!dynamo) return;
    const { client } = dynamo;
    const tableName = freshName('hud');
    const keyOf = (n: number) => ({ dynamoKey: { S: `hud/${n}` } });
    /** As HUD's own code does: whatever comes is set, without a condition, a version or a clock of ours. */
    const hudWrites = (n: number, fields: Record<string, unknown>) => {
      const item = {
        downstream_repo: 'pytorch-labs/ascend-pytorch',
        workflow_name: 'ascend-ci',
        job_name: `job ${n}`,
        check_run_id: String(n),
        started_at: '2026-11-20T10:00:00.123456Z',
        ...fields,
      };
      const names = Object.keys(item);
      return client.send(
        new UpdateItemCommand({
          TableName: tableName,
          Key: keyOf(n),
          UpdateExpression: `SET ${names.map((name) => `#${name} = :${name}`).join(', ')}`,
          ExpressionAttributeNames: Object.fromEntries(names.map((name) => [`#${name}`, name])),
          ExpressionAttributeValues: marshall(
            Object.fromEntries(names.map((name) => [`:${name}`, item[name as keyof typeof item]])),
          ),
        }),
      );
    };
    const starts = (n: number) => hudWrites(n, { status: 'in_progress' });
    const ends = (n: number, conclusion = 'success') =>
      hudWrites(n, { status: 'completed', conclusion, completed_at: '2026-11-20T10:30:00.654321Z' });
    const removes = (n: number) =>
      client.send(new DeleteItemCommand({ TableName: tableName, Key: keyOf(n) }));

    // What the stream no longer has: it was written before there was one.
    await ensureTable(client, tableName, { stream: false });
    for (let n = 0; n < 60; n++) await (n % 2 ? ends(n) : starts(n));
    await enableStream(client, tableName);
    for (let n = 0; n < 20; n++) await ends(n);
    await removes(7);

    // Mirror: the mapping comes late, while everything goes on.
    const writer = { isBusy: true };
    const busy = (async () => {
      for (let n = 20; writer.isBusy || n < 120; n++) {
        await starts(n);
        await ends(n, 'failure');
        if (n % 5 === 0) await ends(n - 10, 'success');
        if (n % 11 === 0) await removes(n - 15);
      }
    })();
    const sink = createSink({ client: clickHouse.client, now: Date.now });
    const handle = createLambdaHandler({
      sink,
      clickHouse: clickHouse.client,
      logger: silent,
      now: Date.now,
    });
    const mapping = readAsLambda(dynamo, await findStream(client, tableName), async (records) => {
      expect(await handle({ Records: records })).toEqual({ batchItemFailures: [] });
    });

    // Backfill beside it, and verify.
    const copy = () => backfill({ client, tableName, sink, onProgress: () => undefined });
    await copy();
    writer.isBusy = false;
    await busy;
    await mapping.drained();
    const check = async () => {
      const verdict = await verify({ client, tableName, clickHouse: clickHouse.client, settleMs: 200 });
      return verdict.differences;
    };
    expect(await check()).toEqual([]);

    // Switch: from here on ingest of ours writes, also to a job that HUD had begun. Then what carries no version once more.
    await starts(200);
    const store = createResultStore({ client, tableName, now: Date.now });
    await store.write({
      ...recordOf(completed({ workflow: { check_run_id: '200', job_name: 'job 200' } })),
      dynamoKey: 'hud/200',
    });
    await mapping.drained();
    await copy();
    await mapping.stop();
    expect(await check()).toEqual([]);

    // Not only the versions: what people see is what the table says.
    const { Items = [] } = await client.send(new ScanCommand({ TableName: tableName, ConsistentRead: true }));
    const truth = Items.map((item) => unmarshall(item))
      .map(({ dynamoKey, status, conclusion }) => [dynamoKey, status, conclusion ?? ''].join(' '))
      .sort();
    const shown = await clickHouse.rows<{ line: string }>(
      `SELECT concat(dynamoKey, ' ', status, ' ', conclusion) AS line FROM oot_workflow_job FINAL WHERE startsWith(dynamoKey, 'hud/')`,
    );
    expect(shown.map(({ line }) => line).sort()).toEqual(truth);
    expect(truth).toContain('hud/200 completed success');
    expect(truth.length).toBeGreaterThan(90);
    await clearAttempts(clickHouse.client);
  });
});

/** Reads a stream from its oldest record on and hands over batches in order, as an event source mapping does. */
function readAsLambda(
  { streams }: TestDynamo,
  StreamArn: string,
  invoke: (records: DynamoDBRecord[]) => Promise<void>,
) {
  const reading = { isStopped: false, emptyReads: 0 };
  const done = (async () => {
    const [shard] = await listShards(streams, StreamArn);
    const { ShardIterator } = await streams.send(
      new GetShardIteratorCommand({ StreamArn, ShardId: shard!.shardId, ShardIteratorType: 'TRIM_HORIZON' }),
    );
    for (let iterator = ShardIterator; iterator !== undefined && !reading.isStopped;) {
      const page = await streams.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: 100 }));
      const records = (page.Records ?? []).map((record) => ({
        ...record,
        eventSourceARN: StreamArn,
        dynamodb: {
          ...record.dynamodb,
          ApproximateCreationDateTime: record.dynamodb!.ApproximateCreationDateTime!.getTime() / 1000,
        },
      })) as unknown as DynamoDBRecord[];
      if (records.length > 0) {
        reading.emptyReads = 0;
        await invoke(records);
      } else {
        reading.emptyReads++;
        await sleep(50);
      }
      iterator = page.NextShardIterator;
    }
  })();
  return {
    /** Resolves when three reads in a row found nothing. */
    async drained() {
      reading.emptyReads = 0;
      while (reading.emptyReads < 3) await Promise.race([sleep(20), done]);
    },
    async stop() {
      reading.isStopped = true;
      await done;
    },
  };
}
