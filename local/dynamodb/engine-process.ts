import { spawn } from 'node:child_process';
import type { EngineProgram } from './engines';

const stopTimeoutMs = 5_000;
const keptStderrChars = 8_192;

/** How a process ended: one of the two is null, or both where it never started. */
export type Exit = { code: number | null; signal: NodeJS.Signals | null };

/** A process of ours. `stop` and `kill` only ever end this one: node knows when its pid is no longer its own. */
export type EngineProcess = {
  pid: number;
  /** Resolves when the process has ended, for whatever reason; never rejects. */
  exited: Promise<Exit>;
  /** False from the moment that its end was seen. */
  isRunning: () => boolean;
  /** The newest 8 KiB of what it wrote to stderr until `forgetStderr`. */
  stderr: () => string;
  /** Drops stderr from now on: once an engine serves, its messages may quote items. */
  forgetStderr: () => void;
  /** SIGTERM, and SIGKILL after 5 s. Resolves when it has ended; may be called again. */
  stop: () => Promise<void>;
  /** SIGKILL, at once: what a crash looks like. */
  kill: () => void;
};

/**
 * Starts an engine, with a stdin that stays open as long as this process lives.
 *
 * Throws what `spawn` reports where the program can't be started (ENOENT, EACCES).
 */
export async function spawnEngine(program: EngineProgram, engineArgs: string[]): Promise<EngineProcess> {
  const child = spawn(program.file, [...program.args, ...engineArgs], {
    stdio: ['pipe', 'ignore', 'pipe'],
    // A process group of its own: Ctrl-C on a terminal is for its starter, who stops it when its turn comes.
    detached: true,
  });
  let running = true;
  let kept: string | null = '';
  const exited = new Promise<Exit>((resolve) => {
    // 'close' comes after the last of stderr has been read, so that an error can quote it.
    child.once('close', (code, signal) => {
      running = false;
      resolve({ code, signal });
    });
  });
  // Nothing is written to it; a broken pipe is told by the end of the process.
  child.stdin.on('error', () => undefined);
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (kept !== null) kept = (kept + text).slice(-keptStderrChars);
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });

  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const lastResort = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
    await exited;
    clearTimeout(lastResort);
  };
  return {
    pid: child.pid ?? 0,
    exited,
    isRunning: () => running,
    stderr: () => kept ?? '',
    forgetStderr: () => {
      kept = null;
    },
    stop,
    kill: () => void child.kill('SIGKILL'),
  };
}
