import type { Attempt } from './attempts';
import type { FailedTest } from './failures';

/** A callback as the relay sends it. */
export type WireBody = {
  trusted: {
    verified_repo: string;
    downstream_repo_level: string;
    ci_metrics: { queue_time: number | null; execution_time: number | null };
  };
  untrusted: { callback_payload: WirePayload };
};

type WirePayload = {
  event_type: string;
  delivery_id: string;
  payload: Record<string, unknown>;
  /** Some CI providers put the upstream commit here. */
  pytorch_head_sha?: string;
  workflow: WireWorkflow;
};

type WireWorkflow = {
  schema_version: string | number;
  status: 'in_progress' | 'completed';
  conclusion: string | null;
  name: string;
  url: string;
  job_name: string;
  check_run_id: string | number;
  run_id: string | number;
  run_attempt: string | number;
  started_at: string | null;
  completed_at: string | null;
  test_results?: { passed: number; failed: number; skipped: number; total?: number };
  failed_tests?: readonly FailedTest[];
  environment?: Record<string, string>;
  artifact_url?: string;
};

/** `atMs`: when it arrives, by our clock. UTC milliseconds. */
export type TimedCallback = { atMs: number; body: WireBody };

/** The callbacks of one attempt, in no order: those that arrive. */
export function callbacksOf(attempt: Attempt): TimedCallback[] {
  const { startArrivesMs, sweepArrivesMs, endArrivesMs } = attempt;
  return [
    ...(startArrivesMs === null ? [] : [{ atMs: startArrivesMs, body: started(attempt) }]),
    ...(sweepArrivesMs === null ? [] : [{ atMs: sweepArrivesMs, body: swept(attempt, sweepArrivesMs) }]),
    ...(endArrivesMs === null ? [] : [{ atMs: endArrivesMs, body: ended(attempt) }]),
  ];
}

function started(attempt: Attempt): WireBody {
  return envelope(
    attempt,
    { queue_time: attempt.queueSeconds, execution_time: null },
    {
      status: 'in_progress',
      conclusion: null,
      started_at: startTime(attempt),
      completed_at: null,
    },
  );
}

/** After 6 h the relay sends what it has of the job again, as timed out, with whole seconds. */
function swept(attempt: Attempt, arrivesMs: number): WireBody {
  return envelope(
    attempt,
    { queue_time: null, execution_time: seconds(arrivesMs - attempt.startedMs) },
    {
      status: 'completed',
      conclusion: 'timed_out',
      started_at: startTime(attempt),
      completed_at: `${new Date(arrivesMs - 1_000).toISOString().slice(0, 19)}Z`,
    },
  );
}

function ended(attempt: Attempt): WireBody {
  const { event, backend, job, conclusion, failed, passedTests, skippedTests } = attempt;
  const isScheduled = event.type === 'nightly' || event.type === 'periodic';
  const completedAt = isoMicros(attempt.completedMs, (attempt.micros * 7 + 331) % 1_000);
  const hasTests = passedTests > 0 && (conclusion === 'success' || conclusion === 'failure');
  const hasEnvironment = Object.keys(backend.environment).length > 0 && conclusion !== 'skipped';
  return envelope(
    attempt,
    {
      queue_time: null,
      execution_time:
        isScheduled || !attempt.relaySawStart ? null : seconds(attempt.completedMs - attempt.startedMs),
    },
    {
      status: 'completed',
      conclusion,
      started_at: isScheduled ? completedAt : null,
      completed_at: completedAt,
      ...(hasTests && {
        test_results: {
          passed: passedTests,
          failed: failed.length,
          skipped: skippedTests,
          ...(backend.ids === 'uuid' && { total: passedTests + failed.length + skippedTests }),
        },
      }),
      ...(failed.length > 0 && { failed_tests: failed }),
      ...(hasEnvironment && { environment: backend.environment }),
      ...(hasTests && { artifact_url: `${runUrl(attempt)}/artifacts/${artifactId(attempt, job.name)}` }),
    },
  );
}

function envelope(
  attempt: Attempt,
  metrics: WireBody['trusted']['ci_metrics'],
  outcome: Pick<WireWorkflow, 'status' | 'conclusion' | 'started_at' | 'completed_at'> &
    Partial<WireWorkflow>,
): WireBody {
  const { event, backend, workflow, job, runAttempt } = attempt;
  const id = (text: string) => (backend.ids === 'number' ? Number(text) : text);
  const isOtherProvider = backend.ids === 'uuid';
  return {
    trusted: {
      verified_repo: backend.repo,
      downstream_repo_level: backend.level,
      ci_metrics: metrics,
    },
    untrusted: {
      callback_payload: {
        event_type: event.type,
        delivery_id: event.deliveryId,
        payload: webhook(attempt),
        ...(isOtherProvider && { pytorch_head_sha: event.sha }),
        workflow: {
          schema_version: isOtherProvider ? 1 : '1',
          name: workflow.name,
          url: runUrl(attempt),
          job_name: job.name,
          check_run_id: id(attempt.checkRunId),
          run_id: id(attempt.runId),
          run_attempt: isOtherProvider ? runAttempt : String(runAttempt),
          ...outcome,
        },
      },
    },
  };
}

/** The upstream webhook, of which the real one has some 65 KB more. */
function webhook({ event, backend }: Attempt): Record<string, unknown> {
  const repository = { full_name: 'pytorch/pytorch', default_branch: 'main' };
  const { pullRequest, sha } = event;
  if (pullRequest) {
    const { number, title, author, action } = pullRequest;
    const html_url = `https://github.com/pytorch/pytorch/pull/${number}`;
    const head = { sha, ref: `${author}/topic-${number}` };
    return {
      action,
      number,
      pull_request: { number, title, html_url, user: { login: author }, head },
      repository,
    };
  }
  if (event.type === 'push') return { ref: 'refs/heads/main', after: sha, repository };
  return backend.ids === 'uuid' ? { repository } : { repository, head_sha: sha };
}

function runUrl({ backend, runId }: Attempt): string {
  return backend.ids === 'uuid'
    ? `https://ci.halcyon-compute.example/builds/${runId}`
    : `https://github.com/${backend.repo}/actions/runs/${runId}`;
}

/** Different for each job of a run. */
function artifactId({ checkRunId }: Attempt, jobName: string): string {
  return `${/^\d+$/.test(checkRunId) ? Number(checkRunId) % 1_000_000_000 : jobName.replaceAll(/\W+/g, '-')}`;
}

const startTime = ({ startedMs, micros }: Attempt): string => isoMicros(startedMs, micros);

/** As Python's isoformat writes it: `2026-11-20T10:00:00.123456Z`. */
const isoMicros = (ms: number, micros: number): string =>
  `${new Date(ms).toISOString().slice(0, -1)}${String(micros).padStart(3, '0')}Z`;

const seconds = (ms: number): number => Math.max(0, Math.round(ms)) / 1_000;
