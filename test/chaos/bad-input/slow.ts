import type { Step } from './attack';
import type { Make } from './aim';
import { callbackAgainst, head, relayHeaders, wholeRequest } from './target';

/** A byte at a time, one each `everyMs`, for `forMs`. */
const trickle = (bytes: string, everyMs: number, forMs: number): Step[] =>
  Array.from({ length: Math.floor(forMs / everyMs) }, (_, index) => [
    { write: bytes[index % bytes.length] ?? 'x' },
    { waitMs: everyMs },
  ]).flat();

/** 503 and not 4xx: it may be the network's fault, and the relay sends again only what got a 5xx. */
const tooSlow = [{ statuses: [503] }];

export const slowBody: Make = ({ random, freshId }) => {
  const body = JSON.stringify(callbackAgainst(freshId()));
  const headers = { ...relayHeaders(), 'content-length': Buffer.byteLength(body) };
  if (random.chance(0.3)) {
    const middle = body.length >> 1;
    const steps: Step[] = [
      { write: head(headers) + body.slice(0, middle) },
      { waitMs: 1_500 },
      { write: body.slice(middle) },
    ];
    return { act: { over: 'socket', steps }, expected: [{ statuses: [200] }], bodies: [body], isSlow: true };
  }
  const steps: Step[] = [{ write: head(headers) }, ...trickle(body, 250, 10_000)];
  return { act: { over: 'socket', steps }, expected: tooSlow, mustClose: true, isSlow: true };
};

export const slowHeaders: Make = ({ random, freshId }) => {
  const request = wholeRequest(JSON.stringify(callbackAgainst(freshId())));
  const after = random.pick([0, 6_000]);
  const start = head(relayHeaders()).trimEnd();
  const steps: Step[] =
    after === 0
      ? [{ write: `${start}\r\nx: ` }, ...trickle('y', 250, 10_000)]
      : // The headers take 6 s, and then the body begins to trickle.
        [
          { write: `${start}\r\nx: ` },
          ...trickle('y', 500, after),
          { write: '\r\ncontent-length: 999\r\n\r\n' },
          ...trickle(request, 250, 10_000),
        ];
  return { act: { over: 'socket', steps }, expected: tooSlow, mustClose: true, isSlow: true };
};

/** A connection that says nothing, or stops in the midst of its headers. */
export const silent: Make = ({ random }) => {
  const steps: Step[] = random.chance(0.5)
    ? []
    : [{ write: 'POST /api/crcr/results HTTP/1.1\r\nhost: x\r\n' }];
  return { act: { over: 'socket', steps }, expected: tooSlow, mustClose: true, isSlow: true };
};

const manyMetrics = (count: number) => head({}, { method: 'GET', path: '/metrics' }).repeat(count);

/** Asks for much, and reads it late. */
export const slowReader: Make = () => ({
  act: { over: 'socket', read: false, steps: [{ write: manyMetrics(50) }, { waitMs: 2_000 }] },
  expected: Array.from({ length: 50 }, () => ({ statuses: [200] })),
  isSlow: true,
});

/** Asks for much, and never reads it: the server hangs up, or its sockets would run out. */
export const deadReader: Make = () => ({
  act: { over: 'socket', read: false, steps: [{ write: manyMetrics(12_000) }, { waitMs: 28_000 }] },
  expected: [],
  maySilence: true,
  mustClose: true,
  isSlow: true,
});
