import type * as nodeCrypto from 'node:crypto';
import { timingSafeEqual } from 'node:crypto';
import { createAuthorizer } from '../../ingest/auth';

type Crypto = typeof nodeCrypto;

jest.mock('node:crypto', () => {
  const actual = jest.requireActual<Crypto>('node:crypto');
  return { ...actual, timingSafeEqual: jest.fn(actual.timingSafeEqual) };
});

const compared = jest.mocked(timingSafeEqual);
const tokens = ['the-first-token-of-two', 'the-other-token'];
const isAuthorized = createAuthorizer(tokens);

beforeEach(() => compared.mockClear());

describe('the comparison of tokens', () => {
  it.each([
    ['a wrong one', 'nobody', false],
    ['a wrong one of the same length', 'The-first-token-of-two', false],
    ['the first', tokens[0]!, true],
    ['the last', tokens[1]!, true],
    ['an empty one', '', false],
    ['one of 8 KB', 'x'.repeat(8192), false],
  ])('compares %s with every token, over the whole of two digests of one length', (_name, sent, expected) => {
    expect(isAuthorized({ 'x-hud-internal-bot': sent })).toBe(expected);
    // With === or an early return there would be fewer, or none.
    expect(compared).toHaveBeenCalledTimes(tokens.length);
    for (const [a, b] of compared.mock.calls) expect([a.byteLength, b.byteLength]).toEqual([32, 32]);
  });

  it('compares what every header brings, whichever was right', () => {
    const headers = { 'x-hud-internal-bot': tokens[0]!, 'x-oot-relay-token': 'x', authorization: 'Bearer y' };
    expect(isAuthorized(headers)).toBe(true);
    expect(compared).toHaveBeenCalledTimes(3 * tokens.length);
  });

  it('takes a token only whole and only where it belongs', () => {
    const [token] = tokens as [string];
    const refused = [
      {},
      { authorization: token },
      { authorization: `Basic ${token}` },
      { authorization: `Bearer ${token} ${token}` },
      { cookie: token },
      { 'x-hud-internal-bot': tokens.join(',') },
      // What Node makes of a header that was sent twice.
      { 'x-hud-internal-bot': `${token}, ${token}` },
      { 'x-hud-internal-bot': `${token} ` },
      { 'x-hud-internal-bot': token.toUpperCase() },
    ];
    expect(refused.map((headers) => isAuthorized(headers))).toEqual(refused.map(() => false));
  });

  it('is closed where no token is configured', () => {
    expect(createAuthorizer([])({ 'x-hud-internal-bot': '' })).toBe(false);
  });
});
