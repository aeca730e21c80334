import { fork, type ChildProcess } from 'node:child_process';
import { join, resolve } from 'node:path';

export type StartOptions = {
  /** As DATA_DIR of main.ts: the engine's files go to `<dataDir>/clickhouse`. */
  dataDir: string;
  /** 0, the default, takes a free one. */
  port?: number;
  /** The child's whole environment besides what is set here; nothing of ours is passed on by itself. */
  env?: NodeJS.ProcessEnv;
  /** Where the child's JSON log goes: a file descriptor, or nowhere by default. */
  logs?: number | 'inherit' | 'ignore';
};

export type RunningEmbeddedClickHouse = {
  url: string;
  port: number;
  pid: number;
  /** Asks it to stop and waits until it has; queries in flight finish. Resolves with the exit code. */
  stop(): Promise<number | null>;
  /** Kills it with SIGKILL and waits until it is gone. */
  kill(): Promise<void>;
  /** Settles when the process is gone, for whatever reason, with its exit code (null after a signal). */
  exited: Promise<number | null>;
};

/** Enough for the 12 queries that run at once, and files and compression besides. */
const threadPoolSize = 16;
const keptStderrLines = 20;

/**
 * Starts the embedded ClickHouse in a process of its own and resolves when it is listening.
 *
 * Rejects with the child's last lines on stderr where it ends before that (a busy port, a directory in use).
 */
export async function startEmbeddedClickHouse(options: StartOptions): Promise<RunningEmbeddedClickHouse> {
  const child = fork(join(__dirname, 'main.ts'), {
    execArgv: ['--import', 'tsx'],
    // `tsx` is looked up from here, wherever the caller runs.
    cwd: resolve(__dirname, '../..'),
    env: {
      UV_THREADPOOL_SIZE: String(threadPoolSize),
      ...options.env,
      DATA_DIR: resolve(options.dataDir),
      CLICKHOUSE_PORT: String(options.port ?? 0),
    },
    stdio: ['ignore', options.logs ?? 'ignore', 'pipe', 'ipc'],
    // A process group of its own: Ctrl-C on a terminal is for its starter, who stops it when its turn comes.
    detached: true,
  });
  const stderr = keepLastLines(child);
  const exited = new Promise<number | null>((settle) => child.once('close', (code) => settle(code)));
  const port = await new Promise<number>((listening, reject) => {
    child.on('message', (message) => {
      if (isReady(message)) listening(message.port);
    });
    child.once('error', reject);
    void exited.then((code) => {
      reject(new Error(`The embedded ClickHouse ended with code ${String(code)}:\n${stderr.join('\n')}`));
    });
  });
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    pid: child.pid ?? 0,
    exited,
    async stop() {
      child.kill('SIGTERM');
      return exited;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function keepLastLines(child: ChildProcess): string[] {
  const lines: string[] = [];
  let partial = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    const pieces = (partial + chunk).split('\n');
    partial = pieces.pop() ?? '';
    lines.push(...pieces);
    lines.splice(0, lines.length - keptStderrLines);
  });
  return lines;
}

function isReady(message: unknown): message is { ready: true; port: number } {
  return (
    typeof message === 'object' &&
    message !== null &&
    'ready' in message &&
    'port' in message &&
    typeof message.port === 'number'
  );
}
