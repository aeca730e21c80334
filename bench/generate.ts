import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { childEnvironment } from './children';
import { createRow, type BenchContext, type BenchRow, type Section } from './section';

/** Generating every dashboard and rule. With `--check`, so that a bench never changes a file that is committed. */
export const generateSection: Section = {
  name: 'generate',
  title: 'npm run dashboards',
  run,
};

const maxSeconds = 2;

async function run({ say, signal, size }: BenchContext): Promise<BenchRow[]> {
  const rounds = size === 'quick' ? 2 : 7;
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round++) {
    signal.throwIfAborted();
    seconds.push(await generateOnce(signal));
  }
  say(`${rounds} rounds`);
  return [
    createRow({
      what: 'npm run dashboards -- --check',
      unit: 's',
      ours: seconds,
      goal: { kind: 'less than', bound: maxSeconds, unit: 's' },
      note: `${rounds} rounds; builds and compares every file, npm's own start included`,
    }),
  ];
}

async function generateOnce(signal: AbortSignal): Promise<number> {
  const startedMs = performance.now();
  const child = spawn('npm', ['run', 'dashboards', '--', '--check'], {
    cwd: join(__dirname, '..'),
    env: childEnvironment({}),
    stdio: ['ignore', 'ignore', 'pipe'],
    signal,
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  // 1 says that files are stale: no less work, and not the bench's business.
  if (code !== 0 && code !== 1) throw new Error(`npm run dashboards ended with ${code ?? '?'}: ${stderr}`);
  return (performance.now() - startedMs) / 1_000;
}
