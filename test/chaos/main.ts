import { parseArgs } from 'node:util';
import { findDynamoDbLocal, type EmbeddedEngine } from '../../local/dynamodb/engines';
import { faults, findFault } from './faults';
import { explain, rowOf, summarize, tableHead } from './report';
import { runSeed, type SeedResult } from './run-seed';

const usage = `usage: npm run test:chaos [-- OPTIONS]
  --seeds N      as many seeds in a row; 1 unless told
  --seed S       the first of them; 1 unless told
  --long         20,000 callbacks a seed instead of 2,000
  --callbacks N  another number of callbacks
  --fault NAME   that fault alone, again and again
  --engine NAME  dynamodb-local or dynoxide; DynamoDB Local where Java is there, unless told
  --keep         keep data and logs of a seed that failed
  --list         lists the faults
`;

type Flags = {
  first: number;
  seeds: number;
  callbacks: number;
  fault: string | null;
  engine: EmbeddedEngine | null;
  keep: boolean;
};

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Exits 0 when every seed passed, 1 when one failed, 2 on bad flags, 130 on Ctrl-C. */
async function main(): Promise<number> {
  const flags = readFlags();
  if (typeof flags === 'number') return flags;
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // Asked twice: the processes are killed on exit, though a folder may stay behind.
      if (stop.signal.aborted) process.exit(130);
      process.stderr.write('Stopping everything ...\n');
      stop.abort(new Error('interrupted'));
    });
  }
  const engine = flags.engine ?? ((await findDynamoDbLocal()).ok ? 'dynamodb-local' : 'dynoxide');
  const fault = flags.fault === null ? undefined : findFault(flags.fault);
  say(`${flags.callbacks} callbacks a seed, on ${engine}`);
  say(tableHead);
  const results: SeedResult[] = [];
  try {
    for (let seed = flags.first; seed < flags.first + flags.seeds; seed++) {
      const result = await runSeed({
        seed,
        engine,
        callbacks: flags.callbacks,
        faults: fault ? [fault] : faults,
        signal: stop.signal,
        keep: flags.keep,
      });
      results.push(result);
      say([rowOf(result), ...explain(result, againOf(seed, flags, engine))].join('\n'));
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    return 130;
  }
  const { text, exitCode } = summarize(results);
  say(text);
  return exitCode;
}

/** The command that runs a seed again. */
const againOf = (seed: number, { callbacks, fault }: Flags, engine: EmbeddedEngine): string =>
  [
    `npm run test:chaos -- --seed ${seed} --callbacks ${callbacks} --engine ${engine}`,
    ...(fault === null ? [] : [`--fault ${fault}`]),
  ].join(' ');

/** What was asked for, or the code to exit with. */
function readFlags(): Flags | number {
  try {
    const { values } = parseArgs({
      options: {
        seeds: { type: 'string', default: '1' },
        seed: { type: 'string', default: '1' },
        long: { type: 'boolean', default: false },
        callbacks: { type: 'string' },
        fault: { type: 'string' },
        engine: { type: 'string' },
        keep: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
      },
    });
    if (values.list) {
      for (const { name, about } of faults) say(`${name.padEnd(24)}${about}`);
      return 0;
    }
    if (values.fault !== undefined && !findFault(values.fault)) {
      throw new Error(`--fault ${values.fault}: there is no such fault, see --list`);
    }
    if (values.engine !== undefined && values.engine !== 'dynamodb-local' && values.engine !== 'dynoxide') {
      throw new Error(`--engine ${values.engine}: must be dynamodb-local or dynoxide`);
    }
    return {
      first: readCount('seed', values.seed),
      seeds: readCount('seeds', values.seeds),
      callbacks: readCount('callbacks', values.callbacks ?? (values.long ? '20000' : '2000')),
      fault: values.fault ?? null,
      engine: values.engine ?? null,
      keep: values.keep,
    };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}`);
    return 2;
  }
}

function readCount(name: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`--${name} ${text}: must be a whole number from 1`);
  return Number(text);
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${(error as Error).stack ?? String(error)}\n`);
    process.exit(1);
  },
);
