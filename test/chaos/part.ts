import { fork } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { sleep } from '../../runtime/retry';

/** A process of the bundle. */
export type Running = {
  pid: number;
  /** Settles when it is gone; never rejects. `why` is one line for people. */
  exited: Promise<{ why: string }>;
};

/** A part that can be broken and mended. Every break has its own mend; a part is back when all have happened. */
export type Part = {
  name: string;
  start(): Promise<void>;
  /** SIGKILL. Returns how to start it again, on the same port and data; that does not wait until it is ready. */
  kill(): Promise<() => Promise<void>>;
  /** SIGTERM, and its end is waited for. Returns how to start it again. */
  terminate(): Promise<() => Promise<void>>;
  /** SIGSTOP: it is there, and does nothing. Returns how to let it go on. */
  freeze(): () => void;
  /** Ends it for good. */
  end(): Promise<void>;
};

/** Every process of this file that may be running, for the last resort when the suite itself ends. */
const alive = new Set<number>();
process.on('exit', () => {
  for (const pid of alive) signalTo(pid, 'SIGKILL');
});

function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}

/** How long a part that was asked to stop may take until it counts as hanging, in milliseconds. */
const stopTimeoutMs = 15_000;

/**
 * `launch` starts the process and resolves when it can be used, or, where `waits` is false, when it runs.
 * `onFault` hears of what no fault explains: a process that ended by itself (it is started again), or hangs.
 */
export function createPart(options: {
  name: string;
  launch: () => Promise<Running>;
  onFault: (what: string) => void;
}): Part {
  const { name, onFault } = options;
  let running: Running | null = null;
  let isWanted = false;
  let isEnded = false;
  let breaks = 0;
  // One change of the process at a time; each waits for the one before.
  let line: Promise<unknown> = Promise.resolve();
  const inLine = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = line.then(work);
    line = mine.catch(() => undefined);
    return mine;
  };

  const up = async (): Promise<void> => {
    if (running || isEnded) return;
    isWanted = true;
    for (let tries = 1; ; tries++) {
      try {
        running = await options.launch();
        break;
      } catch (error) {
        if (tries === 4) throw error;
        await sleep(250);
      }
    }
    const mine = running;
    alive.add(mine.pid);
    void mine.exited.then(({ why }) => {
      alive.delete(mine.pid);
      if (running === mine) running = null;
      if (!isWanted || isEnded) return;
      onFault(`${name} ended by itself: ${why}`);
      void inLine(async () => {
        await sleep(300);
        if (isWanted) await up();
      });
    });
  };
  const down = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    isWanted = false;
    if (!running) return;
    const { pid, exited } = running;
    // A frozen process would not hear SIGTERM.
    if (signal === 'SIGTERM') signalTo(pid, 'SIGCONT');
    signalTo(pid, signal);
    const gone = new AbortController();
    void exited.then(() => gone.abort());
    await sleep(stopTimeoutMs, gone.signal);
    if (!gone.signal.aborted) {
      onFault(`${name} did not stop within ${stopTimeoutMs} ms`);
      signalTo(pid, 'SIGKILL');
      await exited;
    }
  };
  const breakBy = async (signal: 'SIGKILL' | 'SIGTERM') => {
    breaks++;
    await inLine(() => down(signal));
    let isMended = false;
    return async () => {
      if (isMended) return;
      isMended = true;
      if (--breaks === 0) await inLine(up);
    };
  };

  return {
    name,
    start: () => inLine(up),
    kill: () => breakBy('SIGKILL'),
    terminate: () => breakBy('SIGTERM'),
    freeze() {
      const pid = running?.pid;
      if (pid === undefined) return () => undefined;
      signalTo(pid, 'SIGSTOP');
      return () => {
        if (alive.has(pid)) signalTo(pid, 'SIGCONT');
      };
    },
    async end() {
      isEnded = true;
      await inLine(() => down('SIGKILL'));
    },
  };
}

/**
 * Starts one of our own entry points and resolves when it runs; `ready` when it says that it can be used.
 *
 * Its log is appended to `logFile`. It ends by itself when this process does: the channel to it closes then.
 */
export function forkEntry(options: {
  /** Path from the repository's root. */
  entry: string;
  env: NodeJS.ProcessEnv;
  logFile: string;
}): Running & { ready: Promise<boolean> } {
  const root = resolve(__dirname, '../..');
  const log = openSync(options.logFile, 'a');
  const child = fork(join(root, options.entry), {
    execArgv: ['--import', 'tsx'],
    cwd: root,
    env: options.env,
    // Ctrl-C on a terminal is for the suite, which then ends its processes itself.
    detached: true,
    stdio: ['ignore', log, 'pipe', 'ipc'],
  });
  closeSync(log);
  let lastWords = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    lastWords = (lastWords + text).slice(-2_000);
  });
  const exited = new Promise<{ why: string }>((settle) => {
    child.once('close', (code, signal) =>
      settle({
        why: `${signal ?? `exit code ${code ?? '?'}`} ${lastWords.trim().split('\n').slice(0, 6).join(' | ')}`,
      }),
    );
    child.once('error', (error) => settle({ why: error.message }));
  });
  const said = new Promise<boolean>((settle) => {
    child.on('message', (message) => {
      if ((message as { ready?: unknown }).ready === true) settle(true);
    });
  });
  return {
    pid: child.pid ?? 0,
    exited,
    ready: Promise.race([said, exited.then(() => false)]),
  };
}
