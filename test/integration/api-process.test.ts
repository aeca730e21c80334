import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { claimPort } from '../../local/dynamodb/ports';
import { createProxy } from '../chaos/proxy';
import { reader } from '../helpers/api';
import { createGate, eventually, startClickHouse, type TestClickHouse } from '../helpers/engines';
import { attempt, insertAttempts } from '../helpers/rows';

/* `npm run api` as a process of its own. */

const root = join(__dirname, '../..');
const token = 'the-read-token-77c1';
const wrong = 'a-wrong-token-90ab';
let clickHouse: TestClickHouse;
const children: ChildProcess[] = [];

beforeAll(async () => {
  clickHouse = await startClickHouse(reader);
  await insertAttempts(clickHouse.client, [attempt()]);
});
afterAll(async () => {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
  await clickHouse.stop();
});

function run(env: NodeJS.ProcessEnv) {
  const child = fork(join(root, 'api/main.ts'), {
    execArgv: ['--import', 'tsx'],
    cwd: root,
    env: { PATH: process.env.PATH, API_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  children.push(child);
  const out = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (out.stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (out.stderr += text));
  const exited = once(child, 'close').then(([code]) => code as number | null);
  const ready = once(child, 'message').then(([message]) => (message as { port: number }).port);
  return {
    child,
    out,
    exited,
    port: () => Promise.race([ready, exited.then(() => Promise.reject(new Error(out.stderr)))]),
  };
}

const ofReader = () => ({
  CLICKHOUSE_URL: clickHouse.url,
  CLICKHOUSE_READER_USER: reader.user,
  CLICKHOUSE_READER_PASSWORD: reader.password,
});

it.each([
  [{}, ['API_READ_TOKENS: is required', 'CLICKHOUSE_READER_USER: is required']],
  [{ CLICKHOUSE_READER_USER: 'x', API_READ_TOKENS: ' , ' }, ['API_READ_TOKENS: is required']],
  [{ CLICKHOUSE_READER_USER: 'x', API_PUBLIC: 'yes' }, ['API_PUBLIC: ']],
  [
    { API_PUBLIC: 'all', CLICKHOUSE_READER_USER: 'x', API_TRUST_PROXY: 'true', GRAFANA_URL: 'grafana' },
    ['API_TRUST_PROXY: ', 'GRAFANA_URL: '],
  ],
])('does not start with %j, and says why in a line each', async (env, lines) => {
  const { out, exited } = run(env);
  expect(await exited).toBe(1);
  expect(out.stdout).toBe('');
  for (const line of lines) expect(out.stderr).toContain(`\n  ${line}`);
  expect(out.stderr.trim().split('\n')).toHaveLength(lines.length + 1);
});

it('puts no token into an answer, a log or a metric, and ends when it has answered all', async () => {
  const proxy = await createProxy({ port: await claimPort(0), target: clickHouse.url });
  const api = run({
    ...ofReader(),
    CLICKHOUSE_URL: proxy.url,
    API_READ_TOKENS: `${token},another`,
    API_CACHE_SECONDS: '7',
    GRAFANA_URL: 'https://grafana.example',
    LOG_LEVEL: 'debug',
  });
  const url = `http://127.0.0.1:${await api.port()}`;
  const answers: string[] = [];
  const ask = async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${url}${path}`, { headers });
    const text = await response.text();
    answers.push(`${response.status} ${JSON.stringify([...response.headers])} ${text}`);
    return response.status;
  };
  const pr = '/api/oot/prs/pytorch/pytorch/179565';
  const seen = new Set<number>();
  for (const secret of [token, wrong]) {
    for (const path of [
      pr,
      `${pr}?token=${secret}`,
      `${pr}?sha=${secret}%00`,
      `/${secret}`,
      `${pr}x${secret}`,
    ]) {
      seen.add(await ask(path, { authorization: `Bearer ${secret}` }));
      seen.add(await ask(path, { cookie: secret, 'x-api-key': secret, 'user-agent': secret }));
    }
  }
  await ask(pr, { authorization: `Bearer ${token}` });
  expect(answers.at(-1)).toContain('private, max-age=7');
  expect(answers.at(-1)).toContain('https://grafana.example/d/oot-pr?');
  const listen = await proxy.refuse();
  seen.add(await ask(`${pr}?sha=aaaaaaaa`, { authorization: `Bearer ${token}` }));
  await listen();
  expect([...seen].sort()).toEqual([200, 400, 401, 404, 503]);
  await ask('/metrics');
  expect(answers.at(-1)).toContain('oot_api_requests_total{route=\\"pr\\"'.replaceAll('\\', ''));

  // Stopped while it answers: that one is finished, a new one is told to come back.
  const asked = createGate();
  const answering = createGate();
  const off = proxy.add(async (call, next) => {
    asked.open();
    await answering.opened;
    return next(call);
  });
  const inFlight = fetch(`${url}${pr}?sha=8f14e45`, { headers: { authorization: `Bearer ${token}` } });
  await asked.opened;
  api.child.kill('SIGTERM');
  const late = await eventually(async () => {
    const answer = await fetch(`${url}/healthz`);
    return answer.status !== 200 && answer;
  });
  expect([late.status, late.headers.get('retry-after')]).toEqual([503, '2']);
  answering.open();
  const finished = await inFlight;
  expect([finished.status, ((await finished.json()) as { pr: number }).pr]).toEqual([200, 179565]);
  expect(await api.exited).toBe(0);
  off();
  await proxy.stop();

  const log = api.out.stdout.trim().split('\n');
  const messages = log.map((line) => (JSON.parse(line) as { msg: string }).msg);
  expect(new Set(messages)).toEqual(
    new Set([
      'a token of API_READ_TOKENS has fewer than 16 characters: too easy to guess for the internet',
      'listening',
      'request answered',
      'results are not available',
      'draining',
      'stopped',
    ]),
  );
  for (const secret of [token, wrong, reader.password]) {
    expect(`${api.out.stdout}${api.out.stderr}`).not.toContain(secret);
    expect(answers.filter((answer) => answer.includes(secret))).toEqual([]);
  }
});

it('is there before ClickHouse is, and answers badges alone where only they are public', async () => {
  const port = await claimPort(0);
  const api = run({
    ...ofReader(),
    CLICKHOUSE_URL: `http://127.0.0.1:${port}`,
    API_PUBLIC: 'badges',
    API_RATE_LIMIT: '2',
  });
  const url = `http://127.0.0.1:${await api.port()}`;
  const statuses = async () => [
    (await fetch(`${url}/healthz`)).status,
    (await fetch(`${url}/readyz`)).status,
    (await fetch(`${url}/api/oot/prs/a/b/1`)).status,
    (await fetch(`${url}/api/oot/badge/a/b.svg`)).status,
  ];
  expect(await statuses()).toEqual([200, 503, 401, 200]);
  const proxy = await createProxy({ port, target: clickHouse.url });
  expect(await statuses()).toEqual([200, 200, 401, 200]);
  expect(await statuses()).toEqual([200, 200, 429, 429]);
  api.child.kill('SIGTERM');
  expect(await api.exited).toBe(0);
  await proxy.stop();
  expect(api.out.stdout).toContain('only badges are answered');
});
