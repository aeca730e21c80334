import { parseCallback } from '../ingest/contract/callback';
import { createRecord } from '../ingest/record';
import { completed, inProgress, type WireCallback } from '../test/helpers/callbacks';
import { checkRunId } from './callbacks';
import { createRow, type BenchContext, type BenchRow, type Section } from './section';

/** Validation and mapping of one callback that is decoded already, against decoding it. In this process. */
export const validationSection: Section = {
  name: 'validation',
  title: 'Validation and mapping of one callback',
  run,
};

const maxRatio = 3;

/** Different ones, so that no cache of the engine sees the same text twice in a row. */
const variants = 64;

const failedTest = (n: number) => ({
  name: `test_matmul_${n}_float16`,
  classname: 'TestLinalgPrivateUse1',
  file: 'test/test_linalg.py',
  message: 'AssertionError: Tensor-likes are not close!',
  stacktrace: 'Traceback (most recent call last):\n  File "test_linalg.py", line 4711, in test\n'.repeat(8),
});

const bodies: { what: string; make: (n: number) => WireCallback }[] = [
  {
    what: 'a job starts',
    make: (n) => inProgress({ workflow: { check_run_id: checkRunId(n) } }),
  },
  {
    what: 'a job ends',
    make: (n) => completed({ workflow: { check_run_id: checkRunId(n) } }),
  },
  {
    what: 'a job ends with 20 failed tests and an environment',
    make: (n) =>
      completed({
        workflow: {
          check_run_id: checkRunId(n),
          conclusion: 'failure',
          failed_tests: Array.from({ length: 20 }, (_, index) => failedTest(index + n)),
          environment: { os: 'ubuntu-22.04', python: '3.12.4', driver: '25.2.0', device: 'Ascend 910B' },
        },
      }),
  },
];

async function run({ say, signal, size }: BenchContext): Promise<BenchRow[]> {
  const rounds = size === 'quick' ? 3 : 25;
  const repeats = size === 'quick' ? 5 : 150;
  const rows: BenchRow[] = [];
  for (const { what, make } of bodies) {
    const bytes = Array.from({ length: variants }, (_, n) => Buffer.from(JSON.stringify(make(n))));
    const decoded = bytes.map((body) => JSON.parse(body.toString('utf8')) as unknown);
    const things = {
      ours: () => timeEach(decoded, repeats, validateAndMap),
      parse: () => timeEach(bytes, repeats, (body) => JSON.parse(body.toString('utf8')) as unknown),
    };
    const ours: number[] = [];
    const parse: number[] = [];
    for (let round = -2; round < rounds; round++) {
      signal.throwIfAborted();
      const [oursUs, parseUs] = [things.ours(), things.parse()];
      // The first two warm up.
      if (round < 0) continue;
      ours.push(oursUs);
      parse.push(parseUs);
      // Lets Ctrl-C in.
      await new Promise(setImmediate);
    }
    say(`${what}: ${rounds} rounds`);
    rows.push(
      createRow({
        what,
        unit: 'µs',
        ours,
        against: { what: 'JSON.parse of the bytes', rounds: parse },
        goal: { kind: 'ratio at most', bound: maxRatio },
        note: `${bytes[0]?.length ?? 0} bytes, ${rounds} rounds of ${repeats * variants}`,
      }),
    );
  }
  return rows;
}

function validateAndMap(input: unknown): unknown {
  const parsed = parseCallback(input);
  if (!parsed.ok) throw new Error(parsed.issues.map(({ path }) => path).join(', '));
  return createRecord(parsed.callback);
}

/** Keeps the last result where the engine can't see that nobody reads it. */
let sink: unknown;

/** Microseconds a call. */
function timeEach<T>(inputs: readonly T[], repeats: number, call: (input: T) => unknown): number {
  const startedMs = performance.now();
  for (let repeat = 0; repeat < repeats; repeat++) for (const input of inputs) sink = call(input);
  const tookMs = performance.now() - startedMs;
  if (sink === null) throw new Error('a call returned nothing');
  return (tookMs * 1_000) / (repeats * inputs.length);
}
