import { sleep } from '../../runtime/retry';

/** Looks until there is something, at most `timeoutMs`; then throws what `explain` says. */
export async function poll<T>(
  look: () => Promise<T | undefined>,
  { pollMs, timeoutMs, explain }: { pollMs: number; timeoutMs: number; explain: () => Promise<string> },
): Promise<T> {
  const deadlineMs = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() >= deadlineMs)
      throw new Error(`${await explain()} (waited ${Math.round(timeoutMs / 1_000)} s)`);
    await sleep(pollMs);
  }
}
