import { planRuns, type Attempt } from './attempts';
import { backends } from './backends';
import { callbacksOf, type TimedCallback } from './jobs';
import { situationAt } from './profile';
import type { Random } from './random';
import { createCommit, createPush, prNumberAt, type UpstreamEvent } from './upstream';

/** The demo's upstream and backends from now on: a queue of callbacks that grows as new commits appear. */
export type LiveModel = {
  /** The next callback that is due, earliest first. Makes new commits so that there is always enough to do. */
  next: (nowMs: number) => TimedCallback | undefined;
};

/** How far ahead the queue is kept full, in milliseconds of the real clock. */
const horizonMs = 8_000;
/** At a low speed, callbacks come due long after their commit: more than this are not kept waiting. */
const maxQueued = 20_000;
const nightlyShare = 0.06;
const morePushesShare = 0.3;

/**
 * `speed`: how many model seconds pass in one real second. `ratePerSecond`: callbacks wanted. The broken backend
 * stays broken, and the silent one silent, as of `nowMs` (UTC milliseconds).
 */
export function createLiveModel(options: {
  random: Random;
  nowMs: number;
  speed: number;
  ratePerSecond: number;
}): LiveModel {
  const { random, speed, ratePerSecond } = options;
  const situation = situationAt(options.nowMs);
  const awake = backends.filter(({ fate }) => fate !== 'silent');
  const prs: number[] = [];
  // Beyond those that the history ends with.
  let number = prNumberAt(options.nowMs) + 50;
  let queue: TimedCallback[] = [];

  function newEvent(nowMs: number): UpstreamEvent {
    // Not hours away: a nightly's run starts at the hour of each backend, which is taken back in `appear`.
    if (random.chance(nightlyShare)) return createCommit(random, 'nightly', nowMs);
    const again = prs.length > 0 && random.chance(morePushesShare);
    if (!again) prs.push(number++);
    const pr = again ? random.pick(prs.slice(-20)) : (prs.at(-1) ?? number);
    return createPush(random, { atMs: nowMs, number: pr, isFirst: !again });
  }

  function appear(nowMs: number): void {
    const event = newEvent(nowMs);
    const attempts = awake.flatMap((backend) => {
      const headStartMs = event.type === 'nightly' ? backend.nightlyHourUtc * 3_600_000 : 0;
      return planRuns({ event, backend, random, situation }).map((attempt) =>
        compress(attempt, { fromMs: nowMs + headStartMs, toMs: nowMs, speed }),
      );
    });
    queue = [...queue, ...attempts.flatMap(callbacksOf)].sort((a, b) => a.atMs - b.atMs);
  }

  return {
    next(nowMs) {
      const dueSoon = queue.findIndex(({ atMs }) => atMs > nowMs + horizonMs);
      const waiting = dueSoon === -1 ? queue.length : dueSoon;
      if (waiting < (ratePerSecond * horizonMs) / 1_000 && queue.length < maxQueued) appear(nowMs);
      const first = queue[0];
      return first && first.atMs <= nowMs ? queue.shift() : undefined;
    },
  };
}

/**
 * Lets an attempt's callbacks arrive `speed` times as fast, and keeps how long the job took: the job ends when
 * its callback arrives, and started that much earlier. So durations stay believable and no time lies ahead.
 */
export function compress(
  attempt: Attempt,
  { fromMs, toMs, speed }: { fromMs: number; toMs: number; speed: number },
): Attempt {
  const soon = (ms: number | null) => (ms === null ? null : Math.round(toMs + (ms - fromMs) / speed));
  const endArrivesMs = soon(attempt.endArrivesMs);
  const latencyMs = Math.max(0, (attempt.endArrivesMs ?? attempt.completedMs) - attempt.completedMs);
  const completedMs = (endArrivesMs ?? toMs) - latencyMs;
  return {
    ...attempt,
    startArrivesMs: soon(attempt.startArrivesMs),
    sweepArrivesMs: soon(attempt.sweepArrivesMs),
    endArrivesMs,
    completedMs,
    startedMs: completedMs - (attempt.completedMs - attempt.startedMs),
  };
}
