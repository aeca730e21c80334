import { fork, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Part } from './supervisor';

/** What a part gets of this process's own environment; all else is said by whoever starts it. */
const inherited = ['PATH', 'HOME', 'TMPDIR', 'NODE_OPTIONS', 'NODE_ENV', 'LANG', 'TZ'];

/** The environment of a part: what every process needs, and what is set for it. */
export function partEnvironment(own: NodeJS.ProcessEnv, set: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(own).filter(
    ([name]) => inherited.includes(name) || name.startsWith('AWS_') || name === 'LOG_LEVEL',
  );
  return { ...Object.fromEntries(kept), ...set };
}

/**
 * Starts one of our own processes and resolves when it says that it is ready. Its log goes to `logFile`, anew
 * at each start. Rejects with its last words on stderr where it ends before that.
 *
 * It has a process group of its own: Ctrl-C on a terminal reaches the supervisor alone, which then stops the
 * parts in order. When this process is killed, the channel to it closes, and it stops by itself.
 */
export async function startNodePart(options: {
  name: string;
  /** Path from the repository's root. */
  entry: string;
  env: NodeJS.ProcessEnv;
  logFile: string;
}): Promise<Part> {
  const { name, logFile } = options;
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'w');
  const child = fork(join(__dirname, '..', options.entry), {
    execArgv: ['--import', 'tsx'],
    cwd: join(__dirname, '..'),
    env: options.env,
    detached: true,
    stdio: ['ignore', log, 'pipe', 'ipc'],
  });
  closeSync(log);

  let lastWords = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    lastWords = (lastWords + text).slice(-4_000);
  });
  const exited = new Promise<{ why: string }>((resolve) => {
    child.once('close', (code, signal) => {
      const lines = lastWords.split('\n').filter((line) => line.trim() !== '' && !/^\s+at /.test(line));
      const reason = lines.slice(-4).join(' | ');
      resolve({
        why: `${signal ?? `exit code ${code ?? '?'}`}${reason ? `: ${reason}` : ''} (log: ${logFile})`,
      });
    });
  });
  const ready = new Promise<'ready'>((resolve) => {
    child.on('message', (message) => {
      if ((message as { ready?: unknown }).ready === true) resolve('ready');
    });
  });
  const first = await Promise.race([ready, exited]);
  if (first !== 'ready')
    throw Object.assign(new Error(`${name} did not start: ${first.why}`), { code: 'PART' });
  return {
    name,
    exited,
    stop: () => endProcess(child, exited),
  };
}

/** Asks a process of ours to end, and makes it after 12 s. Resolves when it has; may be called again. */
export async function endProcess(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 12_000);
  await exited;
  clearTimeout(timer);
}
