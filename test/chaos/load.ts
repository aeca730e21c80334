import { completed, inProgress, nightly, swept, type WireCallback } from '../helpers/callbacks';
import type { Random } from '../../local/demo/random';

/** One request of a client: what it sends, and when, in milliseconds after the load began. */
export type Planned = {
  atMs: number;
  /** Which of the clients sends it. */
  client: number;
  method: 'POST' | 'GET';
  contentType: string;
  /** False: it comes with a secret that is not ours. */
  isAuthorized: boolean;
  body: string;
  /** The status that ingest must refuse it with, whatever else is broken; null for a good callback. */
  refusal: number | null;
};

export type LoadOptions = {
  random: Random;
  /** Requests in all, the bad ones included. */
  callbacks: number;
  clients: number;
  /** All of them are sent in about this time. */
  windowMs: number;
};

/** One job's callback and when it is sent, in milliseconds after the job's first. */
type Step = { afterMs: number; callback: WireCallback };

type Parts = {
  trusted: Record<string, unknown>;
  payload: Record<string, unknown>;
  workflow: Record<string, unknown>;
};

const repos = [
  'pytorch-labs/ascend-pytorch',
  'intel/torch-xpu-ops',
  'ROCm/pytorch-ci',
  'graphcore/poptorch-next',
  'pytorch/crcr-test',
  'qualcomm/torch-hexagon',
];
const jobNames = ['build', 'test (1, 4)', 'test (2, 4)', 'bench / "fp8" ünïcode', 'probe-xfail', 'lint'];
const outcomes = ['success', 'success', 'success', 'failure', 'cancelled', 'skipped', 'neutral'] as const;
const share = { bad: 0.06, repeated: 0.12 };

/** The whole load of a seed, in the order in which it is sent. Deterministic. */
export function planLoad({ random, callbacks, clients, windowMs }: LoadOptions): Planned[] {
  const planned: Planned[] = [];
  const add = (atMs: number, over: Partial<Planned> & { body: string }) =>
    planned.push({
      atMs: Math.min(windowMs, Math.round(atMs)),
      client: random.int(0, clients - 1),
      method: 'POST',
      contentType: 'application/json',
      isAuthorized: true,
      refusal: null,
      ...over,
    });
  for (let job = 0; planned.length < callbacks; job++) {
    const startMs = random.between(0, windowMs * 0.9);
    const story = random.pick(stories);
    for (const { afterMs, callback } of story(random, () => partsOf(random, job))) {
      const body = JSON.stringify(callback);
      add(startMs + afterMs, { body });
      // The same bytes again, at once or after everything else: a client that never read its answer.
      if (random.chance(share.repeated)) add(startMs + afterMs + gapMs(random), { body });
      if (random.chance(share.bad)) add(startMs + afterMs + gapMs(random), spoil(random, callback));
    }
  }
  return planned.slice(0, callbacks).sort((a, b) => a.atMs - b.atMs);
}

/** Between two callbacks of a job: often so short that they race, sometimes as long as the load. */
const gapMs = (random: Random): number =>
  random.chance(0.4)
    ? random.between(0, 25)
    : random.chance(0.7)
      ? random.between(25, 1_500)
      : random.between(0, 9_000);

/* What can happen to a job. Each returns its callbacks in the order in which they are sent. */

type Story = (random: Random, newJob: () => Parts) => Step[];

const inOrder = (random: Random, ...callbacks: WireCallback[]): Step[] => {
  let afterMs = 0;
  return callbacks.map((callback, index) => ({
    afterMs: (afterMs += index === 0 ? 0 : gapMs(random)),
    callback,
  }));
};

const plain: Story = (random, newJob) => {
  const job = newJob();
  return inOrder(random, starts(job), ends(random, job));
};

const stories: readonly Story[] = [
  plain,
  plain,
  plain,
  // Reordered: the start comes in after the end, by milliseconds or by seconds.
  (random, newJob) => {
    const job = newJob();
    return inOrder(random, ends(random, job), starts(job));
  },
  // Lost on the way: it runs for ever.
  (random, newJob) => inOrder(random, starts(newJob())),
  // The sweeper gives up on it.
  (random, newJob) => {
    const job = newJob();
    return inOrder(random, starts(job), sweeps(job));
  },
  // It reports although the sweeper gave up on it, before or after.
  (random, newJob) => {
    const job = newJob();
    const both = random.sample([sweeps(job), ends(random, job)], 2);
    return inOrder(random, starts(job), ...both);
  },
  (random, newJob) => {
    const job = newJob();
    return inOrder(random, ...random.sample([starts(job), sweeps(job), ends(random, job)], 3));
  },
  // Two outcomes that contradict each other: the first stays.
  (random, newJob) => {
    const job = newJob();
    const first = ends(random, job, { conclusion: 'success' });
    return inOrder(random, starts(job), first, ends(random, job, { conclusion: 'failure' }));
  },
  // The same outcome again, this time with its tests and artifact.
  (random, newJob) => {
    const job = newJob();
    const bare = { conclusion: 'failure', test_results: null, artifact_url: null };
    return inOrder(
      random,
      ends(random, job, bare),
      ends(random, job, { conclusion: 'failure' }),
      starts(job),
    );
  },
  // The start knows neither the pull request nor the run's link; the end does.
  (random, newJob) => {
    const job = newJob();
    const blank = { ...job, payload: { ...job.payload, payload: null } };
    return inOrder(random, starts({ ...blank, workflow: { ...job.workflow, url: null } }), ends(random, job));
  },
  // Re-runs: the same delivery and run, a new check run, one attempt more.
  (random, newJob) => {
    const first = newJob();
    return [1, 2, 3].slice(0, random.int(2, 3)).flatMap((attempt) => {
      const { check_run_id } = first.workflow;
      const job = {
        ...first,
        workflow: {
          ...first.workflow,
          check_run_id: `${String(check_run_id)}-${attempt}`,
          run_attempt: attempt,
        },
      };
      return inOrder(random, starts(job), ends(random, job)).map(({ afterMs, callback }) => ({
        afterMs: afterMs + (attempt - 1) * 150,
        callback,
      }));
    });
  },
  // Scheduled runs send one callback only.
  (random, newJob) => {
    const { trusted, workflow } = newJob();
    const sha = random.hex(40);
    return inOrder(
      random,
      nightly({
        trusted: { verified_repo: trusted.verified_repo },
        payload: {
          event_type: random.pick(['nightly', 'periodic']),
          delivery_id: sha,
          payload: { repository: { full_name: 'pytorch/pytorch' }, head_sha: sha },
        },
        workflow: { ...workflow, conclusion: random.pick(outcomes) },
      }),
    );
  },
];

const starts = (job: Parts): WireCallback => inProgress(job);
const sweeps = (job: Parts): WireCallback => swept(job);

/** The job's own outcome; what it brings differs from one call to the next. */
const ends = (random: Random, job: Parts, over: Record<string, unknown> = {}): WireCallback =>
  completed({
    ...job,
    trusted: { ...job.trusted, ci_metrics: { queue_time: null, execution_time: random.int(1, 9_999) / 8 } },
    workflow: {
      ...job.workflow,
      started_at: null,
      completed_at: `2026-11-20T11:${twoDigits(random.int(0, 59))}:07.${String(random.int(1, 999_999)).padStart(6, '0')}Z`,
      conclusion: random.pick(outcomes),
      test_results: { passed: random.int(0, 5_000), failed: random.int(0, 9), skipped: random.int(0, 40) },
      ...over,
    },
  });

const twoDigits = (value: number): string => String(value).padStart(2, '0');

function partsOf(random: Random, job: number): Parts {
  const repo = random.pick(repos);
  const runId = 16_000_000_000 + job;
  const isPush = random.chance(0.1);
  return {
    trusted: {
      verified_repo: repo,
      downstream_repo_level: random.pick(['L2', 'L3', 'L4']),
      ci_metrics: { queue_time: random.int(1, 4_000) / 8, execution_time: null },
    },
    payload: {
      event_type: isPush ? 'push' : 'pull_request',
      delivery_id: `${random.hex(8)}-0f43-11f1-8a3e-${random.hex(12)}`,
      payload: isPush
        ? { repository: { full_name: 'pytorch/pytorch' }, after: random.hex(40) }
        : {
            pull_request: { number: random.int(170_000, 180_000), head: { sha: random.hex(40) } },
            repository: { full_name: random.pick(['pytorch/pytorch', 'pytorch/vision']) },
          },
    },
    workflow: {
      name: random.pick(['ci', 'nightly / full']),
      job_name: random.pick(jobNames),
      check_run_id: random.chance(0.5) ? 45_000_000_000 + job : `${runId}-1`,
      run_id: random.chance(0.5) ? runId : String(runId),
      run_attempt: 1,
      url: `https://github.com/${repo}/actions/runs/${runId}`,
      started_at: `2026-11-20T10:${twoDigits(random.int(0, 59))}:00.${String(random.int(1, 999_999)).padStart(6, '0')}Z`,
    },
  };
}

/** A request that must be refused and change nothing, though it names a job that is there. */
function spoil(random: Random, callback: WireCallback): Partial<Planned> & { body: string } {
  const withWorkflow = (over: Record<string, unknown>): string => {
    const { callback_payload } = callback.untrusted;
    const workflow = { ...callback_payload.workflow, ...over };
    return JSON.stringify({
      ...callback,
      untrusted: { callback_payload: { ...callback_payload, workflow } },
    });
  };
  const body = JSON.stringify(callback);
  return random.pick<Partial<Planned> & { body: string }>([
    { refusal: 400, body: withWorkflow({ job_name: undefined }) },
    { refusal: 400, body: withWorkflow({ status: 'completed', conclusion: 'exploded' }) },
    { refusal: 400, body: withWorkflow({ status: 'completed', conclusion: null }) },
    { refusal: 400, body: withWorkflow({ status: 'in_progress', conclusion: 'failure' }) },
    { refusal: 400, body: withWorkflow({ url: 'javascript:alert(1)' }) },
    { refusal: 400, body: withWorkflow({ run_attempt: -1 }) },
    { refusal: 400, body: body.slice(0, -7) },
    { refusal: 401, body, isAuthorized: false },
    { refusal: 415, body, contentType: 'application/x-www-form-urlencoded' },
    { refusal: 405, body: '', method: 'GET' },
  ]);
}
