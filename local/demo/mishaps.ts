import { endAt, latencyMs, type Attempt } from './attempts';
import type { Situation } from './profile';
import type { Random } from './random';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Until the relay's sweeper takes a job for lost, and how long until it next looks. */
const sweepAfterMs = 6 * hourMs;
const sweepEveryMs = 10 * 60_000;

const sweptAt = (random: Random, { startedMs }: Attempt): number =>
  startedMs + sweepAfterMs + random.int(20_000, sweepEveryMs);

type Mishap = {
  /** In 21 days. */
  count: number;
  /** How long ago the job started, in milliseconds. */
  ago: [number, number];
  spoil: (attempt: Attempt, random: Random) => Attempt;
};

const always: Mishap['ago'] = [0, Number.MAX_SAFE_INTEGER];

/** The job dies, or its completion is lost on the way; and the sweeper's callback is lost too. */
const lose = (attempt: Attempt): Attempt => ({ ...attempt, endArrivesMs: null });
const sweep = (attempt: Attempt, random: Random): Attempt => ({
  ...attempt,
  endArrivesMs: null,
  sweepArrivesMs: sweptAt(random, attempt),
});

const mishaps: readonly Mishap[] = [
  // Overdue today, and overdue since long ago.
  { count: 3, ago: [8 * hourMs, 3.5 * dayMs], spoil: lose },
  { count: 2, ago: [5 * dayMs, 18 * dayMs], spoil: lose },
  { count: 9, ago: always, spoil: sweep },
  // The job took longer than the sweeper waits, and reports after it.
  {
    count: 3,
    ago: [10 * hourMs, Number.MAX_SAFE_INTEGER],
    spoil: (attempt, random) => ({
      ...endAt(attempt, attempt.startedMs + random.int(6.4 * hourMs, 8 * hourMs)),
      sweepArrivesMs: sweptAt(random, attempt),
    }),
  },
  // The start is lost: between the relay and us, or before the relay, which then can't measure the time.
  { count: 9, ago: always, spoil: (attempt) => ({ ...attempt, startArrivesMs: null }) },
  {
    count: 6,
    ago: always,
    spoil: (attempt) => ({ ...attempt, startArrivesMs: null, relaySawStart: false }),
  },
  // The start was retried, and arrives after the end.
  {
    count: 4,
    ago: always,
    spoil: (attempt, random) => ({
      ...attempt,
      startArrivesMs: (attempt.endArrivesMs ?? attempt.completedMs) + latencyMs(random),
    }),
  },
];

/** Spoils some of the jobs that went well. Exact numbers, so that every history has all of it to show. */
export function applyMishaps(attempts: Attempt[], random: Random, endMs: number, days: number): Attempt[] {
  const spoiled = new Map<Attempt, Attempt>();
  const eligible = attempts.filter(
    ({ backend, event, job, conclusion, runAttempt, startedMs }) =>
      backend.fate === 'steady' &&
      event.pullRequest &&
      event.supersededAtMs === undefined &&
      job.kind === 'test' &&
      conclusion === 'success' &&
      runAttempt === 1 &&
      startedMs < endMs - 3 * hourMs,
  );
  for (const { count, ago, spoil } of mishaps) {
    const [leastMs, mostMs] = ago;
    const candidates = eligible.filter((attempt) => {
      const agoMs = endMs - attempt.startedMs;
      return !spoiled.has(attempt) && agoMs >= leastMs && agoMs <= mostMs;
    });
    for (const attempt of random.sample(candidates, Math.ceil((count * days) / 21))) {
      spoiled.set(attempt, spoil(attempt, random));
    }
  }
  return attempts.map((attempt) => spoiled.get(attempt) ?? attempt);
}

/** On three recent PRs, one probe job does not end as its name announces. */
export function surpriseProbes(attempts: Attempt[], random: Random, endMs: number): Attempt[] {
  const recent = attempts.filter(
    ({ backend, event, endArrivesMs }) =>
      backend.fate === 'probe' &&
      event.pullRequest &&
      event.atMs > endMs - 3 * dayMs &&
      endArrivesMs !== null &&
      endArrivesMs < endMs,
  );
  const prs = random.sample([...new Set(recent.map(({ event }) => event))], 3);
  const surprising = prs.map((event, index) => {
    const name = ['probe-xfail', 'probe-success', 'probe-xtimeout'][index];
    return recent.find((attempt) => attempt.event === event && attempt.job.name === name);
  });
  return attempts.map((attempt) =>
    surprising.includes(attempt)
      ? { ...attempt, conclusion: attempt.conclusion === 'success' ? 'failure' : 'success' }
      : attempt,
  );
}

/** A backend's machines go away: what runs is swept by the relay, what waits never comes to be. */
export function fallSilent(attempts: Attempt[], random: Random, { silentSinceMs }: Situation): Attempt[] {
  return attempts.flatMap((attempt) => {
    if (attempt.backend.fate !== 'silent') return [attempt];
    if (attempt.endArrivesMs !== null && attempt.endArrivesMs < silentSinceMs) return [attempt];
    const hasStarted = attempt.startArrivesMs !== null && attempt.startArrivesMs < silentSinceMs;
    return hasStarted ? [sweep(attempt, random)] : [];
  });
}
