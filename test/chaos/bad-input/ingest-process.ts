import { fork } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { endProcess } from '../../../local/node-part';

/** What ingest says of itself. Bytes; `openFiles` is null where the system does not tell (not Linux). */
export type Figures = { rssBytes: number; heapBytes: number; openFiles: number | null; inFlight: number };

export type IngestProcess = {
  port: number;
  pid: number;
  /** How it ended, once it has; null while it runs. */
  ended: () => string | null;
  figures(): Promise<Figures>;
  stop(): Promise<void>;
};

const root = join(__dirname, '../../..');

/**
 * Starts the real ingest on 127.0.0.1 and a free port, with stdout and stderr in two files. It has a process
 * group of its own, so that Ctrl-C is ours to act on, and ends by itself when this process does.
 *
 * Throws when it ends before it listens.
 */
export async function startIngest(options: {
  env: NodeJS.ProcessEnv;
  stdoutFile: string;
  stderrFile: string;
}): Promise<IngestProcess> {
  // Files, not pipes: a log is written at once, and must not wait for this process to read it.
  const outputs = [openSync(options.stdoutFile, 'w'), openSync(options.stderrFile, 'w')] as const;
  const child = fork(join(root, 'ingest/main.ts'), {
    execArgv: ['--import', 'tsx'],
    cwd: root,
    env: {
      PATH: process.env.PATH,
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      // What is garbage is collected, so that what is kept shows: V8 would take its time on a machine with memory.
      NODE_OPTIONS: '--max-old-space-size=96',
      HOST: '127.0.0.1',
      PORT: '0',
      ...options.env,
    },
    detached: true,
    stdio: ['ignore', ...outputs, 'ipc'],
  });
  outputs.forEach(closeSync);
  const end: { how: string | null } = { how: null };
  const exited = new Promise<void>((resolve) =>
    child.once('close', (code, signal) => {
      end.how = signal ?? `exit code ${code ?? '?'}`;
      resolve();
    }),
  );
  const ready = new Promise<number>((resolve) =>
    child.on('message', (message) => resolve((message as { port: number }).port)),
  );
  const port = await Promise.race([ready, exited]);
  if (port === undefined) throw new Error(`ingest did not start: ${end.how ?? ''}`);

  return {
    port,
    pid: child.pid ?? 0,
    ended: () => end.how,
    async figures() {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      const read = (name: string) => {
        const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1];
        return value === undefined ? null : Number(value);
      };
      return {
        rssBytes: read('process_resident_memory_bytes') ?? 0,
        heapBytes: read('nodejs_heap_size_used_bytes') ?? 0,
        openFiles: read('process_open_fds'),
        inFlight: read('oot_ingest_requests_in_flight') ?? 0,
      };
    },
    stop: () => endProcess(child, exited),
  };
}
