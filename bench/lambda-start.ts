import { spawn } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { bundleLambda, lambdaEntries, type LambdaName } from '../deploy/bundle';
import { childEnvironment } from './children';
import { createRow, measureRounds, type BenchContext, type BenchRow, type Section } from './section';

/** A cold start, as far as it is ours: from the start of a fresh Node process until the handler is there. */
export const lambdaStartSection: Section = {
  name: 'lambda-start',
  title: 'Cold start of the Lambdas',
  run,
};

/** Of what the same sources take unbundled. */
const maxRatio = 0.5;
const root = join(__dirname, '..');

async function run({ say, signal, size, tempDir }: BenchContext): Promise<BenchRow[]> {
  const rounds = size === 'quick' ? 2 : 15;
  const rows: BenchRow[] = [];
  for (const name of Object.keys(lambdaEntries) as LambdaName[]) {
    const { file, bytes } = bundleLambda(name, tempDir);
    const source = join(root, lambdaEntries[name]);
    // Once each for the caches of the disk and of tsx.
    await startOnce([], file, signal);
    await startOnce(['--import', 'tsx'], source, signal);
    const ms = await measureRounds(
      rounds,
      {
        bundle: () => startOnce([], file, signal),
        unbundled: () => startOnce(['--import', 'tsx'], source, signal),
        node: () => startOnce([], 'node:http', signal),
      },
      signal,
    );
    say(`${name}: ${rounds} rounds`);
    rows.push(
      createRow({
        what: `${name}, handler ready`,
        unit: 'ms',
        ours: ms.bundle,
        against: { what: 'the sources through tsx', rounds: ms.unbundled },
        goal: { kind: 'ratio at most', bound: maxRatio },
        note: `${rounds} rounds, Node's own start included`,
      }),
      createRow({
        what: `${name}, handler ready`,
        unit: 'ms',
        ours: ms.bundle,
        against: { what: 'Node alone with node:http', rounds: ms.node },
      }),
      createRow({
        what: `${name}, size of the bundle`,
        unit: 'MB',
        ours: [bytes / 1e6],
        note: `${(gzipSync(await readFile(file)).length / 1e6).toFixed(2)} MB compressed`,
      }),
    );
  }
  return rows;
}

/** Milliseconds since the process began, when it has loaded the module. Nothing listens where its secret would be. */
async function startOnce(flags: string[], module: string, signal: AbortSignal): Promise<number> {
  const script = `require(${JSON.stringify(module)}); process.stdout.write(String(performance.now())); process.exit()`;
  const child = spawn(process.execPath, [...flags, '-e', script], {
    cwd: root,
    env: childEnvironment({
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_ENDPOINT_URL_SECRETS_MANAGER: 'http://127.0.0.1:9',
      OOT_RELAY_TOKENS_SECRET: 'none',
      CLICKHOUSE_SECRET: 'none',
      API_READ_TOKENS_SECRET: 'none',
      CLICKHOUSE_READER_SECRET: 'none',
      LOG_LEVEL: 'silent',
    }),
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
  });
  child.once('error', () => undefined);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const ms = Number(stdout);
  if (!(ms > 0)) throw new Error(`${module} was not loaded: ${stderr.slice(-1_000)}`);
  return ms;
}
