import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

/** A function's bundle in a process of its own, which has nothing else of ours. */
export type RunningLambda = {
  /** Rejects where the function does: for Lambda a function error. */
  invoke<T>(event: unknown): Promise<T>;
  /** Lines of its log so far. */
  log(): Record<string, unknown>[];
  stop(): Promise<void>;
};

/** Starts a bundle with nothing in its environment but `env` and what Lambda itself sets. */
export async function startLambda(file: string, env: Record<string, string>): Promise<RunningLambda> {
  const child: ChildProcess = fork(join(__dirname, 'lambda-child.cjs'), [file], {
    execArgv: [],
    env: {
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const exited = new Promise<never>((_, reject) =>
    child.once('exit', (code) => reject(new Error(`the function ended (${code}): ${stderr}`))),
  );
  exited.catch(() => undefined);
  await Promise.race([new Promise((resolve) => child.once('message', resolve)), exited]);

  let asked = 0;
  return {
    invoke<T>(event: unknown) {
      const id = ++asked;
      const answered = new Promise<T>((resolve, reject) => {
        const listen = (message: { id?: number; result?: T; error?: string }) => {
          if (message.id !== id) return;
          child.off('message', listen);
          if (message.error === undefined) resolve(message.result as T);
          else reject(new Error(message.error));
        };
        child.on('message', listen);
      });
      child.send({ id, event });
      return Promise.race([answered, exited]);
    },
    log: () =>
      stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    async stop() {
      child.kill('SIGKILL');
      await exited.catch(() => undefined);
    },
  };
}
