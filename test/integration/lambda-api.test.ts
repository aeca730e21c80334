import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import type { PrResults } from '../../api/pr-rows';
import { bundleLambda } from '../../deploy/bundle';
import { claimPort } from '../../local/dynamodb/ports';
import { createProxy, type Proxy } from '../chaos/proxy';
import { reader } from '../helpers/api';
import { imitateSecretsManager } from '../helpers/aws-imitations';
import { startClickHouse, type TestClickHouse } from '../helpers/engines';
import { getEvent } from '../helpers/gateway-events';
import { startLambda, type RunningLambda } from '../helpers/lambda';
import { attempt, insertAttempts } from '../helpers/rows';

/* The bundle that is deployed, in a process of its own, asked with the events that a gateway sends. */

const token = 'a-token-of-a-reader';
const tokensId = 'oot-ci-health/test/read-token';
const clickHouseId = 'oot-ci-health/test/clickhouse-read';
const secrets = new Map([[tokensId, `${token},the-token-that-follows`]]);

let folder: string;
let bundle: string;
let clickHouse: TestClickHouse;
let proxy: Proxy;
let secretsManager: Awaited<ReturnType<typeof imitateSecretsManager>>;
let lambda: RunningLambda;
const started: RunningLambda[] = [];

const accountAt = (url: string) =>
  JSON.stringify({
    CLICKHOUSE_URL: url,
    CLICKHOUSE_DATABASE: 'default',
    CLICKHOUSE_READER_USER: reader.user,
    CLICKHOUSE_READER_PASSWORD: reader.password,
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'oot-lambda-'));
  bundle = bundleLambda('api', folder).file;
  clickHouse = await startClickHouse(reader);
  await insertAttempts(clickHouse.client, [attempt({ conclusion: 'failure' })]);
  proxy = await createProxy({ port: await claimPort(0), target: clickHouse.url });
  secretsManager = await imitateSecretsManager(secrets);
  secrets.set(clickHouseId, accountAt(proxy.url));
  lambda = await start();
});
afterAll(async () => {
  for (const each of started) await each.stop();
  await secretsManager.stop();
  await proxy.stop();
  await clickHouse.stop();
  await rm(folder, { recursive: true });
});

async function start(env: Record<string, string> = {}): Promise<RunningLambda> {
  const running = await startLambda(bundle, {
    API_READ_TOKENS_SECRET: tokensId,
    CLICKHOUSE_READER_SECRET: clickHouseId,
    API_PUBLIC: 'badges',
    GRAFANA_URL: 'https://grafana.example',
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secretsManager.url,
    ...env,
  });
  started.push(running);
  return running;
}

const prPath = '/api/oot/prs/pytorch/pytorch/179565';
const badgePath = '/api/oot/badge/pytorch-labs/ascend-pytorch.svg';
const authorization = `Bearer ${token}`;

type Init = { headers?: Record<string, string>; address?: string; of?: RunningLambda };
const ask = (path: string, { of = lambda, ...init }: Init = {}) => {
  const routeKey = `GET ${path.startsWith('/api/oot/badge/') ? '/api/oot/badge' : '/api/oot/prs'}/{proxy+}`;
  return of.invoke<APIGatewayProxyStructuredResultV2>(getEvent(path, { routeKey, ...init }));
};
const askWithToken = (path: string, of = lambda) => ask(path, { headers: { authorization }, of });
const textOf = ({ body = '', isBase64Encoded }: APIGatewayProxyStructuredResultV2) =>
  isBase64Encoded ? Buffer.from(body, 'base64').toString('utf8') : body;
const statusesOf = async (count: number, init: (n: number) => Init) => {
  const statuses: (number | undefined)[] = [];
  for (let n = 0; n < count; n++) statuses.push((await ask(prPath, init(n))).statusCode);
  return statuses;
};

describe('the API as a Lambda', () => {
  it("answers a PR's results as JSON", async () => {
    const answer = await askWithToken(prPath);
    expect(answer).toMatchObject({
      statusCode: 200,
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'private, max-age=15',
        etag: expect.any(String) as string,
      },
      isBase64Encoded: false,
    });
    const { pr, jobs } = JSON.parse(textOf(answer)) as PrResults;
    expect([pr, jobs.map(({ outcome }) => outcome)]).toEqual([179565, ['failure']]);
    expect(textOf(answer)).toContain('https://grafana.example/d/oot-pr?');
    const again = await ask(prPath, {
      headers: { authorization, 'if-none-match': String(answer.headers?.etag) },
    });
    expect([again.statusCode, textOf(again)]).toEqual([304, '']);
  });

  it('answers it as Markdown, asked by a query', async () => {
    const answer = await askWithToken(`${prPath}?format=markdown&sha=8f14e45`);
    expect([answer.statusCode, answer.isBase64Encoded]).toEqual([200, false]);
    expect(textOf(answer)).toMatch(/^<!-- oot-ci-health:pr-results -->/);
  });

  it('answers a badge to who has no token, as bytes', async () => {
    const answer = await ask(`${badgePath}?label=Ascend`);
    expect(answer).toMatchObject({
      statusCode: 200,
      headers: { 'content-type': 'image/svg+xml; charset=utf-8' },
      isBase64Encoded: true,
    });
    expect(textOf(answer)).toMatch(/^<svg [\s\S]*Ascend[\s\S]*<\/svg>$/);
  });

  it.each([
    ['no token', prPath, {}, 401],
    ['a wrong token', prPath, { authorization: 'Bearer wrong' }, 401],
    ['the token that follows', prPath, { authorization: 'Bearer the-token-that-follows' }, 200],
    ['a PR of which nobody has reported', '/api/oot/prs/pytorch/pytorch/1', { authorization }, 404],
    ['a PR that can not be', '/api/oot/prs/pytorch/pytorch/x', { authorization }, 400],
    ['a path that the gateway lets through', '/api/oot/prs/pytorch', { authorization }, 404],
  ])('answers %s as the API does anywhere', async (_, path, headers, status) => {
    const answer = await ask(path, { headers });
    expect(answer.statusCode).toBe(status);
    if (status !== 200) expect(JSON.parse(textOf(answer))).toHaveProperty('error');
  });

  it.each([
    ['adds the address to what the client says', (said: string, address: string) => `${said}, ${address}`],
    ['passes on what the client says', (said: string) => said],
  ])('counts a client by the address that the gateway saw, also where that %s', async (_, forward) => {
    const of = await start({ API_RATE_LIMIT: '3' });
    const from = (address: string, said: string): Init => ({
      of,
      address,
      headers: { 'x-forwarded-for': forward(said, address) },
    });
    const limited = [401, 401, 401, 429];
    expect(await statusesOf(4, (n) => from('192.0.2.10', `198.51.100.${n}, 203.0.113.${n}`))).toEqual(
      limited,
    );
    // Nor does what one says spend what another one has.
    expect(await statusesOf(4, () => from('192.0.2.11', '192.0.2.12'))).toEqual(limited);
    expect(await statusesOf(4, () => ({ of, address: '192.0.2.12' }))).toEqual(limited);
  });

  it('answers 503 while ClickHouse is away, a grey badge, and results when it is back', async () => {
    const fresh = await start();
    const listen = await proxy.refuse();
    const away = await askWithToken(prPath, fresh);
    expect(away).toMatchObject({ statusCode: 503, headers: { 'retry-after': expect.any(String) as string } });
    const badge = await ask(badgePath, { of: fresh });
    expect([badge.statusCode, textOf(badge).includes('unavailable')]).toEqual([200, true]);
    await listen();
    expect((await askWithToken(prPath, fresh)).statusCode).toBe(200);
  });

  it('answers 503 within 10 s when ClickHouse says nothing, long before the function is ended', async () => {
    const mute = createServer(() => undefined);
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const secretId = 'oot-ci-health/test/mute';
    secrets.set(secretId, accountAt(`http://127.0.0.1:${(mute.address() as AddressInfo).port}`));
    try {
      const stuck = await start({ CLICKHOUSE_READER_SECRET: secretId });
      const startedMs = performance.now();
      expect((await askWithToken(prPath, stuck)).statusCode).toBe(503);
      expect(performance.now() - startedMs).toBeLessThan(10_000);
    } finally {
      mute.close();
    }
  });

  it("fails with the replicator's secret, whose account may write", async () => {
    const secretId = 'oot-ci-health/test/clickhouse';
    secrets.set(
      secretId,
      JSON.stringify({
        CLICKHOUSE_URL: clickHouse.url,
        CLICKHOUSE_USER: 'default',
        CLICKHOUSE_PASSWORD: 'writes',
      }),
    );
    const wrong = await start({ CLICKHOUSE_READER_SECRET: secretId });
    await expect(askWithToken(prPath, wrong)).rejects.toThrow(
      /test\/clickhouse is not usable:\s+CLICKHOUSE_READER_USER: is required/,
    );
  });

  it('fails an event while it has no secret, and takes the next when it has', async () => {
    secretsManager.state.down = true;
    const early = await start();
    await expect(askWithToken(prPath, early)).rejects.toThrow(/InternalServiceError|AbortError|TimeoutError/);
    secretsManager.state.down = false;
    expect((await askWithToken(prPath, early)).statusCode).toBe(200);
  });

  it('logs answers, and neither a token, a password nor a word of a row', () => {
    const text = JSON.stringify(started.map((each) => each.log()));
    expect(lambda.log()).toContainEqual(
      expect.objectContaining({ msg: 'request answered', route: 'pr', status: 200, reason: 'ok' }),
    );
    for (const word of [token, reader.password, 'ascend', 'writes']) expect(text).not.toContain(word);
  });
});
