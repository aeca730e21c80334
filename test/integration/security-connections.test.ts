import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createApp, type AppDeps } from '../../ingest/app';
import { createIngestMetrics } from '../../ingest/metrics';
import { listen, type HttpServer } from '../../runtime/http/server';
import { createAnswerReader } from '../chaos/bad-input/read-answers';
import { completed } from '../helpers/callbacks';
import { eventually, silent } from '../helpers/engines';

const token = 'a-token-of-the-relay';
const relay = { 'content-type': 'application/json', 'x-hud-internal-bot': token };
const body = JSON.stringify(completed());
const megabyte = 1_000_000;

let server: HttpServer;
let draining = false;
const metrics = createIngestMetrics();
let accepted: Socket[] = [];
/** What the store was given, and when it answers: a write takes a moment. */
const stored: string[] = [];
let storeMs = 30;
const store: AppDeps['store'] = {
  write: async ({ dynamoKey }) => {
    await sleep(storeMs);
    stored.push(dynamoKey);
    return 'new';
  },
  ping: () => Promise.resolve(),
};

beforeAll(async () => {
  const app = createApp({
    store,
    tokens: [token],
    logger: silent,
    metrics,
    isDraining: () => draining,
  });
  server = await listen(app, 0, '127.0.0.1');
  server.server.on('connection', (socket) => accepted.push(socket));
});
beforeEach(() => {
  accepted = [];
  stored.length = 0;
});
afterAll(() => server.drain());

const head = (headers: Record<string, string | number>, start = 'POST /api/crcr/results HTTP/1.1') =>
  `${start}\r\n${Object.entries({ host: 'x', ...headers })
    .map(([name, value]) => `${name}: ${value}`)
    .join('\r\n')}\r\n\r\n`;
const whole = (text: string) => head({ ...relay, 'content-length': Buffer.byteLength(text) }) + text;

/** A connection, what came back on it, and whether the server has closed it. */
function open(first: string) {
  const reader = createAnswerReader();
  const answers: { status: number; phrase: string; body: string; headers: Record<string, string> }[] = [];
  const state = { isClosed: false };
  const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
  const closed = () => (state.isClosed = true);
  socket.on('data', (bytes) => answers.push(...reader.push(bytes)));
  socket.on('end', closed).on('error', closed).on('close', closed);
  socket.write(first);
  return {
    socket,
    answers,
    isContinued: () => reader.isContinued(),
    isClosed: () => state.isClosed,
    statuses: (count: number) =>
      eventually(() => Promise.resolve(answers.length >= count && answers.map(({ status }) => status))),
    closed: () => eventually(() => Promise.resolve(state.isClosed)),
    serverRead: () => accepted.reduce((sum, each) => sum + each.bytesRead, 0),
  };
}

describe('a body without a right token', () => {
  it.each([
    ['of 1 MB', { 'content-length': megabyte }],
    ['of 1 MB with a wrong token', { 'x-hud-internal-bot': `${token}x`, 'content-length': megabyte }],
    ['of unknown length', { 'transfer-encoding': 'chunked' }],
    ['that waits to be asked for', { 'content-length': 10, expect: '100-continue' }],
  ])(
    '%s is refused before a byte of it is there, is not asked for, and ends the connection',
    async (_name, headers) => {
      const sent = head({ 'content-type': 'application/json', ...headers });
      const connection = open(sent);
      expect(await connection.statuses(1)).toEqual([401]);
      expect(connection.answers[0]!.headers.connection).toBe('close');
      await connection.closed();
      expect(connection.isContinued()).toBe(false);
      expect(connection.serverRead()).toBe(sent.length);
      connection.socket.destroy();
    },
  );

  it('is not read even where it is already on its way', async () => {
    const sent = head({ 'content-type': 'application/json', 'content-length': 50 * megabyte });
    const connection = open(sent);
    connection.socket.write(Buffer.alloc(50 * megabyte));
    await connection.closed();
    // What came in one packet with the headers, at most.
    expect(connection.serverRead()).toBeLessThan(megabyte);
    connection.socket.destroy();
  });

  it('of an ordinary size is thrown away, so that a relay with an old token sees its 401', async () => {
    const connection = open(head({ 'content-type': 'application/json', 'content-length': 60_000 }));
    expect(await connection.statuses(1)).toEqual([401]);
    connection.socket.write('x'.repeat(60_000) + whole(body));
    expect(await connection.statuses(2)).toEqual([401, 200]);
    connection.socket.destroy();
  });
});

it('says 100 Continue to who has the token', async () => {
  const connection = open(
    head({ ...relay, 'content-length': Buffer.byteLength(body), expect: '100-continue' }),
  );
  await eventually(() => Promise.resolve(connection.isContinued()));
  connection.socket.write(body);
  expect(await connection.statuses(1)).toEqual([200]);
  connection.socket.destroy();
});

it('refuses 100 MB by what the headers say, with 413 and not, after 8 s, with a 503 that is sent again', async () => {
  const connection = open(head({ ...relay, 'content-length': 100 * megabyte }));
  expect(await connection.statuses(1)).toEqual([413]);
  await connection.closed();
  connection.socket.destroy();
});

it('answers valid requests that came before garbage on one connection, then the garbage, and names it', async () => {
  const connection = open(`${whole(body)}${whole(body)}garbage\r\n\r\n`);
  expect(await connection.statuses(3)).toEqual([200, 200, 400]);
  expect(stored).toHaveLength(2);
  const { phrase, body: text } = connection.answers[2]!;
  expect(phrase).toBe('request is not valid HTTP');
  expect(JSON.parse(text)).toEqual({
    error: 'request is not valid HTTP',
    issues: [{ path: 'request', message: 'is not valid HTTP' }],
  });
  await connection.closed();
  connection.socket.destroy();
});

it('answers a sender that has closed its half', async () => {
  const connection = open(whole(body));
  connection.socket.end();
  expect(await connection.statuses(1)).toEqual([200]);
  await connection.closed();
});

it.each<[string, string, number, string]>([
  [
    'a body in wrong chunks',
    `${head({ ...relay, 'transfer-encoding': 'chunked' })}zz\r\n`,
    400,
    'body is not valid HTTP',
  ],
  [
    'two lengths',
    head({ ...relay, 'content-length': 2, 'transfer-encoding': 'chunked' }),
    400,
    'request is not valid HTTP',
  ],
  ['no Host', 'GET /healthz HTTP/1.1\r\n\r\n', 400, 'host is required'],
  ['headers of 20 KB', head({ 'x-long': 'x'.repeat(20_000) }), 431, 'headers are larger than 16 KB'],
  ['a target that is no URL', head({}, 'GET http://[/ HTTP/1.1'), 404, 'Not found'],
  ['a target that Node warns about', head({}, 'GET http://a:b:c/ HTTP/1.1'), 404, 'Not found'],
])('refuses %s with a JSON error', async (_name, sent, status, error) => {
  const warned = jest.spyOn(process, 'emitWarning');
  const connection = open(sent);
  expect(await connection.statuses(1)).toEqual([status]);
  expect(JSON.parse(connection.answers[0]!.body)).toMatchObject({ error });
  expect(warned).not.toHaveBeenCalled();
  warned.mockRestore();
  connection.socket.destroy();
});

it('says 400 where a body ends early', async () => {
  const connection = open(whole(body).slice(0, -20));
  connection.socket.end();
  expect(await connection.statuses(1)).toEqual([400]);
  expect(connection.answers[0]!.phrase).toBe('body ended early');
});

it('has read a body to its end before it says 503 and closes: a reset connection would lose the callback', async () => {
  draining = true;
  try {
    const request = whole(body);
    const connection = open(request.slice(0, -100));
    await sleep(200);
    expect(connection.answers).toEqual([]);
    connection.socket.write(request.slice(-100));
    expect(await connection.statuses(1)).toEqual([503]);
    expect(connection.answers[0]!.headers).toMatchObject({ connection: 'close', 'retry-after': '2' });
    await connection.closed();

    const stuck = open(request.slice(0, -100));
    expect(await stuck.statuses(1)).toEqual([503]);
    stuck.socket.destroy();
    connection.socket.destroy();
  } finally {
    draining = false;
  }
});

it('makes its metrics once for a hundred who ask at once: it takes a millisecond, and needs no token', async () => {
  const make = jest.spyOn(metrics.registry, 'metrics');
  const connection = open(head({}, 'GET /metrics HTTP/1.1').repeat(100));
  expect(new Set(await connection.statuses(100))).toEqual(new Set([200]));
  // Twice or three times where the second turns.
  expect(make.mock.calls.length).toBeLessThan(20);
  make.mockRestore();
  connection.socket.destroy();
});

it('hangs up on who asks for thousands of answers and reads none: they would be kept in memory', async () => {
  const connection = open(head({}, 'GET /readyz HTTP/1.1').repeat(5_000));
  await connection.closed();
  expect(connection.answers.length).toBeLessThanOrEqual(100);
  expect((await fetch(`http://127.0.0.1:${server.port}/healthz`)).status).toBe(200);
});

it('forgets pipelined requests whose sender went away: a count of them would hold up every later stop', async () => {
  const inFlight = async () => (await metrics.inFlight.get()).values[0]!.value;
  await eventually(async () => (await inFlight()) === 0);
  storeMs = 500;
  const connection = open(whole(body).repeat(5));
  await eventually(async () => (await inFlight()) === 5);
  connection.socket.resetAndDestroy();
  await eventually(async () => (await inFlight()) === 0);
  storeMs = 30;
});

it('bounds how long anybody may take, so that every answer comes within 9 s and no socket is kept for ever', () => {
  const { headersTimeout, requestTimeout, timeout, keepAliveTimeout } = server.server;
  expect(headersTimeout).toBeLessThanOrEqual(requestTimeout);
  expect(requestTimeout + 200).toBeLessThan(9_000);
  // Of silence while an answer is not read; longer than any answer takes.
  expect(timeout).toBeGreaterThan(10_000);
  expect(timeout).toBeLessThanOrEqual(30_000);
  expect(keepAliveTimeout).toBeGreaterThan(timeout);
});
