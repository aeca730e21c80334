import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { bundleLambda } from '../../deploy/bundle';
import { ensureTable } from '../../ingest/table';
import { imitateSecretsManager } from '../helpers/aws-imitations';
import { completed, inProgress } from '../helpers/callbacks';
import { freshName, startDynamo, type TestDynamo } from '../helpers/engines';
import { startLambda, type RunningLambda } from '../helpers/lambda';

/* The bundle that is deployed, in a process of its own, asked with the events that a gateway sends. */

const token = 'a-token-of-the-relay';
const secretId = 'oot-ci-health/test/relay-token';
const secrets = new Map([[secretId, `${token},the-token-that-follows`]]);

let folder: string;
let bundle: string;
let dynamo: TestDynamo;
let tableName: string;
let secretsManager: Awaited<ReturnType<typeof imitateSecretsManager>>;
let lambda: RunningLambda;
const started: RunningLambda[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'oot-lambda-'));
  bundle = bundleLambda('ingest', folder).file;
  dynamo = await startDynamo('dynoxide');
  tableName = freshName('results');
  await ensureTable(dynamo.client, tableName, { stream: false });
  secretsManager = await imitateSecretsManager(secrets);
  lambda = await start();
});
afterAll(async () => {
  for (const each of started) await each.stop();
  await secretsManager.stop();
  await dynamo.stop();
  await rm(folder, { recursive: true });
});

async function start(endpoint = dynamo.engine.endpoint): Promise<RunningLambda> {
  const running = await startLambda(bundle, {
    OOT_TABLE: tableName,
    OOT_RELAY_TOKENS_SECRET: secretId,
    DYNAMODB_ENDPOINT: endpoint,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secretsManager.url,
  });
  started.push(running);
  return running;
}

/** Of an HTTP API; `via: 'url'` makes it that of a function URL. Both are payload format 2.0. */
function eventOf(
  body: string | Buffer | undefined,
  init: { method?: string; path?: string; headers?: Record<string, string>; via?: 'api' | 'url' } = {},
): APIGatewayProxyEventV2 {
  const { method = 'POST', path = '/api/oot/results', via = 'api' } = init;
  const host =
    via === 'api' ? 'abc123.execute-api.us-east-1.amazonaws.com' : 'abc123.lambda-url.us-east-1.on.aws';
  const [rawPath = '/', rawQueryString = ''] = path.split('?');
  return {
    version: '2.0',
    routeKey: via === 'api' ? `${method} ${rawPath}` : '$default',
    rawPath,
    rawQueryString,
    headers: {
      'content-type': 'application/json',
      'content-length': String(body?.length ?? 0),
      host,
      'user-agent': 'python-requests/2.32.3',
      'x-amzn-trace-id': 'Root=1-691f0000-000000000000000000000000',
      'x-forwarded-for': '192.0.2.10',
      'x-forwarded-port': '443',
      'x-forwarded-proto': 'https',
      'x-oot-relay-token': token,
      ...init.headers,
    },
    requestContext: {
      accountId: '123456789012',
      apiId: 'abc123',
      domainName: host,
      domainPrefix: 'abc123',
      http: {
        method,
        path: rawPath,
        protocol: 'HTTP/1.1',
        sourceIp: '192.0.2.10',
        userAgent: 'python-requests/2.32.3',
      },
      requestId: 'JKJaXmPLvHcESHA=',
      routeKey: via === 'api' ? `${method} ${rawPath}` : '$default',
      stage: '$default',
      time: '20/Nov/2026:10:00:00 +0000',
      timeEpoch: Date.UTC(2026, 10, 20, 10),
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : body.toString('base64') }),
    isBase64Encoded: Buffer.isBuffer(body),
  };
}

const job = (n: number) => ({ workflow: { check_run_id: String(n) } });
const ask = (event: APIGatewayProxyEventV2, of = lambda) =>
  of.invoke<APIGatewayProxyStructuredResultV2>(event);
const answerOf = async (event: APIGatewayProxyEventV2, of = lambda) => {
  const { statusCode, body } = await ask(event, of);
  return { status: statusCode, body: JSON.parse(body ?? '') as unknown };
};
async function items(): Promise<Record<string, unknown>[]> {
  const { Items = [] } = await dynamo.client.send(
    new ScanCommand({ TableName: tableName, ConsistentRead: true }),
  );
  return Items.map((item) => unmarshall(item));
}
const itemOf = async (n: number) => (await items()).find(({ check_run_id }) => check_run_id === String(n));

describe('ingest as a Lambda', () => {
  it.each([['api'], ['url']] as const)('takes a callback that comes by an HTTP %s event', async (via) => {
    const n = via === 'api' ? 1 : 2;
    const workflow = { check_run_id: String(n), job_name: `job ${n}` };
    const answer = await ask(eventOf(JSON.stringify(inProgress({ workflow })), { via }));
    const dynamoKey = `pytorch-labs/ascend-pytorch/7c9d2b1e-0f43-11f1-8a3e-5d1c2b3a4f50/ascend-ci/job ${n}/${n}`;
    expect(answer).toEqual({
      statusCode: 200,
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
        date: expect.any(String) as string,
      },
      body: JSON.stringify({ ok: true, status: 'in_progress', dynamoKey }),
      isBase64Encoded: false,
    });
    expect(await itemOf(n)).toMatchObject({ dynamoKey, status: 'in_progress', state: 'running' });
  });

  it('takes a body that came as bytes, compressed by its sender', async () => {
    const body = gzipSync(JSON.stringify(completed({ workflow: { check_run_id: '3', job_name: 'größe' } })));
    const answer = await answerOf(eventOf(body, { headers: { 'content-encoding': 'gzip' } }));
    expect(answer).toMatchObject({ status: 200 });
    expect(await itemOf(3)).toMatchObject({ job_name: 'größe', conclusion: 'success' });
  });

  it('names the field that it can not take, and changes nothing', async () => {
    const before = (await items()).length;
    const body = JSON.stringify(completed({ workflow: { check_run_id: '4', conclusion: 'exploded' } }));
    expect(await answerOf(eventOf(body))).toEqual({
      status: 400,
      body: {
        error: expect.stringMatching(/workflow\.conclusion/) as string,
        issues: [
          {
            path: 'workflow.conclusion',
            message: expect.any(String) as string,
          },
        ],
      },
    });
    expect((await items()).length).toBe(before);
  });

  it.each([
    ['a method that is none of ours', { method: 'DELETE' }, 405],
    ['a path that is none of ours', { path: '/api/öffentlich?x=\u{1F600}' }, 404],
    ['a header that none may hold', { headers: { 'x-strange': 'a\nb\u{1F600}', 'x y': '1' } }, 200],
    [
      'headers of a connection',
      { headers: { connection: 'close', 'transfer-encoding': 'chunked', expect: 'x' } },
      200,
    ],
    ['a wrong token', { headers: { 'x-oot-relay-token': 'wrong' } }, 401],
    ['a form', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 415],
  ])('answers %s as ingest does anywhere', async (_, init, status) => {
    const { statusCode } = await ask(eventOf(JSON.stringify(inProgress(job(5))), init));
    expect(statusCode).toBe(status);
  });

  it.each([
    ['no body', undefined, {}, 400],
    ['an empty body', '', {}, 400],
    ['3 MB', 'x'.repeat(3_000_000), {}, 413],
    ['6 MB', 'x'.repeat(6_000_000), {}, 413],
    ['3 MB, inflated', gzipSync('x'.repeat(3_000_000)), { 'content-encoding': 'gzip' }, 413],
    ['6 MB of a stranger', 'x'.repeat(6_000_000), { 'x-oot-relay-token': 'wrong' }, 401],
    ['300 KB of a stranger', 'x'.repeat(300_000), { 'x-oot-relay-token': 'wrong' }, 401],
  ])('refuses %s each time, and never with a hung-up connection', async (_, body, headers, status) => {
    for (let time = 0; time < 10; time++) {
      expect((await ask(eventOf(body, { headers }))).statusCode).toBe(status);
    }
  });

  it('answers a look at its health', async () => {
    expect(await answerOf(eventOf(undefined, { method: 'GET', path: '/healthz' }))).toEqual({
      status: 200,
      body: { ok: true },
    });
  });

  it('says 200 after the write, and not before', async () => {
    const { port } = new URL(dynamo.engine.endpoint);
    const held: (() => void)[] = [];
    const gate = createServer((socket) => {
      held.push(() => {
        const upstream = connect(Number(port), '127.0.0.1');
        socket.pipe(upstream).pipe(socket);
      });
    });
    await new Promise<void>((resolve) => gate.listen(0, '127.0.0.1', resolve));
    try {
      const slow = await start(`http://127.0.0.1:${(gate.address() as AddressInfo).port}`);
      let answered = false;
      const asked = ask(
        eventOf(JSON.stringify(inProgress({ workflow: { check_run_id: '6', job_name: 'six' } }))),
        slow,
      );
      void asked.then(() => (answered = true));
      while (held.length === 0) await sleep(10);
      await sleep(300);
      expect({ answered, item: await itemOf(6) }).toEqual({ answered: false, item: undefined });
      for (const release of held) release();
      expect((await asked).statusCode).toBe(200);
      expect(await itemOf(6)).toMatchObject({ status: 'in_progress' });
    } finally {
      gate.close();
    }
  });

  it('answers 503 within 9 s when DynamoDB says nothing, long before the function is ended', async () => {
    const mute = createServer(() => undefined);
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    try {
      const stuck = await start(`http://127.0.0.1:${(mute.address() as AddressInfo).port}`);
      const startedMs = performance.now();
      const answer = await ask(eventOf(JSON.stringify(inProgress(job(7)))), stuck);
      expect(answer).toMatchObject({ statusCode: 503, headers: { 'retry-after': '2' } });
      expect(performance.now() - startedMs).toBeLessThan(9_000);
    } finally {
      mute.close();
    }
  });

  it('fails an event while it has no secret, and takes the next when it has', async () => {
    secretsManager.state.down = true;
    const early = await start();
    const event = eventOf(JSON.stringify(inProgress(job(8))));
    await expect(ask(event, early)).rejects.toThrow(/InternalServiceError|AbortError|TimeoutError/);
    secretsManager.state.down = false;
    expect((await ask(event, early)).statusCode).toBe(200);
  });

  it('logs answers, and neither a token nor a word of a body', () => {
    const text = JSON.stringify(started.map((each) => each.log()));
    expect(lambda.log()).toContainEqual(
      expect.objectContaining({ msg: 'request answered', route: 'results', status: 200, reason: 'ok' }),
    );
    expect(text).not.toContain(token);
    expect(text).not.toContain('ascend');
  });
});
