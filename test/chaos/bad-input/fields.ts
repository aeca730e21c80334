/**
 * What a 400 may name, written down here once more on purpose: the wire's fields as the relay knows them, and
 * the three things that are no field of the callback.
 */
export const knownFields = new Set([
  'body',
  'request',
  'host',
  'trusted',
  'trusted.verified_repo',
  'trusted.downstream_repo_level',
  'trusted.ci_metrics',
  'trusted.ci_metrics.queue_time',
  'trusted.ci_metrics.execution_time',
  'untrusted',
  'untrusted.callback_payload',
  'event_type',
  'delivery_id',
  'pytorch_head_sha',
  'payload',
  'payload.pull_request',
  'payload.pull_request.number',
  'payload.pull_request.head',
  'payload.pull_request.head.sha',
  'payload.repository',
  'payload.repository.full_name',
  'payload.head_sha',
  'payload.after',
  'workflow',
  'workflow.status',
  'workflow.conclusion',
  'workflow.name',
  'workflow.url',
  'workflow.job_name',
  'workflow.check_run_id',
  'workflow.run_id',
  'workflow.run_attempt',
  'workflow.started_at',
  'workflow.completed_at',
  'workflow.test_results',
  'workflow.test_results.passed',
  'workflow.test_results.failed',
  'workflow.test_results.skipped',
  'workflow.test_results.total',
  'workflow.failed_tests',
  'workflow.environment',
  'workflow.artifact_url',
]);

type Path = readonly string[];

const inPayload = (...path: string[]): Path => ['untrusted', 'callback_payload', ...path];

/** Where the fields stand in a callback. */
export const fieldPaths: readonly Path[] = [...knownFields]
  .filter((name) => !['body', 'request', 'host'].includes(name))
  .map((name) =>
    name.startsWith('trusted') || name.startsWith('untrusted')
      ? name.split('.')
      : inPayload(...name.split('.')),
  );

/** The name that an answer has for a place in a callback. */
export const nameOf = (path: Path): string =>
  path.join('.').replace(/^untrusted\.callback_payload\.(?=.)/, '');

/** The ones without which a callback means nothing. */
export const requiredPaths: readonly Path[] = [
  ['trusted'],
  ['trusted', 'verified_repo'],
  ['untrusted'],
  inPayload(),
  inPayload('event_type'),
  inPayload('delivery_id'),
  inPayload('workflow'),
  inPayload('workflow', 'status'),
  inPayload('workflow', 'conclusion'),
  inPayload('workflow', 'name'),
  inPayload('workflow', 'job_name'),
  inPayload('workflow', 'check_run_id'),
];

/** Values that no callback may have, and where. */
export const impossible: readonly (readonly [Path, unknown])[] = [
  [['trusted', 'verified_repo'], 'no-owner'],
  [['trusted', 'verified_repo'], 'a/..'],
  [['trusted', 'verified_repo'], "a/b'; DROP TABLE oot_workflow_job; --"],
  [['trusted', 'downstream_repo_level'], 'gold'],
  [['trusted', 'ci_metrics', 'queue_time'], -1],
  [['trusted', 'ci_metrics', 'execution_time'], 1e10],
  [inPayload('event_type'), 'a\u0000b'],
  [inPayload('event_type'), 'e'.repeat(65)],
  [inPayload('delivery_id'), 'line\nbreak'],
  [inPayload('delivery_id'), 'd'.repeat(2100)],
  [inPayload('pytorch_head_sha'), '<script>'],
  [inPayload('payload', 'pull_request', 'number'), -1],
  [inPayload('payload', 'pull_request', 'number'), 2 ** 53],
  [inPayload('payload', 'repository', 'full_name'), '../../etc'],
  [inPayload('payload', 'head_sha'), "x' OR 1=1"],
  [inPayload('workflow', 'status'), 'queued'],
  [inPayload('workflow', 'conclusion'), 'SUCCESS'],
  [inPayload('workflow', 'name'), '\ud800'],
  [inPayload('workflow', 'job_name'), '\u001b[31mred'],
  [inPayload('workflow', 'job_name'), ['a']],
  [inPayload('workflow', 'check_run_id'), 2 ** 60],
  [inPayload('workflow', 'check_run_id'), { $ne: null }],
  [inPayload('workflow', 'url'), 'javascript:alert(1)'],
  [inPayload('workflow', 'url'), 'data:text/html,<script>alert(1)</script>'],
  [inPayload('workflow', 'artifact_url'), 'https://a.example/"onmouseover="alert(1)'],
  [inPayload('workflow', 'artifact_url'), `https://a.example/${'x'.repeat(2100)}`],
  [inPayload('workflow', 'run_attempt'), 2 ** 32],
  [inPayload('workflow', 'started_at'), '2026-02-30T00:00:00Z'],
  [inPayload('workflow', 'completed_at'), 'yesterday'],
  [inPayload('workflow', 'completed_at'), '0000-01-01T00:00:00Z'],
  [inPayload('workflow', 'test_results', 'passed'), 1.5],
  [inPayload('workflow', 'test_results'), 'all good'],
  [inPayload('workflow', 'failed_tests'), { length: 1e9 }],
  [inPayload('workflow', 'environment'), { x: 'x'.repeat(17_000) }],
];
