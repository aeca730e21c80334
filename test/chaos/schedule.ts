import type { Random } from '../../local/demo/random';
import { sleep } from '../../runtime/retry';
import type { Bundle } from './bundle';
import type { Fault, Heal } from './faults';

/** A fault, when it strikes (after the load began) and how long it lasts, in milliseconds. */
export type Strike = { fault: Fault; atMs: number; lastsMs: number; random: Random };

/**
 * Faults at random moments, as many as fit: one in 1.5 s, which overlap as they fall. `faults`: of these; one
 * alone strikes again and again, never while it already does.
 */
export function planStrikes(random: Random, faults: readonly Fault[], windowMs: number): Strike[] {
  const count = Math.max(3, Math.round(windowMs / 1_500) + random.int(-1, 1));
  const isAlone = faults.length === 1;
  const bag: Fault[] = [];
  while (bag.length < count) bag.push(...random.sample(faults, faults.length));
  const chosen = bag.slice(0, isAlone ? 3 : count);
  const slotMs = (windowMs * 0.8) / chosen.length;
  return chosen
    .map((fault, index) => ({
      fault,
      atMs: isAlone
        ? slotMs * (index + random.between(0.05, 0.3))
        : random.between(windowMs * 0.03, windowMs * 0.97),
      lastsMs: isAlone ? slotMs * random.between(0.2, 0.6) : random.between(150, 2_500),
      random: random.fork(`strike ${index}`),
    }))
    .sort((a, b) => a.atMs - b.atMs);
}

/** Injects and heals every fault at its time, and returns when the last was healed, UTC milliseconds. */
export async function strike(
  bundle: Bundle,
  strikes: readonly Strike[],
  signal: AbortSignal,
): Promise<number> {
  const startMs = Date.now();
  await Promise.all(
    strikes.map(async ({ fault, atMs, lastsMs, random }) => {
      await sleep(startMs + atMs - Date.now(), signal);
      if (signal.aborted) return;
      const heal: Heal = await fault.inject(bundle, random);
      await sleep(lastsMs, signal);
      await heal();
    }),
  );
  return Date.now();
}
