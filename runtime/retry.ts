/** Waits. Ends early, without an error, when the signal aborts. */
export type Sleep = (ms: number, signal?: AbortSignal) => Promise<void>;

export const sleep: Sleep = (ms, signal) =>
  new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });

export type RetryOptions = {
  /** Whether the same attempt may work later. What it says no to is thrown. */
  isRetryable: (error: unknown) => boolean;
  onRetry: (error: unknown, tries: number, delayMs: number) => void;
  signal: AbortSignal;
  /** First and longest wait; each is drawn evenly from half to the whole of twice the one before. */
  baseMs?: number;
  capMs?: number;
  sleep?: Sleep;
};

/** What {@link retry} throws when its signal aborts before an attempt worked. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError';
}

/** Tries until it works, for as long as it takes; at least once, so that a process that stops can finish. */
export async function retry<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { baseMs = 200, capMs = 15_000 } = options;
  const wait = options.sleep ?? sleep;
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (options.signal.aborted) throw new StoppedError('stopped', { cause: error });
      if (!options.isRetryable(error)) throw error;
      const longest = Math.min(capMs, baseMs * 2 ** Math.min(tries - 1, 16));
      const delayMs = Math.round(longest * (0.5 + Math.random() / 2));
      options.onRetry(error, tries, delayMs);
      await wait(delayMs, options.signal);
    }
  }
}
