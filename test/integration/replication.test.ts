import {
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateTableCommand,
  type AttributeValue,
  type ScanCommand,
} from '@aws-sdk/client-dynamodb';
import {
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from '@aws-sdk/client-dynamodb-streams';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { DynamoDBStreamEvent } from 'aws-lambda';
import { dateTimeOfMs, type ReplicationRow, type WorkflowJobRow } from '../../clickhouse/tables';
import { createResultStore } from '../../ingest/store';
import { enableStream, ensureTable } from '../../ingest/table';
import { claimPort } from '../../local/dynamodb/ports';
import { backfill } from '../../replicator/backfill';
import { deleteExtra } from '../../replicator/delete-extra';
import { createCheckpoints } from '../../replicator/checkpoints';
import { createLambdaHandler } from '../../replicator/lambda';
import { createReplicatorMetrics } from '../../replicator/metrics';
import { runPoller } from '../../replicator/poller';
import type { PollerDeps } from '../../replicator/poller-deps';
import { discardQuarantine, listQuarantine, replayQuarantine } from '../../replicator/replay';
import { sleep } from '../../runtime/retry';
import { findStream, listShards } from '../../replicator/shards';
import { createSink, type Sink } from '../../replicator/sink';
import { verify } from '../../replicator/verify';
import { createProxy } from '../chaos/proxy';
import { createStreamFaults } from '../chaos/stream-faults';
import { completed, inProgress, nightly, recordOf, type WireCallback } from '../helpers/callbacks';
import {
  canRun,
  dynamoEngines,
  eventually,
  freshName,
  silent,
  startClickHouse,
  startDynamo,
  type TestClickHouse,
  type TestDynamo,
} from '../helpers/engines';
import { clearAttempts } from '../helpers/rows';

let clickHouse: TestClickHouse;
beforeAll(async () => {
  clickHouse = await startClickHouse();
});
afterAll(() => clickHouse.stop());

describe.each(dynamoEngines)('replication from %s', (engine) => {
  let dynamo: TestDynamo | undefined;
  beforeAll(async () => {
    if (await canRun(engine)) dynamo = await startDynamo(engine);
  });
  afterAll(() => dynamo?.stop());
  beforeEach(async () => {
    await clearAttempts(clickHouse.client);
    for (const table of ['oot_quarantine_log', 'oot_replication_log']) {
      await clickHouse.client.command({ query: `TRUNCATE TABLE ${table}` });
    }
  });

  /** As if each item were as large as a page of a scan may be. */
  const onePageAnItem = (client: DynamoDBClient): DynamoDBClient =>
    Object.assign(Object.create(client) as DynamoDBClient, {
      send: (command: ScanCommand, options: object) => {
        command.input.Limit = 1;
        return client.send(command, options);
      },
    });

  /** A table with a store, and a poller that can be started and stopped; all of it new for each test. */
  async function open(options: { stream?: boolean; synced?: boolean } = {}) {
    const { client, streams } = dynamo!;
    const tableName = freshName('results');
    await ensureTable(client, tableName, options);
    const checkpoints = createCheckpoints({ client, tableName: freshName('checkpoints'), now: Date.now });
    await checkpoints.ensureTable();
    // Else a copy of the table runs beside the stream, and which of the two brings a row is a race.
    if (options.synced) await checkpoints.markSynced(await findStream(client, tableName), true);
    const store = createResultStore({ client, tableName, now: Date.now });
    const metrics = createReplicatorMetrics();
    const sink = createSink({ client: clickHouse.client, now: Date.now });
    const scan = { client, tableName };
    return {
      tableName,
      checkpoints,
      sink,
      scan,
      metrics,
      async send(...inputs: WireCallback[]) {
        for (const input of inputs) await store.write(recordOf(input));
      },
      put: (item: Record<string, unknown>) =>
        client.send(new PutItemCommand({ TableName: tableName, Item: marshall(item) })),
      poll(overrides: Partial<PollerDeps> = {}) {
        const stop = new AbortController();
        const done = runPoller(
          {
            dynamo: client,
            streams,
            clickHouse: clickHouse.client,
            sink,
            checkpoints,
            tableName,
            logger: silent,
            metrics,
            now: Date.now,
            pollIntervalMs: 30,
            discoverIntervalMs: 500,
            heartbeatIntervalMs: 200,
            ...overrides,
          },
          stop.signal,
        );
        return {
          done,
          stop: async () => {
            stop.abort();
            await done;
          },
        };
      },
      verify: () => verify({ ...scan, clickHouse: clickHouse.client, settleMs: 400 }),
    };
  }

  const none = { attempts: 0, runs: 0 };
  const finals = () =>
    clickHouse.rows<WorkflowJobRow>(
      'SELECT * EXCEPT (_inserted_at, newest_after, newest_until, ranking) FROM oot_workflow_job FINAL ORDER BY dynamoKey',
    );
  const job = (n: number, parts: Record<string, unknown> = {}) => ({
    workflow: { check_run_id: `${n}`, ...parts },
  });
  const on = (name: string, test: () => Promise<void>) =>
    it(name, () => (dynamo ? test() : Promise.resolve()));

  on('makes each item one row, with what every callback brought', async () => {
    const bench = await open({ synced: true });
    const poller = bench.poll();
    await bench.send(inProgress(job(1)), completed(job(1, { conclusion: 'failure' })), nightly(job(2)));
    const rows = await eventually(async () => {
      const found = await finals();
      return found.length === 2 && found.every(({ status }) => status === 'completed') && found;
    });
    await poller.stop();
    expect(rows.find(({ event_type }) => event_type === 'pull_request')).toEqual({
      dynamoKey:
        'pytorch-labs/ascend-pytorch/7c9d2b1e-0f43-11f1-8a3e-5d1c2b3a4f50/ascend-ci/test (910b, 1, 4)/1',
      status: 'completed',
      conclusion: 'failure',
      state: 'reported',
      downstream_repo: 'pytorch-labs/ascend-pytorch',
      downstream_repo_level: 'L3',
      upstream_repo: 'pytorch/pytorch',
      event_type: 'pull_request',
      pr_number: 179565,
      pytorch_head_sha: '8f14e45fceea167a5a36dedd4bea2543f0a1b2c3',
      delivery_id: '7c9d2b1e-0f43-11f1-8a3e-5d1c2b3a4f50',
      workflow_run_url: 'https://github.com/pytorch-labs/ascend-pytorch/actions/runs/16123456789',
      workflow_name: 'ascend-ci',
      job_name: 'test (910b, 1, 4)',
      check_run_id: '1',
      run_id: '16123456789',
      run_attempt: 1,
      queue_time: 41.207,
      execution_time: 1822.5,
      started_at: '2026-11-20 10:00:00.123456000',
      completed_at: '2026-11-20 10:30:22.654321000',
      total_tests: 4157,
      passed_tests: 4120,
      failed_tests: 0,
      skipped_tests: 37,
      failed_tests_json: '',
      failed_tests_cut: 0,
      artifact_url: 'https://github.com/pytorch-labs/ascend-pytorch/actions/runs/16123456789/artifacts/7',
      environment: '',
      received_at: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$/) as string,
      updated_at: expect.stringMatching(/^\d{4}/) as string,
      outcome_at: expect.stringMatching(/^\d{4}/) as string,
      revision: expect.any(Number) as number,
      is_deleted: 0,
      source: 'stream',
    });
    expect(await bench.verify()).toEqual({
      items: 2,
      rows: 2,
      differences: [],
      expired: 0,
      old: 0,
      stale: none,
    });
  });

  // How soon is for the bench; here that nothing waits for a batch to fill.
  on('shows a change that comes alone', async () => {
    const bench = await open();
    const poller = bench.poll({ pollIntervalMs: 250 });
    await bench.send(inProgress(job(0)));
    await eventually(async () => (await finals()).length === 1);
    for (let n = 1; n <= 5; n++) {
      await bench.send(inProgress(job(n)));
      await eventually(async () => (await finals()).length === n + 1);
    }
    await poller.stop();
  });

  on('gives the same rows through the poller and the Lambda handler', async () => {
    const bench = await open({ synced: true });
    await bench.send(inProgress(job(1)), inProgress(job(2)), completed(job(1)), nightly(job(3)));
    await bench.put({ dynamoKey: 'poison', status: 'exploded' });
    const { client } = dynamo!;
    const victim = (
      await client.send(
        new GetItemCommand({
          TableName: bench.tableName,
          Key: {
            dynamoKey: {
              S: 'pytorch-labs/ascend-pytorch/7c9d2b1e-0f43-11f1-8a3e-5d1c2b3a4f50/ascend-ci/test (910b, 1, 4)/2',
            },
          },
        }),
      )
    ).Item!;
    await client.send(
      new DeleteItemCommand({ TableName: bench.tableName, Key: { dynamoKey: victim.dynamoKey! } }),
    );

    const poller = bench.poll();
    await eventually(
      async () => (await finals()).length === 2 && (await listQuarantine(clickHouse.client)).length === 1,
    );
    await poller.stop();
    const byPoller = {
      rows: await finals(),
      quarantine: (await listQuarantine(clickHouse.client)).map(({ id, reason }) => ({ id, reason })),
    };

    await clearAttempts(clickHouse.client);
    await clickHouse.client.command({ query: 'TRUNCATE TABLE oot_quarantine_log' });
    const handler = createLambdaHandler({
      sink: bench.sink,
      clickHouse: clickHouse.client,
      logger: silent,
      now: Date.now,
    });
    expect(await handler(await lambdaEvent(bench.tableName))).toEqual({ batchItemFailures: [] });
    const byLambda = {
      rows: await finals(),
      quarantine: (await listQuarantine(clickHouse.client)).map(({ id, reason }) => ({ id, reason })),
    };
    expect(byLambda).toEqual(byPoller);
    expect(byPoller.quarantine).toEqual([
      { id: expect.stringMatching(/^[0-9a-f]{64}$/) as string, reason: 'invalid_status' },
    ]);
  });

  /** The stream's records as Lambda would bring them. */
  async function lambdaEvent(tableName: string): Promise<DynamoDBStreamEvent> {
    const { client, streams } = dynamo!;
    const StreamArn = await findStream(client, tableName);
    const records = [];
    for (const { shardId } of await listShards(streams, StreamArn)) {
      const { ShardIterator } = await streams.send(
        new GetShardIteratorCommand({ StreamArn, ShardId: shardId, ShardIteratorType: 'TRIM_HORIZON' }),
      );
      const { Records = [] } = await streams.send(new GetRecordsCommand({ ShardIterator: ShardIterator! }));
      records.push(...Records);
    }
    return {
      Records: records.map((record) => ({
        eventSourceARN: StreamArn,
        eventName: record.eventName as 'INSERT',
        dynamodb: {
          ...record.dynamodb,
          ApproximateCreationDateTime: record.dynamodb!.ApproximateCreationDateTime!.getTime() / 1000,
        } as never,
      })),
    };
  }

  on(
    'makes the Lambda batch fail from its first record when ClickHouse is away, and drops nothing',
    async () => {
      const bench = await open();
      await bench.send(inProgress(job(1)), completed(job(1)));
      const event = await lambdaEvent(bench.tableName);
      const away: Sink = {
        ...bench.sink,
        write: () => Promise.reject(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })),
      };
      const handler = createLambdaHandler({
        sink: away,
        clickHouse: clickHouse.client,
        logger: silent,
        now: Date.now,
      });
      expect(await handler(event)).toEqual({
        batchItemFailures: [{ itemIdentifier: event.Records[0]!.dynamodb!.SequenceNumber }],
      });
    },
  );

  on('goes on where it stopped, without loss, repetition or another copy', async () => {
    const bench = await open();
    const first = bench.poll();
    await bench.send(...[1, 2, 3].map((n) => inProgress(job(n))));
    await eventually(async () => (await finals()).length === 3);
    await first.stop();
    await bench.send(...[4, 5].map((n) => inProgress(job(n))), completed(job(1)));

    const seen: string[] = [];
    const watching: Sink = {
      ...bench.sink,
      write: (changes, source) => {
        seen.push(...changes.map(({ image }) => image.check_run_id!.S!));
        return bench.sink.write(changes, source);
      },
    };
    const second = bench.poll({ sink: watching });
    await eventually(
      async () => (await finals()).filter(({ status }) => status === 'completed').length === 1,
    );
    await second.stop();
    expect(seen).toEqual(['4', '5', '1']);
    expect((await bench.metrics.resyncs.get()).values[0]!.value).toBe(1);
    expect((await bench.verify()).differences).toEqual([]);
  });

  on('converges when two replicators run at once, and after the stream is read again', async () => {
    const bench = await open();
    const pollers = [bench.poll(), bench.poll()];
    for (let n = 0; n < 20; n++) await bench.send(inProgress(job(n)), completed(job(n)));
    await eventually(
      async () => (await finals()).filter(({ status }) => status === 'completed').length === 20,
    );
    for (const poller of pollers) await poller.stop();
    // Read again from the start, checkpoints gone: older images must not win over what is there.
    const before = await finals();
    const again = bench.poll({ checkpoints: await freshCheckpoints() });
    await eventually(async () => (await bench.metrics.resyncs.get()).values[0]!.value >= 2);
    await again.stop();
    expect(await finals()).toEqual(before);
    expect((await bench.verify()).differences).toEqual([]);
  });

  async function freshCheckpoints() {
    const checkpoints = createCheckpoints({
      client: dynamo!.client,
      tableName: freshName('checkpoints'),
      now: Date.now,
    });
    await checkpoints.ensureTable();
    return checkpoints;
  }

  on('copies what was there before the stream', async () => {
    const bench = await open({ stream: false });
    await bench.send(...Array.from({ length: 50 }, (_, n) => completed(job(n))));
    await enableStream(dynamo!.client, bench.tableName);
    await bench.send(inProgress(job(100)));
    const poller = bench.poll();
    await eventually(async () => (await finals()).length === 51);
    await poller.stop();
    expect(await bench.verify()).toEqual({
      items: 51,
      rows: 51,
      differences: [],
      expired: 0,
      old: 0,
      stale: none,
    });
  });

  on('says so and copies the table when a checkpoint points at a shard that is gone', async () => {
    const bench = await open();
    await bench.send(...[1, 2, 3].map((n) => completed(job(n))));
    const arn = await findStream(dynamo!.client, bench.tableName);
    await bench.checkpoints.markSynced(arn, true);
    // As after 24 h of standstill: the shard that was being read is gone, and what follows was read to its end.
    await bench.checkpoints.save(arn, 'shardId-00000000000000000000-gone', {
      position: '111111111111111111111',
      ended: false,
    });
    for (const { shardId } of await listShards(dynamo!.streams, arn)) {
      await bench.checkpoints.save(arn, shardId, { position: null, ended: true });
    }
    const poller = bench.poll();
    await eventually(async () => (await finals()).length === 3);
    await eventually(async () => bench.checkpoints.syncedAtMs(arn));
    await poller.stop();
    expect([...(await bench.checkpoints.load(arn)).keys()]).not.toContain(
      'shardId-00000000000000000000-gone',
    );
    expect((await bench.metrics.resyncs.get()).values[0]!.value).toBe(1);
  });

  on('copies the table after a day away, when a shard may have come and gone unseen', async () => {
    const bench = await open();
    await bench.send(...[1, 2].map((n) => completed(job(n))));
    const arn = await findStream(dynamo!.client, bench.tableName);
    await bench.checkpoints.markSynced(arn, true);
    for (const { shardId } of await listShards(dynamo!.streams, arn)) {
      await bench.checkpoints.save(arn, shardId, { position: null, ended: true });
    }
    const soon = bench.poll({ now: () => Date.now() + 22 * 3_600_000 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await soon.stop();
    expect(await finals()).toEqual([]);
    const later = bench.poll({ now: () => Date.now() + 24 * 3_600_000 });
    await eventually(async () => (await finals()).length === 2);
    await later.stop();
  });

  on('copies the table again for a gap that is found while it is being copied', async () => {
    const bench = await open();
    const faults = createStreamFaults();
    const proxy = await createProxy({ port: await claimPort(0), target: dynamo!.engine.endpoint });
    proxy.add(faults.middleware);
    const streams = new DynamoDBStreamsClient({
      region: 'us-east-1',
      endpoint: proxy.url,
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
    let letGo = (): void => undefined;
    const held = new Promise<void>((resolve) => (letGo = resolve));
    let scanned = false;
    const slow: Sink = {
      ...bench.sink,
      async write(changes, source) {
        if (source === 'backfill') {
          scanned = true;
          await held;
        }
        return bench.sink.write(changes, source);
      },
    };
    await bench.send(inProgress(job(1)));
    const poller = bench.poll({ streams, sink: slow });
    await eventually(async () => scanned && (await finals()).length === 1);
    // What the copy has in hand is older than this, and the stream loses it.
    faults.trimSoon();
    await bench.send(completed(job(1)));
    await eventually(() => Promise.resolve(faults.counts.trims === 1));
    letGo();
    await eventually(async () => (await finals())[0]?.status === 'completed');
    await poller.stop();
    streams.destroy();
    await proxy.stop();
    expect((await bench.metrics.resyncs.get()).values[0]!.value).toBe(2);
    expect((await bench.verify()).differences).toEqual([]);
  });

  on('follows a stream that was switched off and on again', async () => {
    const bench = await open();
    const { client } = dynamo!;
    const poller = bench.poll();
    await bench.send(completed(job(1)));
    await eventually(async () => (await finals()).length === 1);
    await poller.stop();
    await client.send(
      new UpdateTableCommand({ TableName: bench.tableName, StreamSpecification: { StreamEnabled: false } }),
    );
    await bench.send(completed(job(2)));
    await enableStream(client, bench.tableName);
    await bench.send(completed(job(3)));
    const again = bench.poll();
    await eventually(async () => (await finals()).length === 3);
    await again.stop();
    expect((await bench.verify()).differences).toEqual([]);
  });

  on('turns a removal into a tombstone, and a new item under the key into a row again', async () => {
    const bench = await open();
    const poller = bench.poll();
    await bench.send(completed(job(1)));
    const [row] = await eventually(async () => {
      const rows = await finals();
      return rows.length === 1 && rows;
    });
    await dynamo!.client.send(
      new DeleteItemCommand({ TableName: bench.tableName, Key: { dynamoKey: { S: row!.dynamoKey } } }),
    );
    await eventually(async () => (await finals()).length === 0);
    await bench.send(completed(job(1, { conclusion: 'failure' })));
    const [again] = await eventually(async () => {
      const rows = await finals();
      return rows.length === 1 && rows;
    });
    await poller.stop();
    expect(again!.conclusion).toBe('failure');
    expect((await bench.verify()).differences).toEqual([]);
  });

  on(
    'puts a poison item into quarantine once, lets the rest through, and replays it when it can',
    async () => {
      const bench = await open({ synced: true });
      const poller = bench.poll();
      await bench.send(completed(job(1)));
      const poison = {
        dynamoKey: 'k',
        status: 'completed',
        conclusion: 'success',
        downstream_repo: 'a/b',
        workflow_name: 'w',
        job_name: 'j',
        check_run_id: '1',
        started_at: '2026-11-20T10:00:00Z',
        passed_tests: -3,
      };
      await bench.put(poison);
      await bench.send(completed(job(2)));
      await eventually(async () => (await finals()).length === 2);
      const [entry, ...others] = await eventually(async () => {
        const entries = await listQuarantine(clickHouse.client);
        return entries.length > 0 && entries;
      });
      await poller.stop();
      expect(others).toEqual([]);
      expect(entry).toMatchObject({
        dynamoKey: 'k',
        reason: 'invalid_passed_tests',
        detail: 'passed_tests must be a whole number from 0 to 9007199254740991',
        source: 'stream',
      });
      expect((await bench.verify()).differences).toEqual([
        { dynamoKey: 'k', kind: 'quarantined', dynamoRevision: null, clickHouseRevision: null },
      ]);

      // A second copy adds no second entry; nothing can be replayed yet.
      await backfill({ ...bench.scan, sink: bench.sink });
      expect(await replayQuarantine({ client: clickHouse.client, sink: bench.sink, now: Date.now })).toEqual({
        resolved: 0,
        refused: 1,
      });
      // As when the decoder has learned to read it.
      const [listed] = await listQuarantine(clickHouse.client);
      const mended = JSON.parse(listed!.record) as { image: Record<string, AttributeValue> };
      mended.image.passed_tests = { N: '3' };
      await clickHouse.client.insert({
        table: 'oot_quarantine_log',
        values: [{ ...listed, record: JSON.stringify(mended), version: Date.now() + 1 }],
        format: 'JSONEachRow',
      });
      expect(
        await replayQuarantine({ client: clickHouse.client, sink: bench.sink, now: () => Date.now() + 10 }),
      ).toEqual({ resolved: 1, refused: 0 });
      expect(await listQuarantine(clickHouse.client)).toEqual([]);
      expect((await finals()).map(({ dynamoKey }) => dynamoKey)).toContain('k');
    },
  );

  on('gives up a poison item for good only once it is deleted, and no other with it', async () => {
    const bench = await open({ synced: true });
    await bench.put({ dynamoKey: 'k1', status: 'completed' });
    await bench.put({ dynamoKey: 'k2', status: 'completed' });
    const copy = () => backfill({ ...bench.scan, sink: bench.sink });
    const keys = async () =>
      (await listQuarantine(clickHouse.client)).map(({ dynamoKey }) => dynamoKey).sort();
    const discard = (key: string) =>
      discardQuarantine({ client: clickHouse.client, now: () => Date.now() + 10 }, key);
    await copy();
    expect(await keys()).toEqual(['k1', 'k2']);
    expect(await discard('k3')).toBe(0);
    expect(await discard('k1')).toBe(1);
    expect(await keys()).toEqual(['k2']);
    await sleep(50);
    await copy();
    expect(await keys()).toEqual(['k1', 'k2']);
  });

  on("takes items of HUD's own code, and moves a row whose stand-in time moves", async () => {
    const bench = await open();
    const poller = bench.poll();
    const hud = {
      dynamoKey: 'a/b/d/w/j/1',
      status: 'completed',
      conclusion: 'success',
      downstream_repo: 'a/b',
      workflow_name: 'w',
      job_name: 'j',
      check_run_id: '1',
      pr_number: 7,
      delivery_id: 'd',
      completed_at: '2026-11-20T00:10:00.5Z',
      workflow_run_url: 'javascript:alert(1)',
    };
    await bench.put(hud);
    await eventually(async () => (await finals()).length === 1);
    // The late start comes a day earlier than the completion that stood in for it.
    await bench.put({ ...hud, started_at: '2026-11-19T23:50:00.5Z' });
    const [row] = await eventually(async () => {
      const rows = await finals();
      return rows[0]?.started_at && rows;
    });
    await poller.stop();
    expect(await finals()).toHaveLength(1);
    expect(row).toMatchObject({
      received_at: '2026-11-19 23:50:00.500',
      updated_at: null,
      workflow_run_url: '',
      state: 'reported',
      run_attempt: 1,
    });
  });

  on('copies the table when it could not go on for a day, although it lived', async () => {
    const bench = await open({ synced: true });
    let offsetMs = 0;
    const poller = bench.poll({ now: () => Date.now() + offsetMs });
    await bench.send(completed(job(1)));
    await eventually(async () => (await finals()).length === 1);
    await clearAttempts(clickHouse.client);
    offsetMs = 22 * 3_600_000;
    await sleep(1_500);
    expect(await finals()).toEqual([]);
    offsetMs += 24 * 3_600_000;
    await eventually(async () => (await finals()).length === 1);
    await poller.stop();
  });

  on('takes away heartbeats of shards that nobody reads any more, and of no other', async () => {
    const bench = await open({ synced: true });
    const row = (shard_id: string, replicator: ReplicationRow['replicator'], ageMs: number, more = {}) => ({
      stream_arn: 'an earlier stream',
      shard_id,
      replicator,
      position: '1',
      newest_record_at: null,
      delay_seconds: null,
      heartbeat_at: dateTimeOfMs(Date.now() - ageMs),
      version: Date.now() - ageMs,
      is_deleted: 0,
      ...more,
    });
    await clickHouse.client.insert({
      table: 'oot_replication_log',
      values: [
        row('ended while the poller was away', 'poller', 120_000),
        row('of another poller', 'poller', 10_000),
        row('of a quiet Lambda', 'lambda', 1_800_000),
        row('of a Lambda that was replaced', 'lambda', 3_700_000),
      ],
      format: 'JSONEachRow',
    });
    const poller = bench.poll();
    const left = await eventually(async () => {
      const rows = await clickHouse.rows<{ shard_id: string }>(
        `SELECT shard_id FROM oot_replication WHERE stream_arn = 'an earlier stream' ORDER BY shard_id`,
      );
      return rows.length < 4 && rows.map(({ shard_id }) => shard_id);
    });
    expect(left).toEqual(['of a quiet Lambda', 'of another poller']);
    await eventually(async () => (await clickHouse.rows('SELECT 1 FROM oot_replication')).length === 3);
    await poller.stop();
  });

  on('writes a heartbeat a shard', async () => {
    const bench = await open();
    const poller = bench.poll();
    await bench.send(completed(job(1)));
    const [heartbeat] = await eventually(async () => {
      const rows = await clickHouse.rows<{ position: string; replicator: string; delay_seconds: number }>(
        `SELECT * FROM oot_replication WHERE position != ''`,
      );
      return rows.length > 0 && rows;
    });
    await poller.stop();
    expect(heartbeat).toMatchObject({
      replicator: 'poller',
      position: expect.stringMatching(/^\d+$/) as string,
    });
    expect(heartbeat!.delay_seconds).toBeLessThan(5);
  });

  on('holds its position while ClickHouse is killed in the middle, and loses nothing', async () => {
    const bench = await open();
    const poller = bench.poll({ settleIntervalMs: 20 });
    const isUp = async () => (await bench.metrics.clickHouseUp.get()).values[0]!.value;
    for (let n = 0; n < 30; n++) await bench.send(inProgress(job(n)));
    await eventually(async () => (await finals()).length === 30);
    await clickHouse.kill();
    // Though nobody writes: the heartbeat tells, and work that has nothing to ask does not say otherwise.
    await eventually(async () => (await isUp()) === 0);
    for (let n = 0; n < 30; n++) {
      await bench.send(completed(job(n)));
      expect(await isUp()).toBe(0);
    }
    await clickHouse.restart();
    await eventually(
      async () => (await finals()).filter(({ status }) => status === 'completed').length === 30,
      30_000,
    );
    await eventually(async () => (await isUp()) === 1);
    await poller.stop();
    expect(await bench.verify()).toEqual({
      items: 30,
      rows: 30,
      differences: [],
      expired: 0,
      old: 0,
      stale: none,
    });
  });

  on('copies a table of 150 days: more than ClickHouse takes in one insert unasked', async () => {
    const bench = await open();
    for (let day = 0; day < 150; day++) {
      const now = () => Date.UTC(2026, 4, 1 + day);
      const store = createResultStore({ ...bench.scan, now });
      await store.write(recordOf(completed(job(day))));
    }
    expect(await backfill({ ...bench.scan, sink: bench.sink })).toEqual({
      rows: 150,
      quarantined: 0,
      skipped: 0,
    });
    expect((await bench.verify()).differences).toEqual([]);
    const [days] = await clickHouse.rows(
      'SELECT toUInt32(uniqExact(toDate(received_at))) AS days FROM oot_attempts',
    );
    expect(days).toEqual({ days: 150 });
  });

  on('asks again for a page that DynamoDB did not give, and for no other', async () => {
    const bench = await open();
    await bench.send(...[1, 2, 3, 4, 5].map((n) => completed(job(n))));
    const asked: (number | undefined)[] = [];
    const busy = Object.assign(Object.create(bench.scan.client) as DynamoDBClient, {
      send: (command: ScanCommand, options: object) => {
        asked.push(command.input.Segment);
        if (asked.filter((segment) => segment === 2).length === 1 && command.input.Segment === 2)
          return Promise.reject(new Error('throttled'));
        return bench.scan.client.send(command, options);
      },
    });
    const retry = <T>(page: () => Promise<T>) => page().catch(page);
    const copied = await backfill({ ...bench.scan, client: busy, sink: bench.sink, retry });
    expect(copied).toMatchObject({ rows: 5 });
    expect(asked.sort()).toEqual([0, 1, 2, 2, 3]);
  });

  on(
    'writes what came on 12 pages at once, so that a batch has a size however large its items are',
    async () => {
      const bench = await open();
      await bench.send(...Array.from({ length: 60 }, (_, n) => completed(job(n))));
      const paged = onePageAnItem(bench.scan.client);
      const batches: number[] = [];
      const sink: Sink = {
        ...bench.sink,
        write: (batch, source) => {
          batches.push(batch.length);
          return bench.sink.write(batch, source);
        },
      };
      expect(await backfill({ ...bench.scan, client: paged, sink })).toMatchObject({ rows: 60 });
      // The other three segments may come with a page each before the one before is written.
      expect(batches[0]).toBe(12);
      expect(Math.max(...batches)).toBeLessThanOrEqual(15);
      expect(batches.reduce((sum, size) => sum + size)).toBe(60);
      expect((await bench.verify()).differences).toEqual([]);
    },
  );

  for (const items of [1, 60]) {
    on(
      `does not say that a copy of ${items} is done of which the first batch could not be written`,
      async () => {
        const bench = await open();
        await bench.send(...Array.from({ length: items }, (_, n) => completed(job(n))));
        const refused = new Error('no');
        let writes = 0;
        const sink: Sink = {
          ...bench.sink,
          write: (...batch) => (writes++ === 0 ? Promise.reject(refused) : bench.sink.write(...batch)),
        };
        const client = onePageAnItem(bench.scan.client);
        await expect(backfill({ ...bench.scan, client, sink })).rejects.toBe(refused);
      },
    );
  }

  on('sees what verify is for: a row that is missing, behind, extra or doubled', async () => {
    const bench = await open();
    await bench.send(...[1, 2, 3].map((n) => completed(job(n))));
    await backfill({ ...bench.scan, sink: bench.sink });
    const rows = await finals();
    const [a, b, c] = rows as [WorkflowJobRow, WorkflowJobRow, WorkflowJobRow];
    await clearAttempts(clickHouse.client);
    const values = [
      { ...b, revision: b.revision - 1 },
      c,
      { ...c, received_at: '2026-01-01 00:00:00.000' },
      { ...c, dynamoKey: 'nobody' },
    ];
    await clickHouse.client.insert({ table: 'oot_workflow_job', values, format: 'JSONEachRow' });
    const { differences } = await bench.verify();
    expect(differences.map(({ dynamoKey, kind }) => [dynamoKey, kind])).toEqual([
      ['nobody', 'extra'],
      [a.dynamoKey, 'missing'],
      [b.dynamoKey, 'behind'],
      [c.dynamoKey, 'doubled'],
    ]);
  });

  on('deletes the row of an item that is gone, and what it hid is seen again', async () => {
    const bench = await open();
    await bench.send(
      completed(job(1, { conclusion: 'failure' })),
      completed(job(2, { conclusion: 'success', run_attempt: 2 })),
    );
    await backfill({ ...bench.scan, sink: bench.sink });
    const [first, again] = (await finals()).map(({ dynamoKey }) => dynamoKey) as [string, string];
    const jobs = () => clickHouse.rows('SELECT dynamoKey, outcome FROM oot_jobs');
    expect(await jobs()).toEqual([{ dynamoKey: again, outcome: 'success' }]);
    // Of a process of its own.
    const remove = (key: string) =>
      deleteExtra(
        {
          ...bench.scan,
          clickHouse: clickHouse.client,
          sink: createSink({ client: clickHouse.client, now: Date.now }),
        },
        key,
      );

    await expect(remove(again)).rejects.toThrow(`${again}: DynamoDB has this item; delete it there`);
    expect(await jobs()).toHaveLength(1);
    await bench.scan.client.send(
      new DeleteItemCommand({ TableName: bench.tableName, Key: { dynamoKey: { S: again } } }),
    );
    expect((await bench.verify()).differences).toMatchObject([{ dynamoKey: again, kind: 'extra' }]);
    expect(await remove('nobody')).toBe(0);
    expect(await remove(again)).toBe(1);
    expect(await remove(again)).toBe(0);

    expect(await jobs()).toEqual([{ dynamoKey: first, outcome: 'failure' }]);
    expect(await bench.verify()).toMatchObject({ rows: 1, differences: [], stale: none });
    // Or its day would count as one that certainly has a result.
    expect(await clickHouse.rows('SELECT DISTINCT state FROM oot_activity_day ORDER BY state')).toEqual([
      { state: 'deleted' },
      { state: 'reported' },
    ]);
  });
});

it('finds the row that ClickHouse refuses by halving, and lets the rest through', async () => {
  await clearAttempts(clickHouse.client);
  await clickHouse.client.command({ query: 'TRUNCATE TABLE oot_quarantine_log' });
  // A constraint stands for whatever the server may refuse that the decoder lets through.
  await clickHouse.client.command({
    query: `ALTER TABLE oot_workflow_job ADD CONSTRAINT no_seven CHECK check_run_id != '7'`,
  });
  try {
    const sink = createSink({ client: clickHouse.client, now: Date.now });
    const changes = Array.from({ length: 20 }, (_, n) => ({
      kind: 'put' as const,
      image: marshall({
        dynamoKey: `k${n}`,
        status: 'in_progress',
        downstream_repo: 'a/b',
        workflow_name: 'w',
        job_name: 'j',
        check_run_id: `${n}`,
        received_at: Date.now(),
        revision: 1,
      }),
      sequenceNumber: `${n}`,
      changedAtMs: null,
    }));
    expect(await sink.write(changes, 'stream')).toEqual({ rows: 19, quarantined: 1, skipped: 0 });
    expect(
      (await listQuarantine(clickHouse.client)).map(({ dynamoKey, reason }) => [dynamoKey, reason]),
    ).toEqual([['k7', 'clickhouse_469']]);
  } finally {
    await clickHouse.client.command({ query: 'ALTER TABLE oot_workflow_job DROP CONSTRAINT no_seven' });
  }
});

it('keeps a key that ClickHouse and DynamoDB spell alike: quotes, tabs, backslashes, emoji', async () => {
  await clearAttempts(clickHouse.client);
  const sink = createSink({ client: clickHouse.client, now: Date.now });
  const name = `'"\\ \u{1f525} {x:String} -- ; DROP TABLE oot_workflow_job`;
  await sink.write(
    [
      {
        kind: 'put',
        image: marshall({
          dynamoKey: name,
          status: 'in_progress',
          downstream_repo: 'a/b',
          workflow_name: name,
          job_name: name,
          check_run_id: '1',
          received_at: Date.now(),
          revision: 1,
        }),
        sequenceNumber: '1',
        changedAtMs: null,
      },
    ],
    'stream',
  );
  expect(await clickHouse.rows('SELECT dynamoKey, workflow_name, job_name FROM oot_attempts')).toEqual([
    { dynamoKey: name, workflow_name: name, job_name: name },
  ]);
});
