import { join } from 'node:path';
import { completed, inProgress, type WireCallback } from '../test/helpers/callbacks';
import { checkRunId } from './callbacks';
import { startChild } from './children';
import { createRow, type BenchContext, type BenchRow, type Section } from './section';
import type { Validation, ValidationTimes } from './workers/validator';

/** Validation and mapping of one callback that is decoded already, against decoding it. */
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

async function run({ say, scope, signal, size, tempDir }: BenchContext): Promise<BenchRow[]> {
  const rounds = size === 'quick' ? 3 : 25;
  const repeats = size === 'quick' ? 5 : 150;
  // Not here: what the bench holds in memory makes every collection of garbage longer, which ingest does not have.
  const validator = await startChild(scope, 'bench/workers/validator.ts', {
    logFile: join(tempDir, 'validator.log'),
  });
  const rows: BenchRow[] = [];
  for (const { what, make } of bodies) {
    const texts = Array.from({ length: variants }, (_, n) => JSON.stringify(make(n)));
    const ours: number[] = [];
    const parse: number[] = [];
    for (let round = -2; round < rounds; round++) {
      signal.throwIfAborted();
      const times = await validator.ask<ValidationTimes>({ texts, repeats } satisfies Validation);
      // The first two warm up.
      if (round < 0) continue;
      ours.push(times.oursUs);
      parse.push(times.parseUs);
    }
    say(`${what}: ${rounds} rounds`);
    rows.push(
      createRow({
        what,
        unit: 'µs',
        ours,
        against: { what: 'JSON.parse of the bytes', rounds: parse },
        goal: { kind: 'ratio at most', bound: maxRatio },
        note: `${Buffer.byteLength(texts[0] ?? '')} bytes, ${rounds} rounds of ${repeats * variants}`,
      }),
    );
  }
  return rows;
}
