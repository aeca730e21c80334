import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack, Outcome } from './attack';
import type { Figures, IngestProcess } from './ingest-process';
import type { Sender } from './send';

/** Ordinary requests in flight at once. */
const maxInFlight = 48;

/** Sends at a steady rate; the slow ones do not hold up the others. Returns when all are answered. */
export async function storm(options: {
  attacks: Generator<Attack>;
  count: number;
  perSecond: number;
  sender: Sender;
  ingest: IngestProcess;
  samples: Figures[];
  settle: (attack: Attack, outcome: Outcome) => void;
  signal?: AbortSignal;
}): Promise<void> {
  const { attacks, count, perSecond, sender, ingest, samples, settle, signal } = options;
  const quick = new Set<Promise<void>>();
  const slow = new Set<Promise<void>>();
  let dueMs = performance.now();
  const sampler = setInterval(() => {
    void ingest.figures().then(
      (figures) => samples.push(figures),
      () => undefined,
    );
  }, 1_000);
  try {
    for (let index = 0; index < count && ingest.ended() === null; index++) {
      signal?.throwIfAborted();
      const next = attacks.next();
      if (next.done) break;
      const attack = next.value;
      // A pause of ours is not made up for with a burst.
      dueMs = Math.max(dueMs + 1_000 / perSecond, performance.now());
      if (dueMs - performance.now() > 1) await sleep(dueMs - performance.now());
      while (quick.size >= maxInFlight) await Promise.race(quick);
      const lane = attack.isSlow ? slow : quick;
      const sent = sender.send(attack).then((outcome) => settle(attack, outcome));
      lane.add(sent);
      void sent.finally(() => lane.delete(sent));
    }
    await Promise.all([...quick, ...slow]);
  } finally {
    clearInterval(sampler);
  }
}
