import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { DeleteItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { DynamoDBRecord } from 'aws-lambda';
import { createResultStore } from '../../ingest/store';
import { ensureTable } from '../../ingest/table';
import { backfill } from '../../replicator/backfill';
import { createSink } from '../../replicator/sink';
import { verify } from '../../replicator/verify';
import { imitateS3 } from '../helpers/aws-imitations';
import { completed, inProgress, recordOf } from '../helpers/callbacks';
import {
  freshName,
  startClickHouse,
  startDynamo,
  type TestClickHouse,
  type TestDynamo,
} from '../helpers/engines';
import { eventOf, failedBatchObject, readStreamEvents } from '../helpers/stream-events';

/* `npm run replay-failures` as a person runs it, on batches of what an engine's stream really held. */

let clickHouse: TestClickHouse;
let dynamo: TestDynamo;
let tableName: string;
let records: DynamoDBRecord[];

const job = (n: number) => ({ workflow: { check_run_id: String(n), job_name: `job ${n}` } });
const keyOf = (n: number) => recordOf(inProgress(job(n))).dynamoKey;

beforeAll(async () => {
  clickHouse = await startClickHouse();
  dynamo = await startDynamo('dynoxide');
  tableName = freshName('results');
  await ensureTable(dynamo.client, tableName);
  const store = createResultStore({ client: dynamo.client, tableName, now: Date.now });
  for (const callback of [
    ...[1, 2, 3, 4].map((n) => inProgress(job(n))),
    completed(job(1)),
    completed(job(2)),
  ])
    await store.write(recordOf(callback));
  await dynamo.client.send(
    new DeleteItemCommand({ TableName: tableName, Key: { dynamoKey: { S: keyOf(4) } } }),
  );
  records = (await readStreamEvents(dynamo, tableName)).flatMap(({ Records }) => Records);
});
afterAll(async () => {
  await dynamo.stop();
  await clickHouse.stop();
});
beforeEach(async () => {
  for (const table of ['oot_workflow_job', 'oot_quarantine_log'])
    await clickHouse.client.command({ query: `TRUNCATE TABLE ${table}` });
});

async function run(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'replicator/replay-failures-main.ts', ...args], {
    cwd: join(__dirname, '../..'),
    env: {
      PATH: process.env.PATH,
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_MAX_ATTEMPTS: '1',
      OOT_TABLE: tableName,
      DYNAMODB_ENDPOINT: dynamo.engine.endpoint,
      CLICKHOUSE_URL: clickHouse.url,
      ...env,
    },
  });
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  // Progress is for eyes.
  return { code: await code, stdout, stderr: stderr.replace(/^[\d,]+ changes, [\d,]+\/s\n/gm, '') };
}
const differences = async () =>
  (
    await verify({ client: dynamo.client, tableName, clickHouse: clickHouse.client, settleMs: 0 })
  ).differences.map(({ kind, dynamoKey }) => [kind, dynamoKey]);
const batches = () => [
  failedBatchObject(eventOf(...records.slice(0, 3)), { n: 1 }),
  failedBatchObject(eventOf(...records.slice(3, 5)), { n: 2 }),
  failedBatchObject(eventOf(...records.slice(5)), { n: 3 }),
];

describe('replay-failures from a bucket', () => {
  const bucket = 'oot-failures';
  let objects: Map<string, string>;
  let s3: Awaited<ReturnType<typeof imitateS3>>;
  beforeEach(async () => {
    objects = new Map(batches());
    s3 = await imitateS3(bucket, objects, 2);
  });
  afterEach(() => s3.stop());
  const replay = (...args: string[]) => run(args, { AWS_ENDPOINT_URL_S3: s3.url });

  it('brings everything back, over pages of objects, and deletes each after its rows are there', async () => {
    const keys = [...objects.keys()];
    expect(await replay(`s3://${bucket}`)).toEqual({
      code: 0,
      stdout: '3 objects, 7 changes: 7 rows, 0 in quarantine, 0 skipped\n',
      stderr: '',
    });
    expect(await differences()).toEqual([]);
    expect(objects.size).toBe(0);
    expect(s3.calls).toEqual([
      'LIST 2',
      ...keys.slice(0, 2).map((key) => `DELETE ${key}`),
      'LIST 1',
      `DELETE ${keys[2]}`,
    ]);
  });

  it('can be repeated, and come after newer changes: an old batch never wins', async () => {
    await backfill({
      client: dynamo.client,
      tableName,
      sink: createSink({ client: clickHouse.client, now: Date.now }),
      onProgress: () => undefined,
    });
    for (const flags of [['--keep'], ['--keep'], []])
      expect(await replay(...flags, `s3://${bucket}/aws/lambda`)).toMatchObject({ code: 0 });
    expect(await differences()).toEqual([]);
    expect(objects.size).toBe(0);
  });

  it('looks at one prefix only, where one is given', async () => {
    const [first] = [...objects.keys()];
    expect(await replay(`s3://${bucket}/${first}`)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^1 objects, 3 changes/) as string,
    });
    expect(objects.size).toBe(2);
  });

  it('writes nothing and deletes nothing with --check', async () => {
    expect(await replay('--check', `s3://${bucket}`)).toMatchObject({
      code: 0,
      stdout: '3 objects, 7 changes: nothing written\n',
    });
    expect(await clickHouse.rows('SELECT count() AS n FROM oot_workflow_job')).toEqual([{ n: 0 }]);
    expect(objects.size).toBe(3);
  });

  it('leaves what is no batch of this table where it is, says why, and replays the rest', async () => {
    const event = eventOf(...records.slice(0, 1));
    const [, whole] = failedBatchObject(event);
    const wrong: [string, string, RegExp][] = [
      ['aws/lambda/a', 'PK\u0003\u0004', /no invocation record of Lambda$/],
      ['aws/lambda/b', whole.slice(0, -10), /no invocation record of Lambda$/],
      [
        'aws/lambda/c',
        failedBatchObject(event, { payload: undefined })[1],
        /record of Lambda: payload is missing/,
      ],
      ['aws/lambda/d', failedBatchObject(event, { payload: '{"Records":7}' })[1], /its payload is no event/],
      [
        'aws/lambda/e',
        failedBatchObject(event, { payload: '{"Records":[{},null]}' })[1],
        /a record has no image/,
      ],
      [
        'aws/lambda/f',
        failedBatchObject(event, {
          streamArn: 'arn:aws:dynamodb:us-east-1:123456789012:table/staging/stream/2026',
        })[1],
        /is of the table staging, and OOT_TABLE is results-/,
      ],
    ];
    for (const [key, body] of wrong) objects.set(key, body);
    const { code, stdout, stderr } = await replay(`s3://${bucket}`);
    expect({ code, stdout }).toEqual({
      code: 1,
      stdout:
        '9 objects, 7 changes: 7 rows, 0 in quarantine, 0 skipped; 6 objects refused, 0 not whole, all left there\n',
    });
    const said = stderr.trimEnd().split('\n');
    expect(said.length).toBe(wrong.length);
    for (const [index, [key, , why]] of wrong.entries()) {
      expect(said[index]).toMatch(new RegExp(`^${key}: `));
      expect(said[index]).toMatch(why);
    }
    expect([...objects.keys()].sort()).toEqual(wrong.map(([key]) => key));
    expect(await differences()).toEqual([]);
  });

  it('replays a batch of which records are missing, and keeps the object', async () => {
    objects.clear();
    const [key, body] = failedBatchObject(eventOf(...records.slice(0, 3)), { batchSize: 5 });
    objects.set(key, body);
    const { code, stderr } = await replay(`s3://${bucket}`);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `${key}: 2 records are not in it; npm run backfill brings what the table has\n`,
    });
    expect(objects.has(key)).toBe(true);
    expect(await clickHouse.rows('SELECT count() AS n FROM oot_workflow_job FINAL')).toEqual([{ n: 3 }]);
  });

  it('settles what can be no row once it is in quarantine, and skips what TTL removed', async () => {
    await dynamo.client.send(
      new PutItemCommand({
        TableName: tableName,
        Item: marshall({ dynamoKey: 'poison', status: 'exploded' }),
      }),
    );
    const poison = (await readStreamEvents(dynamo, tableName)).flatMap(({ Records }) => Records).at(-1)!;
    await dynamo.client.send(
      new DeleteItemCommand({ TableName: tableName, Key: { dynamoKey: { S: 'poison' } } }),
    );
    const removal = records.find(({ eventName }) => eventName === 'REMOVE')!;
    const userIdentity = { type: 'Service', principalId: 'dynamodb.amazonaws.com' };
    objects.clear();
    objects.set(...failedBatchObject(eventOf(poison, { ...removal, userIdentity }), { n: 9 }));
    expect(await replay(`s3://${bucket}`)).toMatchObject({
      code: 0,
      stdout: '1 objects, 2 changes: 0 rows, 1 in quarantine, 1 skipped\n',
    });
    expect(objects.size).toBe(0);
    expect(await clickHouse.rows('SELECT dynamoKey, source FROM oot_quarantine_log FINAL')).toEqual([
      { dynamoKey: 'poison', source: 'stream' },
    ]);
  });

  it('deletes nothing while ClickHouse is dead, and goes on when it is back', async () => {
    await clickHouse.kill();
    const failed = await replay(`s3://${bucket}`);
    expect(failed).toMatchObject({ code: 1, stdout: '' });
    expect(failed.stderr).toMatch(/^Nothing listens there: /);
    expect(objects.size).toBe(3);
    await clickHouse.restart();
    expect(await replay(`s3://${bucket}`)).toMatchObject({ code: 0 });
    expect(objects.size).toBe(0);
    expect(await differences()).toEqual([]);
  });

  it('says which bucket is not there', async () => {
    expect(await replay('s3://oot-elsewhere')).toEqual({
      code: 1,
      stdout: '',
      stderr: 's3://oot-elsewhere: NoSuchBucket: NoSuchBucket of the imitation\n',
    });
  });
});

describe('replay-failures from a folder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oot-failures-'));
    // As `aws s3 sync s3://BUCKET FOLDER` leaves them.
    for (const [key, body] of batches()) {
      await mkdir(dirname(join(folder, key)), { recursive: true });
      await writeFile(join(folder, key), body);
    }
  });
  afterEach(() => rm(folder, { recursive: true }));
  const files = async () =>
    (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map(({ name }) => name.endsWith('.replayed'));

  it('brings everything back, and renames each file after its rows are there', async () => {
    expect(await run([folder])).toEqual({
      code: 0,
      stdout: '3 objects, 7 changes: 7 rows, 0 in quarantine, 0 skipped\n',
      stderr: '',
    });
    expect(await differences()).toEqual([]);
    expect(await files()).toEqual([true, true, true]);
    expect(await run([folder])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^0 objects/) as string,
    });
  });

  it('says that there is no such folder', async () => {
    expect(await run([join(folder, 'nowhere')])).toMatchObject({
      code: 1,
      stderr: `${join(folder, 'nowhere')} is not a folder\n`,
    });
  });
});

it.each([
  [[], 'one bucket or folder'],
  [['a', 'b'], 'one bucket or folder'],
  [['s3:/bucket'], 's3:/bucket is not s3://BUCKET'],
  [['--delete', 'a'], "Unknown option '--delete'"],
])('refuses %j with exit code 2', async (args, why) => {
  const { code, stderr } = await run(args);
  expect(code).toBe(2);
  expect(stderr).toContain(why);
  expect(stderr).toContain('usage: npm run replay-failures');
});
