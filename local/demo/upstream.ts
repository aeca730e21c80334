import { failedTests, type FailedTest } from './failures';
import { deliveryId } from './ids';
import type { EventType } from './profile';
import type { Random } from './random';

/** What upstream tells the relay, and the relay every backend: test this commit. */
export type UpstreamEvent = {
  type: EventType;
  atMs: number;
  sha: string;
  /** X-GitHub-Delivery; the SHA for nightly and periodic. The same for all backends. */
  deliveryId: string;
  pullRequest?: PullRequest;
  /** When the PR's next commit cancels what still runs for this one. */
  supersededAtMs?: number;
  /** The commit itself is broken: these tests fail on every backend. */
  breaks?: FailedTest[];
  /** Every backend that takes PRs tests it, whatever its share. */
  everyone?: true;
};

export type PullRequest = { number: number; title: string; author: string; action: 'opened' | 'synchronize' };

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

const titles = [
  '[inductor] Fuse epilogue of scaled_mm with pointwise users',
  'Fix stride of empty output in index_put_ meta kernel',
  '[dynamo] Guard on the type of a mutated closure cell',
  'Deduplicate device checks in foreach kernels',
  '[c10d] Time out watchdog when the store is gone',
  'Support bfloat16 in logcumsumexp',
  '[export] Keep custom metadata through decompositions',
  'Move grid_sampler to structured kernels',
  '[PrivateUse1] Let backends register their own generator',
  'Update OpInfo tolerances for linalg_eigh',
] as const;

const authors = ['kestrel-dev', 'mvaldis', 'rowanfield', 'tnsr-anneke', 'jbrandtner', 'oakhurst-k'] as const;

/** About the number that pytorch/pytorch's next issue or PR had at that time. */
export const prNumberAt = (ms: number): number =>
  160_000 + Math.floor(((ms - Date.UTC(2026, 0, 1)) / dayMs) * 60);

/** A commit of a PR. */
export function createPush(
  random: Random,
  options: { atMs: number; number: number; isFirst: boolean },
): UpstreamEvent {
  return {
    type: 'pull_request',
    atMs: options.atMs,
    sha: random.hex(40),
    deliveryId: deliveryId(random),
    pullRequest: {
      number: options.number,
      title: random.pick(titles),
      author: random.pick(authors),
      action: options.isFirst ? 'opened' : 'synchronize',
    },
  };
}

/** A commit that is tested because it is time to, or because it landed on main. */
export function createCommit(
  random: Random,
  type: 'nightly' | 'periodic' | 'push',
  atMs: number,
): UpstreamEvent {
  const sha = random.hex(40);
  return { type, atMs, sha, deliveryId: type === 'push' ? deliveryId(random) : sha };
}

/** Everything that happened upstream in [startMs, endMs], in no order. */
export function upstreamEvents(random: Random, startMs: number, endMs: number): UpstreamEvent[] {
  const events: UpstreamEvent[] = [];
  let number = prNumberAt(startMs);
  for (let dayStartMs = Math.floor(startMs / dayMs) * dayMs; dayStartMs <= endMs; dayStartMs += dayMs) {
    const day = random.fork(`day ${(dayStartMs - Math.floor(startMs / dayMs) * dayMs) / dayMs}`);
    const weekday = new Date(dayStartMs).getUTCDay();
    const opened = Array.from({ length: weekday % 6 === 0 ? day.int(8, 11) : day.int(26, 35) }, () =>
      timeOfDay(day, dayStartMs),
    ).sort((a, b) => a - b);
    for (const openedMs of opened) {
      number = Math.max(number + 1, prNumberAt(openedMs));
      events.push(...pullRequest(day, openedMs, number));
    }
    events.push(createCommit(day, 'nightly', dayStartMs));
    events.push(createCommit(day, 'periodic', dayStartMs + 12 * hourMs));
    if (day.chance(0.5)) events.push(createCommit(day, 'push', timeOfDay(day, dayStartMs)));
  }
  breakTwice(random.fork('breakage'), events, endMs);
  events.push(...latest(random.fork('latest'), Math.max(number, prNumberAt(endMs)) + 1, endMs));
  // A nightly starts hours after its event, which may lie before the window.
  return events.filter(
    ({ type, atMs }) => atMs <= endMs && (atMs >= startMs || (type === 'nightly' && atMs > startMs - dayMs)),
  );
}

/** Most of upstream works in North America's day, some of it in everyone's. */
function timeOfDay(random: Random, dayStartMs: number): number {
  const hour = random.chance(0.25) ? random.between(0, 24) : (19 + 3.5 * random.normal() + 24) % 24;
  return Math.floor(dayStartMs + hour * hourMs);
}

/** A PR of 1 to 3 commits; the next one often comes before the tests of the last are through. */
function pullRequest(random: Random, openedMs: number, number: number): UpstreamEvent[] {
  let last = createPush(random, { atMs: openedMs, number, isFirst: true });
  const pushes = [last];
  const count = [2, 1, 3, 2, 1, 2][number % 6] ?? 1;
  while (pushes.length < count) {
    const atMs = Math.floor(last.atMs + random.logNormal(160, 0.9) * minuteMs);
    last.supersededAtMs = atMs;
    last = createPush(random, { atMs, number, isFirst: false });
    pushes.push(last);
  }
  return pushes;
}

/** On two days a PR breaks what it shouldn't, on every backend that tests it. */
function breakTwice(random: Random, events: UpstreamEvent[], endMs: number): void {
  for (const daysAgo of [6.5, 13.5]) {
    const fromMs = endMs - daysAgo * dayMs;
    const first = events
      .filter(({ type, atMs }) => type === 'pull_request' && atMs >= fromMs)
      .sort((a, b) => a.atMs - b.atMs)[0];
    if (!first) continue;
    first.breaks = failedTests(random, 3);
    first.everyone = true;
    delete first.supersededAtMs;
  }
}

/** Commits of the last hour or so, so that something runs whenever the demo starts, on Sundays too. */
function latest(random: Random, firstNumber: number, endMs: number): UpstreamEvent[] {
  return [6, 21, 38, 64].map((minutesAgo, index) => ({
    ...createPush(random, {
      atMs: endMs - minutesAgo * minuteMs - random.int(0, 59_999),
      number: firstNumber + index,
      isFirst: true,
    }),
    ...(index % 2 === 1 && { everyone: true as const }),
  }));
}
