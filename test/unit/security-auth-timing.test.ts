import type { IncomingHttpHeaders } from 'node:http';
import { createAuthorizer } from '../../ingest/auth';

/** Long, so that comparing it up to its last character takes a time that a clock can see. */
const token = 'k'.repeat(128 * 1024);
/** Wrong at its first character, and right up to its last one. */
const wrongAtOnce = { 'x-hud-internal-bot': `x${token.slice(1)}` };
const wrongAtLast = { 'x-hud-internal-bot': `${token.slice(0, -1)}x` };

type Authorize = (headers: IncomingHttpHeaders) => boolean;

/** Nanoseconds of single calls: the two guesses in turn, so that whatever slows the machine hits both alike. */
function measure(isAuthorized: Authorize, pairs: number): [atOnce: number[], atLast: number[]] {
  const samples: [number[], number[]] = [[], []];
  const guesses = [wrongAtOnce, wrongAtLast] as const;
  for (let pair = -50; pair < pairs; pair++) {
    // Which comes first changes too.
    for (const which of pair % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      const startNs = process.hrtime.bigint();
      isAuthorized(guesses[which]);
      const tookNs = Number(process.hrtime.bigint() - startNs);
      if (pair >= 0) samples[which].push(tookNs);
    }
  }
  return samples;
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

/** Mann and Whitney's U as a standard normal: how sure it is that one kind of guess takes longer. Ranks only, so
 * a few samples that the scheduler made huge weigh no more than others. */
function rankZ(a: number[], b: number[]): number {
  const ranked = [...a.map((value) => ({ value, isA: true })), ...b.map((value) => ({ value, isA: false }))];
  ranked.sort((x, y) => x.value - y.value);
  const rankSum = ranked.reduce((sum, { isA }, index) => sum + (isA ? index + 1 : 0), 0);
  const u = rankSum - (a.length * (a.length + 1)) / 2;
  const mean = (a.length * b.length) / 2;
  return (u - mean) / Math.sqrt((mean * (a.length + b.length + 1)) / 6);
}

/** A leak is a difference that is both certain and large enough to be of use: 5 % of the time taken, z of 6. */
function leaks(isAuthorized: Authorize): boolean {
  const [atOnce, atLast] = measure(isAuthorized, 1_000);
  const difference = Math.abs(median(atOnce) - median(atLast)) / Math.min(median(atOnce), median(atLast));
  return difference > 0.05 && Math.abs(rankZ(atOnce, atLast)) > 6;
}

describe('the time that a wrong token takes', () => {
  it('does not depend on how much of it is right', () => {
    expect(leaks(createAuthorizer([token]))).toBe(false);
  });

  // Otherwise the test above could pass because it sees nothing.
  it.each<[string, (candidate: string) => boolean]>([
    ['===', (candidate) => candidate === token],
    [
      'a loop that ends at the first difference',
      (candidate) => {
        for (let index = 0; index < token.length; index++)
          if (candidate[index] !== token[index]) return false;
        return candidate.length === token.length;
      },
    ],
  ])('would be seen to with %s', (_name, compare) => {
    expect(leaks((headers) => compare(String(headers['x-hud-internal-bot'])))).toBe(true);
  });
});
