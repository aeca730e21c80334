import fc from 'fast-check';
import { createRandom } from '../../../local/demo/random';
import type { Attack } from './attack';
import type { Context, Draw, Make } from './aim';
import * as bodies from './bodies';
import * as connections from './connections';
import * as large from './large-bodies';
import * as requests from './requests';
import * as slow from './slow';

/** Every kind, and how many of a thousand requests are of it. The costly ones are as rare as they may be. */
const kinds: readonly (readonly [kind: string, perThousand: number, make: Make])[] = [
  ['valid, all of the schema', 80, bodies.valid],
  ['strange values in fields', 200, bodies.strangeFields],
  ['required field missing', 70, bodies.missingField],
  ['impossible value', 90, bodies.impossibleValue],
  ['another JSON document', 60, bodies.anotherDocument],
  ['broken JSON text', 90, bodies.brokenText],
  ['raw bytes', 50, bodies.rawBytes],
  ['huge and tiny numbers', 50, bodies.hugeNumber],
  ['SQL, HTML, Markdown, ANSI', 50, bodies.loadedText],
  ['__proto__ and its like', 30, bodies.prototypeKeys],
  ['deep nesting', 10, large.deepNesting],
  ['around 2 MB', 1, large.bigBody],
  ['bombs (gzip, br)', 1, large.bomb],
  ['wrong Content-Encoding', 20, large.wrongEncoding],
  ['wrong token', 70, requests.wrongToken],
  ['wrong method, path, type', 30, requests.wrongPlace],
  ['not HTTP', 20, connections.notHttp],
  ['bad framing', 20, connections.badFraming],
  ['header flood', 5, connections.headerFlood],
  ['pipelined', 12, connections.pipelined],
  ['half-closed', 10, connections.halfClosed],
  ['abandoned midway', 10, connections.abandoned],
  ['Expect: 100-continue', 5, connections.expectContinue],
  ['large body, unread', 5, requests.unreadBody],
  ['strange method or target', 6, requests.strangeRequest],
  ['slow body', 0.8, slow.slowBody],
  ['slow headers', 0.6, slow.slowHeaders],
  ['silent connection', 0.4, slow.silent],
  ['slow reader', 0.2, slow.slowReader],
];

/** Takes 28 s, so only a long run has it. */
const deadReaders = { kind: 'dead reader', from: 20_000, each: 20_000 };

const batchSize = 64;

/** As many attacks as asked for, the same ones for the same seed. */
export function* generate(seed: number, total: number): Generator<Attack> {
  const random = createRandom(`bad input ${seed}`);
  const batches = new Map<fc.Arbitrary<unknown>, { values: unknown[]; drawn: number }>();
  const draw: Draw = <T>(arbitrary: fc.Arbitrary<T>): T => {
    const batch = batches.get(arbitrary) ?? { values: [], drawn: 0 };
    batches.set(arbitrary, batch);
    if (batch.values.length === 0) {
      // A seed of its own for every batch: the same one would give the same values again.
      batch.values = fc.sample(arbitrary, { seed: seed * 100_003 + batch.drawn++, numRuns: batchSize });
    }
    return batch.values.pop() as T;
  };
  let fresh = 0;
  const context: Context = { random, draw, freshId: () => `fresh-${seed}-${++fresh}` };
  const weights = kinds.reduce((sum, [, weight]) => sum + weight, 0);

  for (let index = 0; index < total; index++) {
    // The first of every kind come first: a short run has them all.
    const [kind, , make] = kinds[index] ?? pick(random.next() * weights);
    if (total >= deadReaders.from && index % deadReaders.each === deadReaders.each / 2) {
      yield { kind: deadReaders.kind, ...slow.deadReader(context) };
    } else yield { kind, ...make(context) };
  }
}

function pick(drawn: number): (typeof kinds)[number] {
  let left = drawn;
  return kinds.find(([, weight]) => (left -= weight) < 0) ?? kinds[0]!;
}
