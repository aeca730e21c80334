import { mkdtemp, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { awsConfigSchema } from '../runtime/aws';
import { readConfig } from '../runtime/env';
import { exitWith } from '../runtime/shutdown';
import { killChildren } from './children';
import { describeMachine, describeMoment } from './machine';
import { resultsFile, terminalTable, verdict, type SectionResult } from './report';
import { createScope } from './scope';
import type { BenchEnvironment, Section, Size } from './section';
import { sections } from './sections';

const usage = `usage: npm run bench [-- OPTIONS]
  --only A,B  these sections only (see --list); bench/results.md keeps the others
  --quick     small sizes, to see that it works; writes no results
  --full      the largest sizes: 200,000 stream records, 1,000,000 items, 30,000,000 jobs
  --list      lists the sections
`;

const resultsPath = join(__dirname, 'results.md');
const environmentSchema = awsConfigSchema.extend({
  CLICKHOUSE_URL: z.url({ protocol: /^https?$/ }).optional(),
  CLICKHOUSE_USER: z.string().default('default'),
  CLICKHOUSE_PASSWORD: z.string().default(''),
});

type Flags = { chosen: readonly Section[]; size: Size };

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Exits 0 when everything was measured, met or not; 1 when something could not be; 2 on bad flags; 130 on Ctrl-C. */
async function main(): Promise<number> {
  const flags = readFlags();
  if (typeof flags === 'number') return flags;
  const { chosen, size } = flags;
  const environment: BenchEnvironment = readConfig(environmentSchema, process.env);
  const stop = stopOnSignals();
  const machine = await describeMachine(environment);
  say(machine.join('\n'));

  const results: SectionResult[] = [];
  const failed: string[] = [];
  for (const section of chosen) {
    say(`\n${section.name} ...`);
    try {
      const measuredAt = `${await describeMoment(Date.now())}, ${size} sizes`;
      const rows = await runSection(section, size, environment, stop);
      const result = { name: section.name, title: section.title, measuredAt, rows };
      results.push(result);
      say(`\n${terminalTable(result)}`);
    } catch (error) {
      if (stop.aborted) return 130;
      failed.push(section.name);
      process.stderr.write(
        `${section.name} could not be measured: ${(error as Error).stack ?? String(error)}\n`,
      );
    }
  }
  say(`\n${verdict(results)}`);
  if (failed.length > 0) say(`not measured: ${failed.join(', ')}`);
  if (size !== 'quick' && results.length > 0) {
    const existing = await readFile(resultsPath, 'utf8').catch(() => null);
    const order = sections.map(({ name }) => name);
    await writeFile(resultsPath, resultsFile({ machine, order, results, existing }));
    say('wrote bench/results.md');
  }
  return failed.length > 0 ? 1 : 0;
}

const memory = '/dev/shm';

/** Whether there is such a folder, with room for the engines' files. */
async function hasRoom(folder: string): Promise<boolean> {
  const free = await statfs(folder).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => 0,
  );
  return free > 4 * 1024 ** 3;
}

/** Runs a section and stops all that it started, also when it fails or is interrupted. */
async function runSection(section: Section, size: Size, environment: BenchEnvironment, stop: AbortSignal) {
  const parent = section.isInMemory && (await hasRoom(memory)) ? memory : tmpdir();
  const tempDir = await mkdtemp(join(parent, `oot-bench-${section.name}-`));
  const scope = createScope((error) => {
    process.stderr.write(`could not be stopped: ${String(error)}\n`);
  });
  const startedMs = Date.now();
  const sayProgress = (line: string) => {
    const seconds = ((Date.now() - startedMs) / 1_000).toFixed(0).padStart(4);
    say(`${seconds} s  ${line}`);
  };
  const interrupted = new Promise<never>((_, reject) => {
    const end = () => reject(new Error('interrupted'));
    if (stop.aborted) end();
    stop.addEventListener('abort', end);
  });
  const running = section.run({ size, signal: stop, say: sayProgress, scope, tempDir, environment });
  // What it was waiting for ends with the scope, and nobody asks any more.
  running.catch(() => undefined);
  interrupted.catch(() => undefined);
  try {
    return await Promise.race([running, interrupted]);
  } finally {
    await scope.close();
    // An engine that was still starting is stopped as soon as it runs.
    await Promise.race([running.catch(() => undefined), sleep(10_000, undefined, { ref: false })]);
    await rm(tempDir, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Aborts at the first SIGINT or SIGTERM; at the second, everything is killed. */
function stopOnSignals(): AbortSignal {
  const stop = new AbortController();
  process.on('exit', killChildren);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(130);
      process.stderr.write('Stopping everything ...\n');
      stop.abort();
    });
  }
  return stop.signal;
}

/** What was asked for, or the code to exit with. */
function readFlags(): Flags | number {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string' },
        quick: { type: 'boolean', default: false },
        full: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
      },
    });
    if (values.list) {
      for (const { name, title } of sections) say(`${name.padEnd(16)}${title}`);
      return 0;
    }
    if (values.quick && values.full) throw new Error('--quick and --full: one of them');
    const names = values.only?.split(',');
    const unknown = names?.filter((name) => !sections.some((section) => section.name === name)) ?? [];
    if (unknown.length > 0)
      throw new Error(`--only ${unknown.join(',')}: there is no such section, see --list`);
    return {
      chosen: sections.filter(({ name, isOnlyFull }) =>
        names ? names.includes(name) : values.full || !isOnlyFull,
      ),
      size: values.quick ? 'quick' : values.full ? 'full' : 'usual',
    };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}`);
    return 2;
  }
}

main().then((code) => process.exit(code), exitWith);
