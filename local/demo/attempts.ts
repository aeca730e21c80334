import type { Conclusion } from '../../ingest/contract/callback';
import { backends } from './backends';
import type { BackendProfile, JobProfile, Situation, WorkflowProfile } from './profile';
import { brokenBackendTests, failedTests, type FailedTest } from './failures';
import { newId } from './ids';
import type { Random } from './random';
import type { UpstreamEvent } from './upstream';

/** One check run: what happened, and when the relay's callbacks about it arrive here. Times: UTC milliseconds. */
export type Attempt = {
  event: UpstreamEvent;
  backend: BackendProfile;
  workflow: WorkflowProfile;
  job: JobProfile;
  runId: string;
  checkRunId: string;
  runAttempt: number;
  /** Seconds since the dispatch of the run's first attempt, as the relay measures; null: not sent. */
  queueSeconds: number | null;
  startedMs: number;
  completedMs: number;
  conclusion: Conclusion;
  failed: readonly FailedTest[];
  passedTests: number;
  skippedTests: number;
  /** What Python's clock adds to the milliseconds: 0 to 999 microseconds. */
  micros: number;
  /** Arrival of each callback; null: it never arrives. Scheduled runs send only the last. */
  startArrivesMs: number | null;
  sweepArrivesMs: number | null;
  endArrivesMs: number | null;
  /** Whether the relay knows the start although we may not, so that it can measure the execution time. */
  relaySawStart: boolean;
};

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

type Plan = { event: UpstreamEvent; backend: BackendProfile; random: Random; situation: Situation };
type Run = Plan & {
  workflow: WorkflowProfile;
  runId: string;
  dispatchedMs: number;
  queueSeconds: number;
  /** The tests that this run fails in most of its jobs; null: it is a good run. */
  badTests: readonly FailedTest[] | null;
};

/** Everything that a backend does about an upstream event: nothing, or a run of each workflow that it is for. */
export function planRuns(plan: Plan): Attempt[] {
  const { event, backend, random } = plan;
  const isAsked = event.everyone ? backend.prShare > 0 : wants(backend, event);
  if (event.type === 'pull_request' && !isAsked) return [];
  return backend.workflows
    .filter(({ on }) => on.includes(event.type))
    .flatMap((workflow) => planRun(plan, workflow, random));
}

/** A backend picks PRs, not commits. Multiples of an irrational number spread evenly, so each gets its share. */
function wants(backend: BackendProfile, event: UpstreamEvent): boolean {
  const step = Math.sqrt(2 + backends.indexOf(backend) * 5) % 1;
  return ((event.pullRequest?.number ?? 0) * step) % 1 < backend.prShare;
}

function planRun(plan: Plan, workflow: WorkflowProfile, random: Random): Attempt[] {
  const { event, backend, situation } = plan;
  const isNightly = event.type === 'nightly';
  const dispatchedMs = Math.round(
    event.atMs + (isNightly ? backend.nightlyHourUtc * hourMs : 0) + random.between(1_500, 6_000),
  );
  const queueSeconds = round3(random.logNormal(backend.queueMedianMinutes, backend.queueSigma) * 60);
  const startMs = dispatchedMs + Math.round(queueSeconds * 1_000);
  const isBroken = backend.fate === 'broken' && startMs >= situation.brokenSinceMs;
  const isBad = random.chance(backend.badRunRate);
  const run: Run = {
    ...plan,
    workflow,
    runId: newId(random, 'run', backend, dispatchedMs),
    dispatchedMs,
    queueSeconds,
    badTests: isBroken
      ? brokenBackendTests
      : (event.breaks ?? (isBad ? failedTests(random, random.int(1, 6)) : null)),
  };

  const attempts: Attempt[] = [];
  let testsStartMs = startMs;
  let buildFailed = false;
  for (const job of workflow.jobs) {
    const waits = job.kind === 'test' && testsStartMs > startMs;
    const jitterMs = attempts.length === 0 ? 0 : Math.round(random.logNormal(20, 0.9) * 1_000);
    const first: Attempt =
      waits && buildFailed
        ? skipped(run, job, testsStartMs + jitterMs)
        : firstAttempt(run, job, (waits ? testsStartMs : startMs) + jitterMs, attempts.length === 0);
    attempts.push(first, ...rerunsOf(run, first));
    if (job.kind === 'build') {
      testsStartMs = Math.max(testsStartMs, first.completedMs);
      buildFailed ||= first.conclusion !== 'success';
    }
  }
  return attempts.flatMap((attempt) => supersede(attempt));
}

function firstAttempt(run: Run, job: JobProfile, startedMs: number, isFirstJob: boolean): Attempt {
  const { backend, random, badTests } = run;
  const attempt = createAttempt(run, job, startedMs, 1);
  attempt.queueSeconds = backend.queueTimeOn === 'every job' || isFirstJob ? run.queueSeconds : null;
  if (job.kind === 'probe') return { ...attempt, conclusion: job.announces ?? 'success' };
  if (job.kind === 'build') {
    return random.chance(0.004) ? { ...attempt, conclusion: 'failure' } : attempt;
  }
  const isCommon = badTests === brokenBackendTests || badTests === run.event.breaks;
  if (badTests && random.chance(isCommon ? 0.95 : 0.7)) return fail(attempt, badTests);
  if (random.chance(backend.failureRate + backend.flakeRate)) {
    return fail(attempt, failedTests(random, random.int(1, 3)));
  }
  if (random.chance(0.002)) {
    const limitMs = Math.ceil((job.medianMinutes * 2.5) / 30) * 30 * minuteMs;
    return endAt({ ...attempt, conclusion: 'timed_out', passedTests: 0 }, startedMs + limitMs);
  }
  if (random.chance(0.004))
    return { ...attempt, conclusion: random.pick(['neutral', 'skipped']), passedTests: 0 };
  return attempt;
}

/** Flaky jobs pass when somebody runs them again; some of the others are tried again too, and fail again. */
function rerunsOf(run: Run, first: Attempt): Attempt[] {
  const { backend, random, badTests } = run;
  if (first.conclusion !== 'failure' || first.job.kind !== 'test') return [];
  const isFlake =
    first.failed !== badTests && random.chance(backend.flakeRate / (backend.flakeRate + backend.failureRate));
  if (!isFlake && !random.chance(0.15)) return [];
  const startedMs = Math.round(first.completedMs + random.logNormal(14, 0.9) * minuteMs);
  const again = createAttempt(run, first.job, startedMs, 2);
  again.queueSeconds = round3((startedMs - run.dispatchedMs) / 1_000);
  return [isFlake ? again : fail(again, first.failed)];
}

function createAttempt(run: Run, job: JobProfile, startedMs: number, runAttempt: number): Attempt {
  const { event, backend, workflow, runId, random } = run;
  const isScheduled = event.type === 'nightly' || event.type === 'periodic';
  const durationMs = Math.round(random.logNormal(job.medianMinutes, 0.16) * minuteMs);
  const startArrivesMs = isScheduled ? null : startedMs + latencyMs(random);
  const attempt: Attempt = {
    event,
    backend,
    workflow,
    job,
    runId,
    checkRunId:
      backend.ids === 'uuid' ? `${runId}-${runAttempt}` : newId(random, 'check run', backend, startedMs),
    runAttempt,
    queueSeconds: null,
    startedMs,
    completedMs: startedMs + durationMs,
    conclusion: 'success',
    failed: [],
    passedTests: job.tests === 0 ? 0 : job.tests - random.int(0, 25),
    skippedTests: Math.round(job.tests * 0.11) + random.int(0, 9),
    micros: random.int(0, 999),
    startArrivesMs,
    sweepArrivesMs: null,
    endArrivesMs: startedMs + durationMs + latencyMs(random),
    relaySawStart: !isScheduled,
  };
  return attempt;
}

function fail(attempt: Attempt, failed: readonly FailedTest[]): Attempt {
  return { ...attempt, conclusion: 'failure', failed, passedTests: attempt.passedTests - failed.length };
}

/** A job whose build failed: it never started, and GitHub says so at once. */
function skipped(run: Run, job: JobProfile, atMs: number): Attempt {
  const attempt = createAttempt(run, job, atMs, 1);
  return {
    ...endAt(attempt, atMs),
    conclusion: 'skipped',
    passedTests: 0,
    startArrivesMs: null,
    relaySawStart: false,
  };
}

/** What the PR's next commit does: jobs that run are cancelled, jobs that wait never come to be. */
function supersede(attempt: Attempt): Attempt[] {
  const { supersededAtMs } = attempt.event;
  if (supersededAtMs === undefined || attempt.job.kind === 'probe') return [attempt];
  if (attempt.startedMs >= supersededAtMs) return [];
  const cancelledMs = supersededAtMs + 4_000 + attempt.micros * 20;
  if (attempt.completedMs <= cancelledMs) return [attempt];
  return [{ ...endAt(attempt, cancelledMs), conclusion: 'cancelled', failed: [], passedTests: 0 }];
}

/** Moves the end, and the arrival of its callback with it. */
export function endAt(attempt: Attempt, completedMs: number): Attempt {
  const { endArrivesMs } = attempt;
  return {
    ...attempt,
    completedMs,
    endArrivesMs: endArrivesMs === null ? null : endArrivesMs + completedMs - attempt.completedMs,
  };
}

/** From the job through the relay to us: mostly a second, now and then a retry. */
export const latencyMs = (random: Random): number =>
  Math.round(random.logNormal(900, 0.5) + (random.chance(0.01) ? random.pick([1_000, 3_000, 7_000]) : 0));

const round3 = (seconds: number): number => Math.round(seconds * 1_000) / 1_000;
