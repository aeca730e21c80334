import { fork } from 'node:child_process';
import { join } from 'node:path';
import { completed, inProgress, type WireCallback } from '../../helpers/callbacks';

/** The n-th callback of the calm stream: a job starts, and with the next one it ends. */
export const calmCallback = (index: number): WireCallback => {
  const workflow = { name: 'calm-ci', job_name: 'test', check_run_id: `calm-${index >> 1}` };
  return index % 2 === 0 ? inProgress({ workflow }) : completed({ workflow });
};

/** One stretch of the calm stream. */
export type CalmWindow = {
  /** Milliseconds from when a callback was due to its answer. */
  latenciesMs: number[];
  /** Answers that were no 200, in words. */
  failures: string[];
};

export type Calm = {
  pid: number;
  /** Callbacks sent so far, all of them answered. */
  sent: () => number;
  begin(): void;
  end(): Promise<CalmWindow>;
  stop(): void;
};

/**
 * The calm stream: valid callbacks at a steady rate, whatever happens to those before, from a process of its
 * own, so that what is measured is ingest and not the sender of the bad ones.
 */
export async function startCalm(port: number, perSecond: number): Promise<Calm> {
  const child = fork(join(__dirname, 'calm-main.ts'), [String(port), String(perSecond)], {
    execArgv: ['--import', 'tsx'],
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  let sent = 0;
  const next = () =>
    new Promise<CalmWindow & { sent: number }>((resolve, reject) => {
      const onExit = () => reject(new Error('the calm stream ended'));
      child.once('exit', onExit);
      child.once('message', (message) => {
        child.off('exit', onExit);
        resolve(message as CalmWindow & { sent: number });
      });
    });
  await next();
  return {
    pid: child.pid ?? 0,
    sent: () => sent,
    begin: () => child.send('begin'),
    async end() {
      const answer = next();
      child.send('end');
      const window = await answer;
      ({ sent } = window);
      return window;
    },
    stop: () => void child.kill('SIGKILL'),
  };
}
