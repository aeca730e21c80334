import { fork } from 'node:child_process';
import { readFileSync, openSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import { endProcess } from '../local/node-part';
import type { Scope } from './scope';

const root = join(__dirname, '..');

/** A process of the bench, or of the bundle. */
export type Child = {
  pid: number;
  /** What it said when it was ready. */
  ready: Record<string, unknown>;
  /** Asks a worker of bench/workers/ for something; rejects with its error, or when it ends first. */
  ask: <T>(request: object) => Promise<T>;
  stop: () => Promise<void>;
};

/** Pids that may be running, for the last resort: when the bench itself is ended twice. */
const alive = new Set<number>();

/** SIGKILLs what is still running of what this file started. */
export function killChildren(): void {
  for (const pid of alive) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Gone already.
    }
  }
}

/** What every process of ours gets; the rest is said by whoever starts it. */
export const childEnvironment = (set: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH,
  HOME: process.env.HOME,
  TMPDIR: process.env.TMPDIR,
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  ...set,
});

/**
 * Starts a TypeScript entry point in a process of its own, and resolves when it says that it is ready. Its log goes
 * to a file: a pipe would make it wait for this process. It ends when this process does, and with the scope.
 *
 * Rejects with its last words where it ends before that.
 */
export async function startChild(
  scope: Scope,
  entry: string,
  options: { env?: NodeJS.ProcessEnv; logFile: string },
): Promise<Child> {
  const log = openSync(options.logFile, 'a');
  const child = fork(join(root, entry), {
    // As this process itself: with --import tsx, and with --cpu-prof where the bench was started so.
    execArgv: process.execArgv,
    cwd: root,
    env: childEnvironment(options.env ?? {}),
    // A process group of its own: Ctrl-C on a terminal is for the bench, which then ends it.
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
    serialization: 'advanced',
  });
  closeSync(log);
  const pid = child.pid ?? 0;
  alive.add(pid);
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  const exited = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      alive.delete(pid);
      const error = new Error(`${entry} ended (${signal ?? code ?? '?'}): ${lastWords(options.logFile)}`);
      for (const { reject } of waiting.values()) reject(error);
      resolve();
    });
  });
  const stop = () => endProcess(child, exited);
  await scope.add(stop);

  const ready = await new Promise<Record<string, unknown>>((resolve, reject) => {
    child.on('message', (message: Record<string, unknown>) => {
      if (message.ready === true) resolve(message);
      const asked = typeof message.id === 'number' ? waiting.get(message.id) : undefined;
      if (!asked) return;
      waiting.delete(message.id as number);
      if (typeof message.error === 'string') asked.reject(new Error(`${entry}: ${message.error}`));
      else asked.resolve(message.result);
    });
    child.once('error', reject);
    void exited.then(() => reject(new Error(`${entry} did not start: ${lastWords(options.logFile)}`)));
  });
  let asked = 0;
  return {
    pid,
    ready,
    stop,
    ask: <T>(request: object) =>
      new Promise<T>((resolve, reject) => {
        if (!alive.has(pid)) {
          reject(new Error(`${entry} has ended: ${lastWords(options.logFile)}`));
          return;
        }
        const id = asked++;
        waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
        child.send({ id, request });
      }),
  };
}

/** Resident memory of a process in MB, by the system's own count. 0 where it does not tell. */
export function memoryOf(pid: number): number {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kib ?? 0) / 1024;
  } catch {
    return 0;
  }
}

const lastWords = (logFile: string): string =>
  readFileSync(logFile, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s+at /.test(line))
    .slice(-4)
    .join(' | ')
    .slice(-1_000);
