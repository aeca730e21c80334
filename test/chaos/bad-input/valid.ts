import fc from 'fast-check';
import { completed, inProgress, type WireCallback } from '../../helpers/callbacks';

/** A name as people give them to jobs: any script, no control character, not blank. */
const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 25 })
  // eslint-disable-next-line no-control-regex -- control characters are what this leaves out
  .filter((text) => text.trim() !== '' && !/[\u0000-\u001f\u007f-\u009f]/.test(text));
const repository = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9-]{0,20}\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,20}$/);
const sha = fc.stringMatching(/^[0-9a-f]{40}$/);
const count = fc.nat(1_000_000).chain((n) => fc.constantFrom(n, String(n)));
const seconds = fc.option(
  fc.oneof(
    fc.double({ min: 0, max: 1e9, noNaN: true }),
    fc.nat(90_000),
    fc.constantFrom(5e-324, '1.250', -0),
  ),
);
const time = fc
  .date({ min: new Date('1900-01-02'), max: new Date('2261-12-30'), noInvalidDate: true })
  .chain((date) => {
    const second = date.toISOString().slice(0, 19);
    return fc.constantFrom(`${second}Z`, `${second}.123456Z`, `${second.replace('T', ' ')}.5+00:00`);
  });
const link = fc
  .webUrl({ validSchemes: ['https'], withQueryParameters: true, withFragments: true })
  .filter((url) => !/[\s<>"'`\\]/.test(url));

const parts = fc.record(
  {
    event_type: fc.constantFrom('pull_request', 'push', 'nightly', 'periodic', 'workflow_job'),
    delivery_id: fc.uuid(),
    name,
    job_name: name,
    run_id: fc.oneof(fc.uuid(), fc.maxSafeNat(), fc.maxSafeNat().map(String)),
    run_attempt: fc.integer({ min: 0, max: 2 ** 32 - 1 }).chain((n) => fc.constantFrom(n, String(n))),
    url: fc.option(link),
    artifact_url: fc.option(link),
    schema_version: fc.constantFrom('1', 1),
    verified_repo: repository,
    level: fc.constantFrom('L1', 'L2', 'L3', 'L4', null, ''),
    metrics: fc.option(fc.record({ queue_time: seconds, execution_time: seconds })),
    pull_request: fc.option(fc.record({ number: count, head: fc.option(fc.record({ sha })) })),
    upstream: fc.option(fc.record({ full_name: repository })),
    time,
    tests: fc.option(
      fc.record({ passed: count, failed: count, skipped: count, total: count }, { requiredKeys: [] }),
    ),
    failed_tests: fc.option(fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 6 })),
    environment: fc.option(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 5 })),
    conclusion: fc.constantFrom(
      'success',
      'failure',
      'cancelled',
      'timed_out',
      'skipped',
      'neutral',
      'stale',
    ),
    isRunning: fc.boolean(),
    extra: fc.jsonValue({ maxDepth: 2 }),
  },
  { noNullPrototype: true },
);

/** A callback that must be accepted, whatever the contract leaves open. The caller gives it its `check_run_id`. */
export const validCallback: fc.Arbitrary<(checkRunId: string) => WireCallback> = parts.map(
  (p) => (check_run_id) =>
    (p.isRunning ? inProgress : completed)({
      trusted: {
        verified_repo: p.verified_repo,
        downstream_repo_level: p.level,
        ci_metrics: p.metrics,
        extra: p.extra,
      },
      payload: {
        event_type: p.event_type,
        delivery_id: p.delivery_id,
        payload: { pull_request: p.pull_request, repository: p.upstream, sender: p.extra },
      },
      workflow: {
        schema_version: p.schema_version,
        name: p.name,
        job_name: p.job_name,
        check_run_id,
        run_id: p.run_id,
        run_attempt: p.run_attempt,
        url: p.url,
        conclusion: p.isRunning ? null : p.conclusion,
        [p.isRunning ? 'started_at' : 'completed_at']: p.time,
        test_results: p.tests,
        failed_tests: p.failed_tests,
        environment: p.environment,
        artifact_url: p.artifact_url,
        extra: p.extra,
      },
    }),
);
