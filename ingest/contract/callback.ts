import { z } from 'zod';
import { limits } from './limits';
import {
  anyObject,
  byteLength,
  count,
  httpsUrl,
  identifier,
  instant,
  isLongerThan,
  isNothing,
  jsonText,
  list,
  matching,
  oneOf,
  optional,
  repository,
  required,
  seconds,
  shape,
} from './wire';

/** The two statuses that the relay forwards. */
export const statuses = ['in_progress', 'completed'] as const;

/**
 * Every conclusion of a GitHub check run. What the rarer three count as is decided with all other
 * definitions, in the ClickHouse views.
 */
export const conclusions = [
  'success',
  'failure',
  'cancelled',
  'timed_out',
  'skipped',
  'neutral',
  'action_required',
  'stale',
  'startup_failure',
] as const;

export type Conclusion = (typeof conclusions)[number];

/** UInt32, the type of the column. */
const maxRunAttempt = 2 ** 32 - 1;
/** A git object name in practice; other providers have other forms, so only what can't be one is refused. */
const sha = matching(/^[\w.-]{1,128}$/, 'a commit SHA');

const workflow = shape({
  status: required(oneOf(statuses)),
  conclusion: optional(oneOf(conclusions)),
  name: required(identifier(limits.keyBytes)),
  url: optional(httpsUrl(limits.urlBytes)),
  job_name: required(identifier(limits.keyBytes)),
  check_run_id: required(identifier(limits.keyBytes)),
  run_id: optional(identifier(limits.idBytes)),
  run_attempt: optional(count(maxRunAttempt)),
  started_at: optional(instant),
  completed_at: optional(instant),
  test_results: shape({
    passed: optional(count()),
    failed: optional(count()),
    skipped: optional(count()),
    total: optional(count()),
  })
    .superRefine(({ passed = 0, failed = 0, skipped = 0, total }, context) => {
      if (total !== undefined || passed + failed + skipped <= Number.MAX_SAFE_INTEGER) return;
      const message = `is missing, and the others add up to more than ${Number.MAX_SAFE_INTEGER}`;
      context.addIssue({ code: 'custom', path: ['total'], message });
    })
    .nullish(),
  failed_tests: optional(list),
  environment: optional(anyObject),
  artifact_url: optional(httpsUrl(limits.urlBytes)),
}).superRefine((value, context) => {
  const refuse = (field: string, message: string) =>
    context.addIssue({ code: 'custom', path: [field], message });
  if (value.status === 'completed' && value.conclusion === undefined) {
    refuse('conclusion', 'is required when status is completed');
  }
  if (value.status === 'in_progress' && value.conclusion !== undefined) {
    refuse('conclusion', 'must be null while status is in_progress');
  }
  if (value.environment) {
    const json = jsonText(value.environment);
    if (json === null || isLongerThan(json, limits.environmentBytes)) {
      refuse('environment', `must be at most ${limits.environmentBytes} bytes of JSON`);
    }
  }
});

const callbackPayload = z.preprocess(
  withCheckRunId,
  shape({
    event_type: required(identifier(limits.eventTypeBytes)),
    delivery_id: required(identifier(limits.keyBytes)),
    payload: shape({
      pull_request: shape({
        number: optional(count()),
        head: shape({ sha: optional(sha) }).nullish(),
      }).nullish(),
      repository: shape({ full_name: optional(repository) }).nullish(),
      head_sha: optional(sha),
      after: optional(sha),
    }).nullish(),
    pytorch_head_sha: optional(sha),
    workflow,
  }),
);

const body = shape({
  trusted: shape({
    verified_repo: required(repository),
    downstream_repo_level: optional(matching(/^L\d$/, 'a level, L1 to L4')),
    ci_metrics: shape({
      queue_time: optional(seconds()),
      execution_time: optional(seconds()),
    }).nullish(),
  }),
  untrusted: shape({ callback_payload: callbackPayload }),
}).superRefine((value, context) => {
  const key = dynamoKeyOf(value);
  if (!isLongerThan(key, limits.keyBytes)) return;
  const excess = byteLength(key) - limits.keyBytes;
  const { delivery_id, workflow: flow } = value.untrusted.callback_payload;
  const longest = (
    [
      [['delivery_id'], delivery_id],
      [['workflow', 'name'], flow.name],
      [['workflow', 'job_name'], flow.job_name],
      [['workflow', 'check_run_id'], flow.check_run_id],
    ] as const
  ).reduce((a, b) => (byteLength(b[1]) > byteLength(a[1]) ? b : a));
  context.addIssue({
    code: 'custom',
    path: ['untrusted', 'callback_payload', ...longest[0]],
    message: `makes the key ${excess} bytes longer than ${limits.keyBytes}`,
  });
});

/** A callback of the relay, clean: numbers are numbers, times are UTC, what was not sent is undefined. */
export type Callback = z.output<typeof body>;

/** What is wrong with one field, named as the relay names it: `workflow.job_name`, `trusted.verified_repo`. */
export type Issue = { path: string; message: string };

export type ParsedCallback = { ok: true; callback: Callback } | { ok: false; issues: Issue[] };

/** Reads a decoded request body. Never throws: bad input is a value, with every bad field named at once. */
export function parseCallback(input: unknown): ParsedCallback {
  const result = body.safeParse(input);
  if (result.success) return { ok: true, callback: result.data };
  return {
    ok: false,
    issues: result.error.issues.map(({ path, message }) => ({ path: wireName(path), message })),
  };
}

/**
 * Nightly and periodic runs report by themselves and need not have a check run (test-infra#8843). Their attempts are told
 * apart by what stands in for it where a provider has none: RUN_ID-RUN_ATTEMPT.
 */
function withCheckRunId(callback: unknown): unknown {
  const sent = callback as Record<string, unknown> | null | undefined;
  if (sent?.event_type !== 'nightly' && sent?.event_type !== 'periodic') return callback;
  const flow = sent.workflow as Record<string, unknown> | null | undefined;
  if (!isNothing(flow?.check_run_id) || !isIdentifier(flow?.run_id)) return callback;
  const attempt = isIdentifier(flow.run_attempt) ? flow.run_attempt : 1;
  return { ...sent, workflow: { ...flow, check_run_id: `${flow.run_id}-${attempt}` } };
}

const isIdentifier = (value: unknown): value is string | number =>
  (typeof value === 'string' && value !== '') || typeof value === 'number';

/** The item's key, in upstream's form: `{verified_repo}/{delivery_id}/{workflow}/{job}/{check_run_id}`. */
export function dynamoKeyOf({ trusted, untrusted }: Callback): string {
  const { delivery_id, workflow: flow } = untrusted.callback_payload;
  return [trusted.verified_repo, delivery_id, flow.name, flow.job_name, flow.check_run_id].join('/');
}

function wireName(path: PropertyKey[]): string {
  const name = path
    .map(String)
    .join('.')
    .replace(/^untrusted\.callback_payload\.(?=.)/, '');
  return name === '' ? 'body' : name;
}
