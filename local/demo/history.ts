import { planRuns } from './attempts';
import { backends } from './backends';
import { callbacksOf, type TimedCallback } from './jobs';
import { applyMishaps, fallSilent, surpriseProbes } from './mishaps';
import { situationAt } from './profile';
import { createRandom } from './random';
import { upstreamEvents } from './upstream';

export type HistoryOptions = {
  seed: string | number;
  /** The history's "now": nothing arrives later. UTC milliseconds. */
  endMs: number;
  /** Nothing arrives or starts earlier than `endMs - days`. Default 21. */
  days?: number;
};

const dayMs = 86_400_000;

/**
 * Every callback that arrives within the window, in the order of arrival by our clock. Deterministic: the same
 * options give the same bytes. Makes about 5,200 attempts in 21 days.
 */
export function* historyCallbacks({ seed, endMs, days = 21 }: HistoryOptions): Generator<TimedCallback> {
  const startMs = endMs - days * dayMs;
  const random = createRandom(String(seed));
  const situation = situationAt(endMs);
  const planned = upstreamEvents(random.fork('upstream'), startMs, endMs).flatMap((event) =>
    backends.flatMap((backend) =>
      planRuns({ event, backend, situation, random: random.fork(`${event.deliveryId} ${backend.repo}`) }),
    ),
  );
  const inWindow = planned.filter(({ startedMs, completedMs, startArrivesMs }) =>
    startArrivesMs === null ? completedMs >= startMs : startedMs >= startMs,
  );
  const spoiled = applyMishaps(inWindow, random.fork('mishaps'), endMs, days);
  const surprising = surpriseProbes(spoiled, random.fork('probes'), endMs);
  const attempts = fallSilent(surprising, random.fork('silence'), situation);

  yield* attempts
    .flatMap(callbacksOf)
    .filter(({ atMs }) => atMs <= endMs)
    .sort((a, b) => a.atMs - b.atMs);
}
