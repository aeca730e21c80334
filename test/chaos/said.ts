import type { Sent, Try } from './clients';

/*
 * How the oracle reads a callback: what it says about its attempt, in the words of the relay's wire format, as
 * the columns of ClickHouse would show it. Written from the description of the format, and on purpose without
 * anything from ingest/: a mistake that both made would not be found.
 */

/** A value as ClickHouse shows it; null where nobody knows it. */
export type Value = string | number | null;

/** What one callback, however often it was sent, says about one attempt. */
export type Said = {
  key: string;
  state: 'running' | 'swept' | 'reported';
  conclusion: string;
  /** Who, what and where, and how it ended; only what the callback brings. Times are texts, see `instantOf`. */
  context: Partial<Record<string, Value>>;
  outcome: Partial<Record<string, Value>>;
  /** When it was first sent, and first acknowledged (null: never, so it may or may not have had its effect). */
  firstSentMs: number;
  firstAckMs: number | null;
};

type Wire = {
  trusted: {
    verified_repo: string;
    downstream_repo_level?: string;
    ci_metrics?: { queue_time?: number | null; execution_time?: number | null };
  };
  untrusted: {
    callback_payload: {
      event_type: string;
      delivery_id: string;
      payload?: {
        pull_request?: { number?: number; head?: { sha?: string } };
        repository?: { full_name?: string };
        head_sha?: string;
        after?: string;
      } | null;
      workflow: Record<string, unknown> & {
        test_results?: { passed?: number; failed?: number; skipped?: number } | null;
      };
    };
  };
};

/** Whether a request can have had an effect: taken, or nobody knows. A refusal has none. */
const mayHaveWorked = ({ answer }: Try): boolean =>
  answer === 'dropped' || (typeof answer === 'number' && (answer < 400 || answer >= 500));

export const isAcknowledgement = ({ answer }: Try): boolean =>
  typeof answer === 'number' && answer >= 200 && answer < 300;

/** Everything that may have been said about each attempt, by key. Requests that had no effect are not in it. */
export function gatherSaid(sent: readonly Sent[]): Map<string, Said[]> {
  const byBody = new Map<string, Said>();
  for (const { planned, tries } of sent) {
    const effective = tries.filter(mayHaveWorked);
    if (planned.refusal !== null || effective.length === 0) continue;
    const firstSentMs = Math.min(...effective.map(({ sentMs }) => sentMs));
    const acks = effective.filter(isAcknowledgement).map(({ endedMs }) => endedMs);
    const known = byBody.get(planned.body);
    const said = known ?? {
      ...readCallback(JSON.parse(planned.body) as Wire),
      firstSentMs,
      firstAckMs: null,
    };
    said.firstSentMs = Math.min(said.firstSentMs, firstSentMs);
    if (said.firstAckMs !== null) acks.push(said.firstAckMs);
    said.firstAckMs = acks.length > 0 ? Math.min(...acks) : null;
    byBody.set(planned.body, said);
  }
  const byKey = new Map<string, Said[]>();
  for (const said of byBody.values()) byKey.set(said.key, [...(byKey.get(said.key) ?? []), said]);
  return byKey;
}

function readCallback({ trusted, untrusted }: Wire): Omit<Said, 'firstSentMs' | 'firstAckMs'> {
  const { event_type, delivery_id, payload, workflow } = untrusted.callback_payload;
  const text = (field: string): string | null => {
    const value = workflow[field];
    return value === undefined || value === null || value === ''
      ? null
      : typeof value === 'number'
        ? String(value)
        : (value as string);
  };
  const conclusion = text('conclusion') ?? '';
  const completedAt = text('completed_at');
  // The sweeper alone stamps whole seconds.
  const isSwept = conclusion === 'timed_out' && completedAt !== null && !completedAt.includes('.');
  const state = text('status') === 'in_progress' ? 'running' : isSwept ? 'swept' : 'reported';
  const tests = workflow.test_results;
  const attempt = text('run_attempt');
  return {
    key: [trusted.verified_repo, delivery_id, text('name'), text('job_name'), text('check_run_id')].join('/'),
    state,
    conclusion,
    context: known({
      downstream_repo: trusted.verified_repo,
      downstream_repo_level: trusted.downstream_repo_level ?? null,
      // What stands there while nobody has said anything counts as nothing said.
      upstream_repo: unless('pytorch/pytorch', payload?.repository?.full_name ?? null),
      pr_number: unless(0, payload?.pull_request?.number ?? null),
      pytorch_head_sha: payload?.pull_request?.head?.sha ?? payload?.head_sha ?? payload?.after ?? null,
      event_type,
      delivery_id,
      workflow_run_url: text('url'),
      workflow_name: text('name'),
      job_name: text('job_name'),
      check_run_id: text('check_run_id'),
      run_id: text('run_id'),
      run_attempt: attempt === null ? null : Number(attempt),
      queue_time: trusted.ci_metrics?.queue_time ?? null,
      started_at: instantOf(text('started_at')),
    }),
    outcome:
      state === 'running'
        ? {}
        : known({
            execution_time: trusted.ci_metrics?.execution_time ?? null,
            completed_at: instantOf(completedAt),
            total_tests: tests ? (tests.passed ?? 0) + (tests.failed ?? 0) + (tests.skipped ?? 0) : null,
            passed_tests: tests?.passed ?? null,
            failed_tests: tests?.failed ?? null,
            skipped_tests: tests?.skipped ?? null,
            artifact_url: text('artifact_url'),
          }),
  };
}

const unless = (placeholder: Value, value: Value): Value => (value === placeholder ? null : value);

const known = (fields: Record<string, Value>): Partial<Record<string, Value>> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));

/** `2026-11-20T10:00:00.5Z` as ClickHouse shows a DateTime64(9): `2026-11-20 10:00:00.500000000`. */
export function instantOf(iso: string | null): string | null {
  if (iso === null) return null;
  const [date, time = ''] = iso.replace('Z', '').split('T');
  const [seconds, fraction = ''] = time.split('.');
  return `${date} ${seconds}.${fraction.padEnd(9, '0')}`;
}
