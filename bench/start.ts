import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { claimPort } from '../local/dynamodb/ports';
import { childEnvironment } from './children';
import { freshName } from './engines';
import { createRow, type BenchContext, type BenchRow, type Section } from './section';

/** `npm start` with nothing there yet, on embedded engines and ports of its own. */
export const startSection: Section = {
  name: 'start',
  title: 'npm start from nothing',
  run,
};

const goals = { firstRowSeconds: 5, historySeconds: 20 } as const;
const timeoutMs = 120_000;
const lookEveryMs = 25;

async function run(context: BenchContext): Promise<BenchRow[]> {
  const { say, signal, size } = context;
  const rounds = size === 'quick' ? 1 : 5;
  const firstRow: number[] = [];
  const history: number[] = [];
  let rows = 0;
  for (let round = 0; round < rounds; round++) {
    signal.throwIfAborted();
    const times = await startOnce(context);
    firstRow.push(times.firstRowSeconds);
    history.push(times.historySeconds);
    rows = times.rows;
    say(
      `round ${round + 1} of ${rounds}: ${times.firstRowSeconds.toFixed(1)} s, ${times.historySeconds.toFixed(1)} s`,
    );
  }
  return [
    createRow({
      what: 'first row visible',
      unit: 's',
      ours: firstRow,
      goal: { kind: 'less than', bound: goals.firstRowSeconds, unit: 's' },
      note: `${rounds} rounds, npm's own start included`,
    }),
    createRow({
      what: 'whole demo history visible, and everything up',
      unit: 's',
      ours: history,
      goal: { kind: 'less than', bound: goals.historySeconds, unit: 's' },
      note: `${rows} check runs in both stores`,
    }),
  ];
}

type Times = { firstRowSeconds: number; historySeconds: number; rows: number };

async function startOnce({ scope, signal, tempDir }: BenchContext): Promise<Times> {
  const dataDir = join(tempDir, freshName('start-'));
  const [PORT, CLICKHOUSE_PORT, DYNAMODB_PORT, METRICS_PORT, API_PORT] = [
    String(await claimPort(0)),
    String(await claimPort(0)),
    String(await claimPort(0)),
    String(await claimPort(0)),
    String(await claimPort(0)),
  ];
  const env = { DATA_DIR: dataDir, PORT, CLICKHOUSE_PORT, DYNAMODB_PORT, METRICS_PORT, API_PORT };
  const startedMs = performance.now();
  const npm = spawn('npm', ['start'], {
    cwd: join(__dirname, '..'),
    env: childEnvironment(env),
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const output of [npm.stdout, npm.stderr]) {
    output.setEncoding('utf8').on('data', (text: string) => (said += text));
  }
  let isRunning = true;
  const exited = new Promise<void>((resolve) => {
    npm.once('error', resolve).once('close', () => {
      isRunning = false;
      resolve();
    });
  });
  // npm may not pass a signal on; the process that it started has left its pid beside the data.
  const stop = async () => {
    const pid = Number(await readFile(join(dataDir, 'start.pid'), 'utf8').catch(() => ''));
    if (isRunning) process.kill(pid > 0 ? pid : (npm.pid ?? 0), 'SIGTERM');
    await exited;
  };
  await scope.add(async () => {
    if (isRunning) await stop();
  });

  const seconds = () => (performance.now() - startedMs) / 1_000;
  const check = () => {
    signal.throwIfAborted();
    if (!isRunning || seconds() * 1_000 > timeoutMs)
      throw new Error(`npm start failed: ${said.slice(-1_000)}`);
  };
  const url = `http://127.0.0.1:${CLICKHOUSE_PORT}`;
  while ((await countRows(url)) === 0) {
    check();
    await sleep(lookEveryMs);
  }
  const firstRowSeconds = seconds();
  // The table of the backends is the last that it prints but for what to do next.
  while (!said.includes('last result')) {
    check();
    await sleep(lookEveryMs);
  }
  const rows = Number(/History loaded\D*?([\d,]+) check runs/.exec(said)?.[1]?.replaceAll(',', '') ?? NaN);
  while ((await countRows(url)) < rows) {
    check();
    await sleep(lookEveryMs);
  }
  const historySeconds = seconds();
  await stop();
  return { firstRowSeconds, historySeconds, rows };
}

/** Attempts that a reader sees; 0 while there is no table, or nobody to ask. */
async function countRows(url: string): Promise<number> {
  try {
    const query = encodeURIComponent('SELECT count() FROM oot_workflow_job FINAL');
    const response = await fetch(`${url}/?query=${query}`, { signal: AbortSignal.timeout(5_000) });
    const text = await response.text();
    return response.ok ? Number(text) : 0;
  } catch {
    return 0;
  }
}
