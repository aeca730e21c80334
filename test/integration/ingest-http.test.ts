import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { DynamoDBClient, GetItemCommand, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import fc from 'fast-check';
import { createApp, type AppDeps } from '../../ingest/app';
import { createIngestMetrics } from '../../ingest/metrics';
import { listen, type HttpServer } from '../../runtime/http/server';
import { createResultStore, storeClientOptions } from '../../ingest/store';
import { ensureTable } from '../../ingest/table';
import { completed, inProgress, nightly, swept, type WireCallback } from '../helpers/callbacks';
import {
  canRun,
  createGate,
  dynamoEngines,
  eventually,
  freshName,
  silent,
  startDynamo,
  type TestDynamo,
} from '../helpers/engines';

const token = 'a-token-of-the-relay';
const rotated = 'the-token-that-follows';

describe.each(dynamoEngines)('ingest over HTTP on %s', (engine) => {
  let dynamo: TestDynamo | undefined;
  let server: HttpServer;
  let tableName: string;
  let base: string;
  let nowMs = Date.UTC(2026, 10, 20, 10, 0, 5);
  let draining = false;
  const metrics = createIngestMetrics();

  const serve = async (deps: Partial<AppDeps> = {}, client?: DynamoDBClient) => {
    const store = createResultStore({
      client: client ?? dynamo!.client,
      tableName,
      now: () => nowMs,
    });
    return listen(
      createApp({ store, tokens: [token, rotated], logger: silent, metrics, ...deps }),
      0,
      '127.0.0.1',
    );
  };

  beforeAll(async () => {
    if (!(await canRun(engine))) return;
    dynamo = await startDynamo(engine);
    tableName = freshName('results');
    await ensureTable(dynamo.client, tableName);
    server = await serve({ isDraining: () => draining });
    base = `http://127.0.0.1:${server.port}`;
  });
  afterAll(async () => {
    if (!dynamo) return;
    await server.drain();
    await dynamo.stop();
  });

  const post = (body: unknown, init: { path?: string; headers?: Record<string, string> } = {}) =>
    fetch(`${base}${init.path ?? '/api/oot/results'}`, {
      method: 'POST',
      body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
      headers: { 'content-type': 'application/json', 'x-oot-relay-token': token, ...init.headers },
    });
  const answer = async (response: Response) => ({
    status: response.status,
    body: await response.json(),
  });
  const item = async (dynamoKey: string) => {
    const { Item } = await dynamo!.client.send(
      new GetItemCommand({
        TableName: tableName,
        Key: { dynamoKey: { S: dynamoKey } },
        ConsistentRead: true,
      }),
    );
    return Item && unmarshall(Item);
  };
  const countItems = async () =>
    (await dynamo!.client.send(new ScanCommand({ TableName: tableName, Select: 'COUNT' }))).Count;
  /** Tests are reported as passed where the engine can't run; `canRun` has said so aloud. */
  const on = (name: string, test: () => Promise<void>) =>
    it(name, () => (dynamo ? test() : Promise.resolve()));

  let serial = 0;
  const unique = () => ({ check_run_id: `${++serial}` });

  on('answers 200 with status and key once the item is in DynamoDB, on both paths', async () => {
    for (const path of ['/api/oot/results', '/api/crcr/results', '/api/crcr/results/']) {
      const workflow = unique();
      const dynamoKey = `pytorch-labs/ascend-pytorch/7c9d2b1e-0f43-11f1-8a3e-5d1c2b3a4f50/ascend-ci/test (910b, 1, 4)/${workflow.check_run_id}`;
      expect(await answer(await post(inProgress({ workflow }), { path }))).toEqual({
        status: 200,
        body: { ok: true, status: 'in_progress', dynamoKey },
      });
      expect(await item(dynamoKey)).toMatchObject({
        status: 'in_progress',
        received_at: nowMs,
        revision: nowMs + 1,
      });
    }
  });

  on('stores exactly what the two callbacks brought, and one revision a write', async () => {
    const workflow = unique();
    const first = nowMs;
    const { body } = await answer(await post(inProgress({ workflow })));
    nowMs += 60_000;
    await post(
      completed({
        workflow: {
          ...workflow,
          conclusion: 'failure',
          failed_tests: [{ name: 'test_a' }],
          environment: { sdk: '8.3' },
        },
      }),
    );
    await post(completed({ workflow: { ...workflow, conclusion: 'failure' } }));
    expect(await item((body as { dynamoKey: string }).dynamoKey)).toEqual({
      dynamoKey: (body as { dynamoKey: string }).dynamoKey,
      status: 'completed',
      state: 'reported',
      conclusion: 'failure',
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
      check_run_id: workflow.check_run_id,
      run_id: '16123456789',
      run_attempt: 1,
      queue_time: 41.207,
      execution_time: 1822.5,
      started_at: '2026-11-20T10:00:00.123456Z',
      completed_at: '2026-11-20T10:30:22.654321Z',
      total_tests: 4157,
      passed_tests: 4120,
      failed_tests: 0,
      skipped_tests: 37,
      failed_tests_json: '[{"name":"test_a"}]',
      failed_tests_cut: 0,
      artifact_url: 'https://github.com/pytorch-labs/ascend-pytorch/actions/runs/16123456789/artifacts/7',
      environment: '{"sdk":"8.3"}',
      received_at: first,
      updated_at: nowMs,
      outcome_at: nowMs,
      revision: first + 2,
    });
  });

  on('writes nothing for a repeated callback', async () => {
    const workflow = unique();
    const { body } = await answer(await post(completed({ workflow })));
    const before = await item((body as { dynamoKey: string }).dynamoKey);
    nowMs += 1_000;
    expect((await post(completed({ workflow }))).status).toBe(200);
    expect(await item((body as { dynamoKey: string }).dynamoKey)).toEqual(before);
  });

  on('keeps a push without a pull request at pr_number 0 and its SHA', async () => {
    const input = completed({
      payload: {
        event_type: 'push',
        payload: { after: 'd'.repeat(40), repository: { full_name: 'pytorch/vision' } },
      },
      workflow: unique(),
    });
    const { body } = await answer(await post(input));
    expect(await item((body as { dynamoKey: string }).dynamoKey)).toMatchObject({
      event_type: 'push',
      pr_number: 0,
      pytorch_head_sha: 'd'.repeat(40),
      upstream_repo: 'pytorch/vision',
    });
  });

  on('keeps nightly callbacks of two jobs of one SHA apart', async () => {
    const keys = await Promise.all(
      ['build', 'test'].map(
        async (job_name) =>
          (
            (await (await post(nightly({ workflow: { job_name, ...unique() } }))).json()) as {
              dynamoKey: string;
            }
          ).dynamoKey,
      ),
    );
    expect(new Set(keys).size).toBe(2);
  });

  on('ends at one item for any order, repetition and concurrency of the callbacks', async () => {
    const cast = (workflow: Record<string, unknown>): WireCallback[] => [
      inProgress({ workflow }),
      swept({ workflow }),
      completed({ workflow: { ...workflow, conclusion: 'failure' } }),
      inProgress({ workflow: { ...workflow, url: null }, payload: { payload: null } }),
      completed({ workflow: { ...workflow, conclusion: 'failure', test_results: null } }),
    ];
    const clockFields = new Set(['dynamoKey', 'check_run_id', 'revision']);
    const final = async (order: number[], atOnce: boolean) => {
      const inputs = cast(unique());
      const chosen = order.map((index) => inputs[index]);
      const responses: Response[] = [];
      if (atOnce) responses.push(...(await Promise.all(chosen.map((input) => post(input)))));
      else for (const input of chosen) responses.push(await post(input));
      expect(responses.map(({ status }) => status)).toEqual(chosen.map(() => 200));
      const { dynamoKey } = (await responses[0]!.json()) as { dynamoKey: string };
      const entries = Object.entries((await item(dynamoKey)) ?? {});
      return Object.fromEntries(entries.filter(([field]) => !clockFields.has(field)));
    };
    const expected = await final([0, 1, 2, 3, 4], false);
    expect(expected).toMatchObject({
      conclusion: 'failure',
      state: 'reported',
      queue_time: 41.207,
      total_tests: 4157,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([0, 1, 2, 3, 4, 0, 1, 2, 3, 4], { minLength: 10 }),
        fc.boolean(),
        async (order, atOnce) => {
          expect(await final(order, atOnce)).toEqual(expected);
        },
      ),
      { numRuns: 25 },
    );
  });

  on('never turns a completed job back to running', async () => {
    const workflow = unique();
    await post(completed({ workflow }));
    const { body } = await answer(await post(inProgress({ workflow })));
    expect(body).toMatchObject({ ok: true });
    expect(await item((body as { dynamoKey: string }).dynamoKey)).toMatchObject({
      status: 'completed',
      conclusion: 'success',
    });
  });

  on("moves an item of HUD's own code on in one piece, and keeps its place in time", async () => {
    const workflow = unique();
    const dynamoKey = `pytorch-labs/ascend-pytorch/7c9d2b1e-0f43-11f1-8a3e-5d1c2b3a4f50/ascend-ci/test (910b, 1, 4)/${workflow.check_run_id}`;
    const hud = {
      dynamoKey,
      status: 'in_progress',
      conclusion: '',
      started_at: '2026-11-19T10:00:00.5Z',
      pr_number: 0,
    };
    await dynamo!.client.send(new PutItemCommand({ TableName: tableName, Item: marshall(hud) }));
    expect((await post(completed({ workflow }))).status).toBe(200);
    expect(await item(dynamoKey)).toMatchObject({
      state: 'reported',
      conclusion: 'success',
      pr_number: 179565,
      received_at: Date.parse(hud.started_at),
      revision: nowMs + 1,
    });
  });

  on('keeps an item under 400 KB whatever is sent', async () => {
    const failed_tests = Array.from({ length: 350 }, () => ({
      name: 'n'.repeat(1_000),
      message: '日'.repeat(300),
      stacktrace: '\u0001'.repeat(600),
    }));
    const response = await post(
      completed({ workflow: { ...unique(), failed_tests, environment: { e: 'x'.repeat(16_000) } } }),
    );
    expect(await answer(response)).toMatchObject({ status: 200 });
  });

  on('refuses what it must, and changes nothing', async () => {
    const before = await countItems();
    const big = (bytes: number) => {
      const body = JSON.stringify(completed({ workflow: { ...unique(), filler: '' } }));
      return body.replace('"filler":""', `"filler":"${'x'.repeat(bytes - body.length)}"`);
    };
    const limit = 2 * 1024 * 1024;
    const missing = completed({ workflow: { job_name: undefined } });
    const cases: [string, () => Promise<Response>, number, unknown][] = [
      ['another method', () => fetch(`${base}/api/oot/results`), 405, { error: 'Method not allowed' }],
      [
        'no token',
        () => post(completed(), { headers: { 'x-oot-relay-token': '' } }),
        401,
        { error: 'Unauthorized' },
      ],
      [
        'a wrong token',
        () => post(completed(), { headers: { 'x-oot-relay-token': `${token}x` } }),
        401,
        { error: 'Unauthorized' },
      ],
      [
        'a form',
        () => post('a=b', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
        415,
        { error: 'body must be JSON (Content-Type: application/json)' },
      ],
      [
        'text that is not JSON',
        () => post('hello', { headers: { 'content-type': 'text/plain' } }),
        415,
        { error: 'body must be JSON (Content-Type: application/json)' },
      ],
      [
        'broken JSON',
        () => post('{'),
        400,
        { error: 'body is not valid JSON', issues: [{ path: 'body', message: 'is not valid JSON' }] },
      ],
      [
        'no body',
        () => post(''),
        400,
        { error: 'body is empty', issues: [{ path: 'body', message: 'is empty' }] },
      ],
      [
        'bytes that are not UTF-8',
        () => post(Buffer.from([0x22, 0xff, 0x22])),
        400,
        { error: 'body is not UTF-8', issues: [{ path: 'body', message: 'is not UTF-8' }] },
      ],
      [
        'broken gzip',
        () => post(Buffer.from('not gzip'), { headers: { 'content-encoding': 'gzip' } }),
        400,
        { error: 'body cannot be decoded' },
      ],
      [
        'an unknown encoding',
        () => post('{}', { headers: { 'content-encoding': 'snappy' } }),
        415,
        { error: 'Content-Encoding is not supported' },
      ],
      ['one byte over 2 MB', () => post(big(limit + 1)), 413, { error: 'body is larger than 2 MB' }],
      [
        'over 2 MB once inflated',
        () => post(gzipSync(big(limit + 1)), { headers: { 'content-encoding': 'gzip' } }),
        413,
        { error: 'body is larger than 2 MB' },
      ],
      [
        'a missing field',
        () => post(missing),
        400,
        {
          error: 'workflow.job_name is required',
          issues: [{ path: 'workflow.job_name', message: 'is required' }],
        },
      ],
      [
        'no trusted part',
        () => post({ untrusted: completed().untrusted }),
        400,
        { error: 'trusted is required', issues: [{ path: 'trusted', message: 'is required' }] },
      ],
      ['another path', () => post(completed(), { path: '/api/other' }), 404, { error: 'Not found' }],
    ];
    for (const [name, send, status, body] of cases) {
      expect([name, await answer(await send())]).toEqual([name, { status, body }]);
    }
    expect(await countItems()).toBe(before);
    expect((await post(big(limit))).status).toBe(200);
    expect((await post(gzipSync(big(limit)), { headers: { 'content-encoding': 'gzip' } })).status).toBe(200);
  });

  on('says the field in the reason phrase, and which method is allowed', async () => {
    const response = await post(completed({ workflow: { job_name: '', check_run_id: null } }));
    expect([response.status, response.statusText]).toEqual([
      400,
      'workflow.job_name is required (and 1 more)',
    ]);
    const other = await fetch(`${base}/api/oot/results`, { method: 'PUT' });
    expect([other.status, other.headers.get('allow')]).toEqual([405, 'POST']);
  });

  on('takes any configured token in any of its headers', async () => {
    const statuses = await Promise.all(
      [
        { 'x-oot-relay-token': rotated },
        { 'x-oot-relay-token': '', 'x-hud-internal-bot': token },
        { 'x-oot-relay-token': '', authorization: `Bearer ${rotated}` },
        { 'x-oot-relay-token': '', authorization: `bearer ${token}` },
        { 'x-oot-relay-token': '', authorization: `Basic ${token}` },
      ].map(async (headers) => (await post(completed({ workflow: unique() }), { headers })).status),
    );
    expect(statuses).toEqual([200, 200, 200, 200, 401]);
  });

  on('parses JSON that was encoded twice, and JSON sent as text', async () => {
    const once = JSON.stringify(completed({ workflow: unique() }));
    expect((await post(JSON.stringify(once))).status).toBe(200);
    expect((await post(once, { headers: { 'content-type': 'text/plain' } })).status).toBe(200);
    expect(
      (await post(once, { headers: { 'content-type': 'application/json; charset=utf-8' } })).status,
    ).toBe(200);
  });

  on('refuses a wrong token without waiting for the body', async () => {
    const req = httpRequest(`${base}/api/oot/results`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': 1_000_000 },
    });
    req.write('{');
    const [response] = (await once(req, 'response')) as [{ statusCode: number }];
    expect(response.statusCode).toBe(401);
    req.on('error', () => undefined).destroy();
  });

  on('answers 500 Server misconfigured when it was built without a token', async () => {
    const bare = await serve({ tokens: [] });
    const response = await fetch(`http://127.0.0.1:${bare.port}/api/oot/results`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-oot-relay-token': '' },
      body: '{}',
    });
    expect(await answer(response)).toEqual({ status: 500, body: { error: 'Server misconfigured' } });
    await bare.drain();
  });

  const unreachable = (endpoint: string) =>
    new DynamoDBClient({
      region: 'us-east-1',
      endpoint,
      credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
      ...storeClientOptions,
    });

  on('answers 503 with Retry-After where DynamoDB refuses connections', async () => {
    const other = await serve({}, unreachable('http://127.0.0.1:1'));
    base = `http://127.0.0.1:${other.port}`;
    try {
      const response = await post(completed());
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '2']);
      expect((await fetch(`${base}/readyz`)).status).toBe(503);
      expect((await fetch(`${base}/healthz`)).status).toBe(200);
    } finally {
      base = `http://127.0.0.1:${server.port}`;
      await other.drain();
    }
  });

  on('answers 503 where DynamoDB accepts and says nothing, and where a body trickles', async () => {
    const hole = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
    await once(hole, 'listening');
    const other = await serve(
      { storeTimeoutMs: 400, deadlineMs: 800 },
      unreachable(`http://127.0.0.1:${(hole.address() as AddressInfo).port}`),
    );
    base = `http://127.0.0.1:${other.port}`;
    try {
      expect((await post(completed())).status).toBe(503);
      const socket = connect(other.port, '127.0.0.1');
      socket.write(
        `POST /api/oot/results HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nx-oot-relay-token: ${token}\r\ncontent-length: 100\r\n\r\n{`,
      );
      const [data] = (await once(socket, 'data')) as [Buffer];
      expect(data.toString().split('\r\n')[0]).toBe('HTTP/1.1 503 Took too long, try again');
      socket.destroy();
    } finally {
      base = `http://127.0.0.1:${server.port}`;
      await other.drain();
      hole.close();
    }
  });

  on('answers 500 only for a defect of its own, and says nothing of it', async () => {
    const other = await serve({
      store: { write: () => Promise.reject(new Error('secret detail')), ping: () => Promise.resolve() },
    });
    const response = await fetch(`http://127.0.0.1:${other.port}/api/oot/results`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-oot-relay-token': token },
      body: JSON.stringify(completed()),
    });
    expect(await answer(response)).toEqual({
      status: 500,
      body: { error: 'Internal error writing to DynamoDB' },
    });
    await other.drain();
  });

  on('is ready while DynamoDB answers, and drains with 503', async () => {
    expect((await fetch(`${base}/readyz`)).status).toBe(200);
    draining = true;
    const response = await post(completed());
    draining = false;
    expect([
      response.status,
      response.headers.get('retry-after'),
      response.headers.get('connection'),
    ]).toEqual([503, '2', 'close']);
  });

  on('lets a request in flight finish while it drains', async () => {
    const writing = createGate();
    const written = createGate();
    const other = await serve({
      store: {
        async write() {
          writing.open();
          await written.opened;
          return 'new';
        },
        ping: () => Promise.resolve(),
      },
    });
    const pending = fetch(`http://127.0.0.1:${other.port}/api/oot/results`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-oot-relay-token': token },
      body: JSON.stringify(completed()),
    });
    await writing.opened;
    const drained = other.drain();
    written.open();
    expect((await pending).status).toBe(200);
    await drained;
  });

  on('answers every request of clients that back off while it drains, and drops no connection', async () => {
    let isDraining = false;
    const other = await serve({ isDraining: () => isDraining });
    const statuses: number[] = [];
    const client = async () => {
      for (;;) {
        const response = await fetch(`http://127.0.0.1:${other.port}/api/oot/results`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-oot-relay-token': token },
          body: JSON.stringify(completed({ workflow: unique() })),
        });
        statuses.push(response.status);
        await response.arrayBuffer();
        if (response.status === 503) return;
      }
    };
    const clients = Array.from({ length: 12 }, client);
    await eventually(() => Promise.resolve(statuses.length >= 50));
    isDraining = true;
    await Promise.all([other.drain(), ...clients]);
    expect(statuses.filter((status) => status === 503)).toHaveLength(12);
    expect(new Set(statuses)).toEqual(new Set([200, 503]));
  });

  on('counts answers and writes without a word of the sender', async () => {
    const text = await (await fetch(`${base}/metrics`)).text();
    expect(text).toMatch(/oot_ingest_requests_total\{route="results",status="400",reason="invalid"\} \d+/);
    expect(text).toMatch(/oot_ingest_writes_total\{kind="new"\} \d+/);
    expect(text).toMatch(/oot_ingest_writes_total\{kind="unchanged"\} \d+/);
    expect(text).not.toMatch(/ascend|a-token/);
  });
});
