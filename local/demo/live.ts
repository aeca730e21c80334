import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import colors from 'picocolors';
import { sleep } from '../../runtime/retry';
import { exitWith } from '../../runtime/shutdown';
import type { WireBody } from './jobs';
import { createLiveModel } from './live-model';
import { createRandom } from './random';
import { IngestUnusableError, postCallback } from './relay-client';

const usage = `Usage: npm run demo -- [--rate N] [--speed N] [--count N]

Sends callbacks of the demo's backends to ingest, as the relay does, until Ctrl-C.
  --rate N    callbacks a second, more than 0, at most 50 (default 2)
  --speed N   how much faster than in reality jobs finish, 1 to 3600 (default 60: an hour takes a minute)
  --count N   stop after N callbacks

INGEST_URL (default http://127.0.0.1:8080), OOT_RELAY_TOKENS (default: the token that npm start wrote
into DATA_DIR, default .data)
`;

type Options = { rate: number; speed: number; count: number };

/** Null: not understood. */
function readOptions(args: string[]): Options | 'help' | null {
  const number = (text: string | undefined, fallback: number, min: number, max: number) => {
    const value = text === undefined ? fallback : Number(text);
    if (!(value >= min && value <= max)) throw new RangeError('out of bounds');
    return value;
  };
  try {
    const string = { type: 'string' } as const;
    const help = { type: 'boolean', short: 'h' } as const;
    const { values } = parseArgs({ args, options: { rate: string, speed: string, count: string, help } });
    if (values.help) return 'help';
    return {
      rate: number(values.rate, 2, 0.01, 50),
      speed: number(values.speed, 60, 1, 3_600),
      count: values.count === undefined ? Infinity : Math.floor(number(values.count, 1, 1, 1e9)),
    };
  } catch {
    return null;
  }
}

async function readToken(env: NodeJS.ProcessEnv): Promise<string> {
  const [given] = (env.OOT_RELAY_TOKENS ?? '').split(',');
  if (given?.trim()) return given.trim();
  const file = join(env.DATA_DIR?.trim() ? env.DATA_DIR : '.data', 'relay-token');
  try {
    const token = (await readFile(file, 'utf8')).trim();
    if (token) return token;
  } catch {
    // Said below, as for an empty file.
  }
  throw new IngestUnusableError(
    `No token: ${file} can't be read. Run npm start first, or set OOT_RELAY_TOKENS`,
  );
}

/** One short line a callback: time, backend, job, outcome, HTTP status. */
function describe({ trusted, untrusted }: WireBody, status: number): string {
  const { workflow, payload, event_type } = untrusted.callback_payload;
  const outcome = workflow.conclusion ?? 'started';
  const paint =
    { success: colors.green, failure: colors.red, timed_out: colors.red, started: colors.cyan }[outcome] ??
    colors.yellow;
  const what = typeof payload.number === 'number' ? `#${payload.number}` : event_type;
  const time = new Date().toISOString().slice(11, 19);
  return [
    colors.dim(time),
    trusted.verified_repo.padEnd(34),
    what.padEnd(8),
    workflow.job_name.padEnd(24),
    paint(outcome.padEnd(9)),
    status === 200 ? colors.dim('200') : colors.red(String(status)),
  ].join(' ');
}

async function run({ rate, speed, count }: Options): Promise<void> {
  const { env } = process;
  const url = `${(env.INGEST_URL?.trim() ? env.INGEST_URL : 'http://127.0.0.1:8080').replace(/\/+$/, '')}/api/crcr/results`;
  const token = await readToken(env);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());

  const nowMs = Date.now();
  const model = createLiveModel({ random: createRandom(`live ${nowMs}`), nowMs, speed, ratePerSecond: rate });
  const answers = new Map<number, number>();
  let sent = 0;
  let dueMs = nowMs;
  try {
    while (sent < count && !stop.signal.aborted) {
      dueMs = Math.max(dueMs + 1_000 / rate, Date.now());
      const callback = model.next(Date.now());
      if (callback) {
        const status = await postCallback({ url, token, signal: stop.signal }, callback.body);
        if (status === null) break;
        sent++;
        answers.set(status, (answers.get(status) ?? 0) + 1);
        process.stdout.write(`${describe(callback.body, status)}\n`);
      }
      if (sent < count) await sleep(Math.max(0, dueMs - Date.now()), stop.signal);
    }
  } finally {
    const parts = [...answers].map(([status, times]) => `${times} answered ${status}`);
    if (sent > 0) process.stdout.write(`Sent ${sent} callbacks: ${parts.join(', ')}\n`);
  }
}

const options = readOptions(process.argv.slice(2));
if (options === 'help') process.stdout.write(usage);
else if (options === null) {
  process.stderr.write(usage);
  process.exitCode = 2;
} else run(options).catch(exitWith);
