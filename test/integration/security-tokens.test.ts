import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureTable } from '../../ingest/table';
import { startIngest, type IngestProcess } from '../chaos/bad-input/ingest-process';
import { completed } from '../helpers/callbacks';
import { startDynamo, type TestDynamo } from '../helpers/engines';

const right = ['the-right-token-3b1f', 'the-next-token-9c2e'];
const wrong = 'a-wrong-token-77aa';
const root = join(__dirname, '../..');

let dir: string;
let dynamo: TestDynamo;
let ingest: IngestProcess;
const files = () => ({ stdoutFile: join(dir, 'stdout'), stderrFile: join(dir, 'stderr') });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'oot-tokens-'));
  dynamo = await startDynamo('dynoxide');
  await ensureTable(dynamo.client, 'results', { stream: false });
  ingest = await startIngest({
    ...files(),
    env: {
      DYNAMODB_ENDPOINT: dynamo.engine.endpoint,
      OOT_TABLE: 'results',
      OOT_RELAY_TOKENS: right.join(','),
      LOG_LEVEL: 'debug',
    },
  });
});
afterAll(async () => {
  await ingest.stop();
  await dynamo.stop();
  await rm(dir, { recursive: true, force: true });
});

/** Everything that comes back of a request, head and body. */
async function ask(path: string, init: RequestInit): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://127.0.0.1:${ingest.port}${path}`, init);
  const headers = JSON.stringify([...response.headers]);
  return { status: response.status, text: `${response.statusText} ${headers} ${await response.text()}` };
}

const forms = (token: string): Record<string, string>[] => [
  { 'x-hud-internal-bot': token },
  { 'x-oot-relay-token': token },
  { authorization: `Bearer ${token}` },
  { authorization: `Basic ${Buffer.from(token).toString('base64')}` },
  { authorization: token },
  { cookie: `token=${token}` },
  { [`x-${token}`]: token },
  { 'content-encoding': token, 'x-hud-internal-bot': right[0]! },
  { 'content-type': `application/${token}`, 'x-hud-internal-bot': right[0]! },
  { 'user-agent': token, referer: `https://127.0.0.1/?token=${token}`, 'x-request-id': token },
];

it('puts no token, right or wrong, into an answer, a log, a metric, or the list of processes', async () => {
  const answers: { status: number; text: string }[] = [];
  const post = async (path: string, headers: Record<string, string>, body: string) =>
    answers.push(
      await ask(path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body }),
    );
  const body = JSON.stringify(completed());
  const sendAll = async () => {
    for (const token of [...right, wrong]) {
      for (const headers of forms(token)) {
        await post('/api/crcr/results', headers, body);
        await post(`/api/oot/results?token=${token}`, headers, `{"broken": "${token}`);
        await post(`/api/${token}`, headers, body);
      }
      const loose = { 'x-hud-internal-bot': right[0]! };
      // Where a field should be, the token: the answer names the field and not what stood there.
      for (const workflow of [
        { status: token },
        { conclusion: token },
        { run_attempt: token },
        { url: token },
      ]) {
        await post('/api/crcr/results', loose, JSON.stringify(completed({ workflow })));
      }
      await post('/api/crcr/results', loose, JSON.stringify({ [token]: token }));
    }
  };
  await sendAll();
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 400, 401, 404, 415]));
  // And once more where every write fails.
  dynamo.engine.kill();
  await dynamo.engine.exited;
  await sendAll();
  expect(answers.map(({ status }) => status)).toContain(503);

  const metrics = await (await fetch(`http://127.0.0.1:${ingest.port}/metrics`)).text();
  const secrets = [...right, wrong].flatMap((token) => [token, Buffer.from(token).toString('base64')]);
  // The key of a 200 has the sender's words in it, and none of these is a token.
  const outputs = {
    answers: answers.map(({ text }) => text).join('\n'),
    metrics,
    stdout: await readFile(files().stdoutFile, 'utf8'),
    stderr: await readFile(files().stderrFile, 'utf8'),
    processes: commandLines(),
  };
  expect(outputs.stdout).toContain('DynamoDB is not available');
  expect(outputs.stdout.trim().split('\n').length).toBeGreaterThan(100);
  for (const [where, text] of Object.entries(outputs)) {
    for (const secret of secrets)
      expect([where, secret, text.includes(secret)]).toEqual([where, secret, false]);
  }
});

/** Every command line that this account may see: of ingest, and of whatever it started. */
function commandLines(): string {
  const own = `/proc/${ingest.pid}/cmdline`;
  const listed = spawnSync('ps', ['-ww', '-eo', 'args'], { encoding: 'utf8' });
  return [existsSync(own) ? readFileSync(own, 'utf8') : '', listed.error ? '' : listed.stdout].join('\n');
}

it('names what is wrong with its environment, and not what stands there', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', 'ingest/main.ts'], {
    cwd: root,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, OOT_RELAY_TOKENS: right[0], PORT: wrong, DYNAMODB_ENDPOINT: wrong },
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(/PORT: [^]*DYNAMODB_ENDPOINT: |DYNAMODB_ENDPOINT: [^]*PORT: /);
  for (const secret of [...right, wrong]) expect(stdout + stderr).not.toContain(secret);
});
