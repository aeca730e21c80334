import type { RawAct, Step } from './attack';
import { victimId, type Make } from './aim';
import { callbackAgainst, head, relayHeaders, resultsPath, token, wholeRequest } from './target';

const raw = (...steps: Step[]): RawAct => ({ over: 'socket', steps });
const text = (checkRunId: string): string => JSON.stringify(callbackAgainst(checkRunId));
const asRelay = (over: Record<string, string | number> = {}) => ({ ...relayHeaders(), ...over });
const refusedRequest = { statuses: [400], fields: ['request', 'body', 'host'] };

/** What is no HTTP at all, or none of this century. */
export const notHttp: Make = ({ random }) => {
  const bytes = Buffer.from(Array.from({ length: random.int(2, 300) }, () => random.int(0, 255)));
  const written = random.pick<string | Buffer>([
    // Begins with what no method begins with, or the parser would wait for more.
    Buffer.concat([Buffer.from([0]), bytes]),
    'hello\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    '\u0016\u0003\u0001\u0002\u0000\u0001\u0000',
    `POST ${resultsPath}\r\n\r\n`,
    `post ${resultsPath} HTTP/1.1\r\nhost: x\r\n\r\n`,
    `POST ${resultsPath} HTTP/9.9\r\nhost: x\r\n\r\n`,
    `POST ${resultsPath} HTTP/1.1\r\ncontent-length: 0\r\n\r\n`,
    `POST ${resultsPath} HTTP/1.1\nhost: x\nx y: z\n\n`,
    '$0\r\n*1\r\n$4\r\nPING\r\n',
  ]);
  return { act: raw({ write: written }), expected: [refusedRequest] };
};

/** Bodies whose length is said wrongly, twice, or in two ways: what request smuggling is made of. */
export const badFraming: Make = (context) => {
  const body = text(victimId(context));
  const smuggled = wholeRequest(body);
  const chunked = { 'transfer-encoding': 'chunked' };
  const written = context.random.pick([
    head(asRelay({ 'content-length': body.length, ...chunked })) + body,
    head(asRelay({ 'content-length': '-1' })) + body,
    head(asRelay({ 'content-length': '0x10' })) + body,
    head(asRelay({ 'content-length': '99999999999999999999' })) + body,
    head(asRelay({ 'content-length': `${body.length}\r\ncontent-length: ${body.length + 1}` })) + body,
    `${head(asRelay(chunked))}zz\r\n${body}\r\n0\r\n\r\n`,
    `${head(asRelay(chunked))}-5\r\n${body}\r\n0\r\n\r\n`,
    `${head(asRelay(chunked))}fffffffffffffffff\r\n${body}`,
    `${head(asRelay({ 'transfer-encoding': 'chunked, identity' }))}0\r\n\r\n${smuggled}`,
    `${head(asRelay({ 'transfer-encoding': ' chunked\r\n x: y' }))}0\r\n\r\n`,
    `POST ${resultsPath} HTTP/1.1\r\nhost: x\r\nx-hud-internal-bot: ${token}\r\nx: a\u0000b\r\n\r\n`,
  ]);
  return { act: raw({ write: written }), expected: [refusedRequest], mustClose: true };
};

/** More headers, or longer ones, than anybody needs. */
export const headerFlood: Make = ({ random }) => {
  const tooMuch = { statuses: [431] };
  const one = head(asRelay({ 'x-long': 'x'.repeat(20_000), 'content-length': 0 }));
  const many = head({
    ...Object.fromEntries(Array.from({ length: 3_000 }, (_, n) => [`x-${n}`, 'y'.repeat(9)])),
    ...asRelay({ 'content-length': 0 }),
  });
  // Fits, and is dropped by Node from the two thousandth on, the token included.
  const small = head({ ...Object.fromEntries(Array.from({ length: 1_900 }, (_, n) => [`a${n}`, ''])) });
  return random.pick([
    { act: raw({ write: one }), expected: [tooMuch], mustClose: true },
    { act: raw({ write: many }), expected: [tooMuch], mustClose: true },
    { act: raw({ write: small }), expected: [{ statuses: [401] }] },
    {
      act: raw({ write: `GET /${'a'.repeat(40_000)} HTTP/1.1\r\nhost: x\r\n\r\n` }),
      expected: [tooMuch],
      mustClose: true,
    },
  ]);
};

/** Good and bad requests in one packet. Every one gets its own answer, in order, and the good ones are stored. */
export const pipelined: Make = (context) => {
  const { random } = context;
  const requests = Array.from({ length: random.int(2, 6) }, () => {
    if (random.chance(0.4)) return { body: text(context.freshId()), expected: { statuses: [200] } };
    return { body: text(victimId(context)).replace('"job_name"', '"jobname"'), expected: missingJobName };
  });
  const garbage = random.chance(0.3) ? ['\u0001\u0002 garbage\r\n\r\n'] : [];
  return {
    act: raw({ write: [...requests.map(({ body }) => wholeRequest(body)), ...garbage].join('') }),
    expected: [...requests.map(({ expected }) => expected), ...garbage.map(() => refusedRequest)],
    bodies: requests.map(({ body }) => body),
  };
};
const missingJobName = { statuses: [400], fields: ['workflow.job_name'] };

/** Our half is closed right behind a request, whole or not. */
export const halfClosed: Make = (context) => {
  const body = text(context.freshId());
  const whole = wholeRequest(body);
  switch (context.random.int(0, 2)) {
    case 0:
      return {
        act: raw({ write: whole }, 'end'),
        expected: [{ statuses: [200] }],
        bodies: [body],
        mustClose: true,
      };
    case 1:
      return { act: raw({ write: whole.slice(0, -30) }, 'end'), expected: [refusedRequest], mustClose: true };
    default:
      return { act: raw({ write: whole.slice(0, 60) }, 'end'), expected: [refusedRequest], mustClose: true };
  }
};

/** The sender goes away in the midst of it. */
export const abandoned: Make = (context) => {
  const whole = wholeRequest(text(victimId(context)));
  const part = whole.slice(0, context.random.int(1, whole.length - 1));
  return {
    act: raw({ write: part }, { waitMs: context.random.int(0, 20) }, 'destroy'),
    expected: [],
    maySilence: true,
  };
};

/** Expect: 100-continue. Whoever has no token is not asked for the body. */
export const expectContinue: Make = (context) => {
  const body = text(context.freshId());
  const headers = { 'content-length': Buffer.byteLength(body), expect: '100-continue' };
  if (context.random.chance(0.5)) {
    return {
      act: raw({ write: head({ 'content-type': 'application/json', ...headers }) }),
      expected: [{ statuses: [401] }],
      mustClose: true,
    };
  }
  return {
    act: raw({ write: head(asRelay(headers)) }, { waitMs: 20 }, { write: body }),
    expected: [{ statuses: [200] }],
    bodies: [body],
  };
};
