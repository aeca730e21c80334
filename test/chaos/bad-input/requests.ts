import type { RawAct, Step } from './attack';
import { victimId, type Context, type Make } from './aim';
import { callbackAgainst, head, relayHeaders, resultsPath, token } from './target';

const raw = (...steps: Step[]): RawAct => ({ over: 'socket', steps });
const text = (checkRunId: string): string => JSON.stringify(callbackAgainst(checkRunId));
const asRelay = (over: Record<string, string | number> = {}) => ({ ...relayHeaders(), ...over });

/** Large bodies that are refused by what their headers say: nothing of them is sent, and the answer is there. */
export const unreadBody: Make = ({ random }) =>
  random.pick(
    [
      { headers: { 'content-type': 'application/json', 'content-length': 1_000_000 }, status: 401 },
      {
        headers: { ...relayHeaders({ 'x-hud-internal-bot': `${token}x` }), 'content-length': 5e9 },
        status: 401,
      },
      { headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }, status: 401 },
      { headers: asRelay({ 'content-type': 'image/png', 'content-length': 1_000_000 }), status: 415 },
      { headers: asRelay({ 'content-length': 100_000_000 }), status: 413 },
    ].map(({ headers, status }) => ({
      act: raw({ write: head(headers) }),
      expected: [{ statuses: [status] }],
      mustClose: true,
    })),
  );

/** Methods and targets from the rest of the specification. */
export const strangeRequest: Make = ({ random }) =>
  random.pick(
    [
      { write: head({ 'x-hud-internal-bot': token }, { method: 'TRACE' }), statuses: [405] },
      { write: head({ 'x-hud-internal-bot': token }, { method: 'OPTIONS' }), statuses: [405] },
      { write: head({}, { method: 'OPTIONS', path: '*' }), statuses: [404] },
      { write: head({ 'content-length': 0 }, { path: 'http://[/x' }), statuses: [404] },
      { write: head({ 'content-length': 0 }, { path: 'http://a:b:c/x' }), statuses: [404] },
      { write: head({ 'content-length': 0 }, { path: `http://elsewhere${resultsPath}` }), statuses: [401] },
      { write: head({ 'content-length': 0 }, { path: '/%E0%A4%A/..%2f..%00' }), statuses: [404] },
      { write: head({ 'content-length': 0 }, { path: '//[::x/?__proto__[a]=1' }), statuses: [404] },
      { write: head({ 'content-length': 0, expect: 'a-pony' }), statuses: [417] },
      { write: head({ connection: 'upgrade', upgrade: 'h2c', 'content-length': 0 }), statuses: [401] },
      { write: head({ 'content-length': 0 }, { version: '1.0' }), statuses: [401] },
      { write: head({}, { method: 'CONNECT', path: 'elsewhere:443' }), statuses: [] },
    ].map(({ write, statuses }) => ({
      act: raw({ write }),
      expected: statuses.length === 0 ? [] : [{ statuses }],
      ...(statuses.length === 0 && { maySilence: true, mustClose: true }),
    })),
  );

export const wrongToken: Make = (context: Context) => {
  const { random } = context;
  const wrong = random.pick([
    '',
    token.slice(0, -1),
    `${token}x`,
    token.toUpperCase(),
    `${token},${token}`,
    token.replace('a', 'b'),
    '\u00e9'.repeat(20),
    'x'.repeat(8_000),
    'null',
    '*',
  ]);
  const headers = random.pick([
    { 'x-hud-internal-bot': wrong },
    { 'x-oot-relay-token': wrong },
    { authorization: `Bearer ${wrong}` },
    { authorization: `Basic ${Buffer.from(`relay:${token}`).toString('base64')}` },
    { authorization: token },
    { cookie: `token=${token}` },
    { 'x-hud-internal-bot-': token },
  ]);
  return {
    act: {
      over: 'http',
      method: 'POST',
      path: resultsPath,
      headers: { 'content-type': 'application/json', ...headers },
      body: Buffer.from(text(victimId(context))),
    },
    expected: [{ statuses: [401] }],
  };
};

export const wrongPlace: Make = (context: Context) => {
  const body = Buffer.from(text(victimId(context)));
  const choice = context.random.pick([
    { method: 'PUT', path: resultsPath, type: 'application/json', status: 405 },
    { method: 'DELETE', path: resultsPath, type: 'application/json', status: 405 },
    { method: 'POST', path: '/api/other', type: 'application/json', status: 404 },
    { method: 'POST', path: `${resultsPath}/../oot`, type: 'application/json', status: 404 },
    { method: 'POST', path: resultsPath, type: 'application/x-www-form-urlencoded', status: 415 },
    { method: 'POST', path: resultsPath, type: 'application/xml', status: 415 },
    { method: 'POST', path: resultsPath, type: `${'a'.repeat(2_000)}/json`, status: 415 },
  ]);
  return {
    act: {
      over: 'http',
      method: choice.method,
      path: choice.path,
      headers: relayHeaders({ 'content-type': choice.type }),
      body,
    },
    expected: [{ statuses: [choice.status] }],
  };
};
