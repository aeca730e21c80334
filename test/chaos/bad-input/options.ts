import { parseArgs } from 'node:util';
import type { BadInputOptions } from './run';

export const usage = `node --import tsx test/chaos/bad-input/main.ts [options]
  --requests N   how many bad requests (default 100000)
  --seed N       the same seed sends the same requests (default 1)
  --rate N       bad requests a second (default 250)
  --engine NAME  dynoxide (default) or dynamodb-local
`;

/** Reads the command line. Throws an Error that says what is wrong with it. */
export function parseOptions(args: string[]): BadInputOptions {
  const { values } = parseArgs({
    args,
    options: {
      requests: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
      rate: { type: 'string', default: '250' },
      engine: { type: 'string', default: 'dynoxide' },
    },
  });
  const { engine } = values;
  if (engine !== 'dynoxide' && engine !== 'dynamodb-local')
    throw new Error(`--engine: there is no ${engine}`);
  return {
    requests: whole('requests', values.requests, 1, 10_000_000),
    seed: whole('seed', values.seed, 0, 2 ** 31 - 1),
    perSecond: whole('rate', values.rate, 1, 100_000),
    engine,
  };
}

function whole(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new Error(`--${name}: must be a whole number from ${min} to ${max}`);
}
