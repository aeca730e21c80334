import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda';
import type { WorkflowJobRow } from '../../clickhouse/tables';
import { bundleLambda } from '../../deploy/bundle';
import { createResultStore } from '../../ingest/store';
import { ensureTable } from '../../ingest/table';
import { verify } from '../../replicator/verify';
import { imitateSecretsManager } from '../helpers/aws-imitations';
import { completed, inProgress, recordOf, type WireCallback } from '../helpers/callbacks';
import {
  freshName,
  startClickHouse,
  startDynamo,
  type TestClickHouse,
  type TestDynamo,
} from '../helpers/engines';
import { startLambda, type RunningLambda } from '../helpers/lambda';
import { eventOf, readStreamEvents } from '../helpers/stream-events';
import { clearAttempts } from '../helpers/rows';

/* The bundle that is deployed, in a process of its own, with events made of what an engine's stream really held. */

const secretId = 'oot-ci-health/test/clickhouse';
const secrets = new Map<string, string>();

let folder: string;
let clickHouse: TestClickHouse;
let dynamo: TestDynamo;
let secretsManager: Awaited<ReturnType<typeof imitateSecretsManager>>;
let lambda: RunningLambda;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'oot-lambda-'));
  clickHouse = await startClickHouse();
  dynamo = await startDynamo('dynoxide');
  secretsManager = await imitateSecretsManager(secrets);
  secrets.set(secretId, JSON.stringify({ CLICKHOUSE_URL: clickHouse.url }));
  lambda = await startLambda(bundleLambda('replicator', folder).file, {
    CLICKHOUSE_SECRET: secretId,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secretsManager.url,
  });
});
afterAll(async () => {
  await lambda.stop();
  await secretsManager.stop();
  await dynamo.stop();
  await clickHouse.stop();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  for (const table of ['oot_workflow_job', 'oot_quarantine_log', 'oot_replication_log'])
    await clickHouse.client.command({ query: `TRUNCATE TABLE ${table}` });
});

const job = (n: number) => ({ workflow: { check_run_id: String(n), job_name: `job ${n}` } });
const keyOf = (n: number) => recordOf(inProgress(job(n))).dynamoKey;
const invoke = (event: DynamoDBStreamEvent) => lambda.invoke<DynamoDBBatchResponse>(event);
const done = { batchItemFailures: [] };

/** A table to which callbacks were sent, and its stream's records in the order in which they came. */
async function stream(...callbacks: WireCallback[]) {
  const tableName = freshName('results');
  await ensureTable(dynamo.client, tableName);
  const store = createResultStore({ client: dynamo.client, tableName, now: Date.now });
  for (const callback of callbacks) await store.write(recordOf(callback));
  return {
    tableName,
    records: async () => (await readStreamEvents(dynamo, tableName)).flatMap(({ Records }) => Records),
    differences: async () =>
      (await verify({ client: dynamo.client, tableName, clickHouse: clickHouse.client, settleMs: 0 }))
        .differences,
  };
}
const shown = async () =>
  (
    await clickHouse.rows<WorkflowJobRow>(
      'SELECT dynamoKey, status, conclusion FROM oot_workflow_job FINAL ORDER BY dynamoKey',
    )
  ).map(({ dynamoKey, status, conclusion }) => [dynamoKey, status, conclusion]);

describe('the replicator as a Lambda', () => {
  it('makes rows of what an event brings, and one heartbeat of the stream', async () => {
    const { records, differences } = await stream(inProgress(job(1)), inProgress(job(2)), completed(job(1)));
    const event = eventOf(...(await records()));
    expect(await invoke(event)).toEqual(done);
    expect(await shown()).toEqual([
      [keyOf(1), 'completed', 'success'],
      [keyOf(2), 'in_progress', ''],
    ]);
    expect(await differences()).toEqual([]);
    expect(
      await clickHouse.rows('SELECT replicator, stream_arn, position FROM oot_replication_log FINAL'),
    ).toEqual([
      {
        replicator: 'lambda',
        stream_arn: event.Records[0]!.eventSourceARN,
        position: event.Records.at(-1)!.dynamodb!.SequenceNumber,
      },
    ]);
  });

  it('takes batches twice, cut differently, and newer ones before older ones', async () => {
    const { records, differences } = await stream(
      ...[1, 2, 3].map((n) => inProgress(job(n))),
      ...[1, 2].map((n) => completed(job(n))),
    );
    const [a, b, c, d, e] = (await records()) as [
      DynamoDBRecord,
      DynamoDBRecord,
      DynamoDBRecord,
      DynamoDBRecord,
      DynamoDBRecord,
    ];
    // As after a crash between the insert and the checkpoint, after halving, and as by a replay next to the stream.
    for (const event of [
      eventOf(d, e),
      eventOf(a, b, c),
      eventOf(b, c, d),
      eventOf(a, b, c, d, e),
      eventOf(a),
    ])
      expect(await invoke(event)).toEqual(done);
    expect((await shown()).map(([, status]) => status)).toEqual(['completed', 'completed', 'in_progress']);
    expect(await differences()).toEqual([]);
    expect(
      await clickHouse.rows('SELECT count() AS n, uniqExact(dynamoKey) AS keys FROM oot_workflow_job FINAL'),
    ).toEqual([{ n: 3, keys: 3 }]);
  });

  it('ends the same whether a shard came before the one that it was split from, or after', async () => {
    const { tableName, records } = await stream(inProgress(job(1)), inProgress(job(2)));
    await dynamo.client.send(
      new DeleteItemCommand({ TableName: tableName, Key: { dynamoKey: { S: keyOf(2) } } }),
    );
    const store = createResultStore({ client: dynamo.client, tableName, now: Date.now });
    await store.write(recordOf(completed(job(1))));
    const all = await records();
    const parent = all.slice(0, 2);
    const child = all.slice(2).map((record) => ({ ...record, eventID: `child-${record.eventID}` }));
    const outcomes = [];
    for (const order of [
      [parent, child],
      [child, parent],
    ]) {
      await clearAttempts(clickHouse.client);
      for (const batch of order) expect(await invoke(eventOf(...batch))).toEqual(done);
      outcomes.push(await shown());
    }
    expect(outcomes[0]).toEqual([[keyOf(1), 'completed', 'success']]);
    expect(outcomes[1]).toEqual(outcomes[0]);
  });

  it("keeps the row of what DynamoDB's TTL removed, and hides that of what a person removed", async () => {
    const { tableName, records } = await stream(completed(job(1)), completed(job(2)));
    for (const n of [1, 2])
      await dynamo.client.send(
        new DeleteItemCommand({ TableName: tableName, Key: { dynamoKey: { S: keyOf(n) } } }),
      );
    const userIdentity = { type: 'Service', principalId: 'dynamodb.amazonaws.com' };
    const all = await records();
    const event = eventOf(
      ...all.map((record) =>
        record.eventName === 'REMOVE' && record.dynamodb?.Keys?.dynamoKey?.S === keyOf(1)
          ? { ...record, userIdentity }
          : record,
      ),
    );
    expect(event.Records.map(({ eventName }) => eventName)).toEqual(['INSERT', 'INSERT', 'REMOVE', 'REMOVE']);
    expect(await invoke(event)).toEqual(done);
    expect(await shown()).toEqual([[keyOf(1), 'completed', 'success']]);
  });

  it('puts a record that can be no row into quarantine, and does not hold up those beside it', async () => {
    const { tableName, records } = await stream(completed(job(1)));
    const poison = marshall({ dynamoKey: 'poison', status: 'exploded' });
    await dynamo.client.send(new PutItemCommand({ TableName: tableName, Item: poison }));
    const [good, bad] = await records();
    expect(await invoke(eventOf(bad!, good!))).toEqual(done);
    expect(await shown()).toEqual([[keyOf(1), 'completed', 'success']]);
    expect(await clickHouse.rows('SELECT dynamoKey, reason FROM oot_quarantine_log FINAL')).toEqual([
      { dynamoKey: 'poison', reason: 'invalid_status' },
    ]);
  });

  it('reports all from the first while ClickHouse is dead, and writes the same batch when it is back', async () => {
    const { records, differences } = await stream(inProgress(job(1)), completed(job(1)), completed(job(2)));
    const event = eventOf(...(await records()));
    await clickHouse.kill();
    const failed = { batchItemFailures: [{ itemIdentifier: event.Records[0]!.dynamodb!.SequenceNumber }] };
    expect(await invoke(event)).toEqual(failed);
    expect(await invoke(event)).toEqual(failed);
    await clickHouse.restart();
    expect(await invoke(event)).toEqual(done);
    expect(await differences()).toEqual([]);
  });

  it('fails as a whole when the stream is of a kind that it can not read', async () => {
    const { records } = await stream(completed(job(1)));
    const [{ dynamodb, ...record }] = (await records()) as [DynamoDBRecord];
    const { NewImage: _, ...keysOnly } = dynamodb!;
    await expect(invoke(eventOf({ ...record, dynamodb: keysOnly }))).rejects.toThrow(/NEW_AND_OLD_IMAGES/);
  });

  it('logs counts, and no word of a record', () => {
    expect(lambda.log()).toContainEqual(
      expect.objectContaining({ msg: 'batch confirmed', rows: 3, quarantined: 0, skipped: 0 }),
    );
    expect(JSON.stringify(lambda.log())).not.toMatch(/ascend|exploded|127\.0\.0\.1/);
  });
});

describe('without a secret that can be used', () => {
  const cases: [string, string | undefined, RegExp][] = [
    ['there is none', undefined, /ResourceNotFoundException/],
    ['it is no JSON', 'url=secret-word', /is not JSON$/],
    [
      'it has no address',
      '{"CLICKHOUSE_PASSWORD":"secret-word"}',
      /CLICKHOUSE_URL: is required: https:\/\/host:8443$/,
    ],
  ];
  it.each(cases)('fails where %s, and says what is wrong and no value', async (_, secret, expected) => {
    const name = freshName('secret');
    if (secret !== undefined) secrets.set(name, secret);
    const running = await startLambda(join(folder, 'replicator', 'index.js'), {
      CLICKHOUSE_SECRET: name,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: secretsManager.url,
    });
    try {
      const failed = running.invoke({ Records: [] });
      await expect(failed).rejects.toThrow(expected);
      await expect(failed).rejects.not.toThrow(/secret-word/);
      expect(JSON.stringify(running.log())).not.toContain('secret-word');
    } finally {
      await running.stop();
    }
  });
});
