import { conclusions, parseCallback } from '../../ingest/contract/callback';
import { completed, inProgress, nightly, recordOf, swept } from '../helpers/callbacks';

const issuesOf = (input: unknown) => {
  const parsed = parseCallback(input);
  return parsed.ok ? [] : parsed.issues;
};
const workflowOf = (input: unknown) => {
  const parsed = parseCallback(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.callback.untrusted.callback_payload.workflow;
};

describe('parseCallback', () => {
  it.each([
    ['in_progress', inProgress()],
    ['completed', completed()],
    ['swept', swept()],
    ['nightly', nightly()],
    [
      'unknown keys at every level',
      { ...completed({ trusted: { x: 1 }, payload: { y: {} }, workflow: { z: [] } }), v: 2 },
    ],
    ['an event type nobody has heard of', completed({ payload: { event_type: 'merge_group' } })],
    ['a UUID as run id', completed({ workflow: { run_id: '1f6c0e8c-7f5c-4b35-9d3c-2a1b0c9d8e7f' } })],
    [
      'a check run id that fell back to run and attempt',
      completed({ workflow: { check_run_id: '16123456789-2' } }),
    ],
    ['no payload at all', completed({ payload: { payload: null } })],
    [
      'a push without a pull request',
      completed({ payload: { event_type: 'push', payload: { after: 'a'.repeat(40) } } }),
    ],
    [
      'null where something is optional',
      completed({
        trusted: { ci_metrics: null },
        workflow: { test_results: null, url: null, artifact_url: '', environment: null },
      }),
    ],
  ])('accepts %s', (_name, input) => {
    expect(issuesOf(input)).toEqual([]);
  });

  it.each([
    ['nightly', { run_id: 'b-7', run_attempt: 2 }, 'b-7-2'],
    ['periodic', { run_id: 16123456789, run_attempt: '3' }, '16123456789-3'],
    [
      'nightly',
      { run_id: '1f6c0e8c-7f5c-4b35-9d3c-2a1b0c9d8e7f', run_attempt: null },
      '1f6c0e8c-7f5c-4b35-9d3c-2a1b0c9d8e7f-1',
    ],
  ])('takes run and attempt of a %s without a check run for its id', (event_type, run, id) => {
    for (const check_run_id of [undefined, null, '']) {
      const input = nightly({ payload: { event_type }, workflow: { ...run, check_run_id } });
      expect(issuesOf(input)).toEqual([]);
      expect(workflowOf(input).check_run_id).toBe(id);
      expect(recordOf(input).dynamoKey).toMatch(new RegExp(`/${id}$`));
    }
    expect(workflowOf(nightly({ workflow: { ...run, check_run_id: 5 } })).check_run_id).toBe('5');
  });

  it.each([
    ['a nightly', nightly({ workflow: { check_run_id: null, run_id: null } })],
    ['a nightly whose run id is none', nightly({ workflow: { check_run_id: null, run_id: {} } })],
    ['a push', completed({ payload: { event_type: 'push' }, workflow: { check_run_id: null } })],
  ])('refuses %s that nothing tells apart from the next', (_name, input) => {
    expect(issuesOf(input)).toContainEqual({ path: 'workflow.check_run_id', message: 'is required' });
  });

  it('reads numbers and strings of one value alike', () => {
    const asStrings = workflowOf(
      completed({
        workflow: {
          check_run_id: '45012345678',
          run_id: '16123456789',
          run_attempt: '2',
          test_results: { passed: '3', failed: '0' },
        },
      }),
    );
    const asNumbers = workflowOf(
      completed({
        workflow: {
          check_run_id: 45012345678,
          run_id: 16123456789,
          run_attempt: 2,
          test_results: { passed: 3, failed: 0 },
        },
      }),
    );
    expect(asStrings).toEqual(asNumbers);
    expect(asNumbers).toMatchObject({
      check_run_id: '45012345678',
      run_id: '16123456789',
      run_attempt: 2,
      test_results: { passed: 3, failed: 0 },
    });
  });

  it.each(conclusions)('accepts the conclusion %s of a completed job', (conclusion) => {
    expect(workflowOf(completed({ workflow: { conclusion } })).conclusion).toBe(conclusion);
  });

  it.each([
    ['2026-11-20T10:00:00.123456Z', '2026-11-20T10:00:00.123456Z'],
    ['2026-11-20T10:00:00Z', '2026-11-20T10:00:00Z'],
    ['2026-11-20T12:30:00.5+02:30', '2026-11-20T10:00:00.5Z'],
    ['2026-11-20T00:30:00-0100', '2026-11-20T01:30:00Z'],
    ['2026-11-20 10:00:00.1234567899+00:00', '2026-11-20T10:00:00.123456789Z'],
  ])('reads the time %s as %s', (sent, expected) => {
    expect(workflowOf(inProgress({ workflow: { started_at: sent } })).started_at).toBe(expected);
  });

  const w = (workflow: Record<string, unknown>) => completed({ workflow });
  const p = (payload: Record<string, unknown>) => completed({ payload });
  const t = (trusted: Record<string, unknown>) => completed({ trusted });
  it.each<[string, unknown, string, string]>([
    ['null', null, 'body', 'is required'],
    ['a list', [], 'body', 'must be an object'],
    ['no trusted part', { untrusted: completed().untrusted }, 'trusted', 'is required'],
    ['no untrusted part', { trusted: completed().trusted }, 'untrusted', 'is required'],
    [
      'no callback payload',
      { trusted: completed().trusted, untrusted: {} },
      'untrusted.callback_payload',
      'is required',
    ],
    [
      'no workflow',
      {
        trusted: completed().trusted,
        untrusted: { callback_payload: { event_type: 'push', delivery_id: 'd' } },
      },
      'workflow',
      'is required',
    ],
    ['no repository', t({ verified_repo: undefined }), 'trusted.verified_repo', 'is required'],
    [
      'a repository without an owner',
      t({ verified_repo: 'ascend' }),
      'trusted.verified_repo',
      'must be a repository as org/repo',
    ],
    [
      'a repository with a path',
      t({ verified_repo: 'a/b/c' }),
      'trusted.verified_repo',
      'must be a repository as org/repo',
    ],
    [
      'a repository that climbs',
      t({ verified_repo: 'a/..' }),
      'trusted.verified_repo',
      'must be a repository as org/repo',
    ],
    [
      'a level that is none',
      t({ downstream_repo_level: 'gold' }),
      'trusted.downstream_repo_level',
      'must be a level, L1 to L4',
    ],
    [
      'a negative queue time',
      t({ ci_metrics: { queue_time: -1 } }),
      'trusted.ci_metrics.queue_time',
      'must be a number of seconds, 0 or more',
    ],
    [
      'an execution time in words',
      t({ ci_metrics: { execution_time: 'long' } }),
      'trusted.ci_metrics.execution_time',
      'must be a number of seconds, 0 or more',
    ],
    ['no event type', p({ event_type: null }), 'event_type', 'is required'],
    ['no delivery id', p({ delivery_id: '' }), 'delivery_id', 'is required'],
    [
      'a PR number in words',
      p({ payload: { pull_request: { number: 'main' } } }),
      'payload.pull_request.number',
      'must be a whole number from 0 to 9007199254740991',
    ],
    [
      'a negative PR number',
      p({ payload: { pull_request: { number: -3 } } }),
      'payload.pull_request.number',
      'must be a whole number from 0 to 9007199254740991',
    ],
    [
      'an upstream repository that is none',
      p({ payload: { repository: { full_name: 'x' } } }),
      'payload.repository.full_name',
      'must be a repository as org/repo',
    ],
    ['a SHA with a quote', p({ payload: { head_sha: "a'b" } }), 'payload.head_sha', 'must be a commit SHA'],
    ['no status', w({ status: null }), 'workflow.status', 'is required'],
    [
      'an unknown status',
      w({ status: 'queued' }),
      'workflow.status',
      'must be one of in_progress, completed',
    ],
    [
      'an unknown conclusion',
      w({ conclusion: 'exploded' }),
      'workflow.conclusion',
      `must be one of ${conclusions.join(', ')}`,
    ],
    [
      'a conclusion in capitals',
      w({ conclusion: 'Success' }),
      'workflow.conclusion',
      `must be one of ${conclusions.join(', ')}`,
    ],
    [
      'completed without a conclusion',
      w({ conclusion: null }),
      'workflow.conclusion',
      'is required when status is completed',
    ],
    [
      'in progress with a conclusion',
      w({ status: 'in_progress' }),
      'workflow.conclusion',
      'must be null while status is in_progress',
    ],
    ['no job name', w({ job_name: undefined }), 'workflow.job_name', 'is required'],
    ['a blank job name', w({ job_name: '  ' }), 'workflow.job_name', 'must not be blank'],
    [
      'a job name with a line break',
      w({ job_name: 'a\nb' }),
      'workflow.job_name',
      'must not contain control characters',
    ],
    [
      'a job name with half a surrogate pair',
      w({ job_name: 'a\ud800' }),
      'workflow.job_name',
      'must be well-formed Unicode',
    ],
    [
      'a job name that is an object',
      w({ job_name: {} }),
      'workflow.job_name',
      'must be a string or an integer',
    ],
    ['no check run id', w({ check_run_id: null }), 'workflow.check_run_id', 'is required'],
    [
      'a check run id that JSON rounded',
      w({ check_run_id: 2 ** 60 }),
      'workflow.check_run_id',
      'must be an integer that JSON keeps exact; send it as a string',
    ],
    [
      'a fractional attempt',
      w({ run_attempt: 1.5 }),
      'workflow.run_attempt',
      'must be a whole number from 0 to 4294967295',
    ],
    [
      'an attempt over UInt32',
      w({ run_attempt: '4294967296' }),
      'workflow.run_attempt',
      'must be a whole number from 0 to 4294967295',
    ],
    [
      'a time without a zone',
      w({ completed_at: '2026-11-20T10:00:00' }),
      'workflow.completed_at',
      'must be an ISO 8601 time with a time zone, like 2026-08-21T12:00:00.123456Z',
    ],
    [
      'a time as a number',
      w({ completed_at: 1763632800 }),
      'workflow.completed_at',
      'must be an ISO 8601 time with a time zone, like 2026-08-21T12:00:00.123456Z',
    ],
    [
      '30 February',
      w({ completed_at: '2026-02-30T10:00:00Z' }),
      'workflow.completed_at',
      'is not a time that exists',
    ],
    [
      "Go's zero time",
      w({ started_at: '0001-01-01T00:00:00Z' }),
      'workflow.started_at',
      'must lie between the years 1900 and 2262',
    ],
    [
      'negative test counts',
      w({ test_results: { failed: -1 } }),
      'workflow.test_results.failed',
      'must be a whole number from 0 to 9007199254740991',
    ],
    [
      'fractional test counts',
      w({ test_results: { total: 0.5 } }),
      'workflow.test_results.total',
      'must be a whole number from 0 to 9007199254740991',
    ],
    [
      'test results that are a word',
      w({ test_results: 'all good' }),
      'workflow.test_results',
      'must be an object',
    ],
    ['failed tests that are a word', w({ failed_tests: 'none' }), 'workflow.failed_tests', 'must be a list'],
    ['an environment that is a list', w({ environment: [] }), 'workflow.environment', 'must be an object'],
    [
      'an environment of 20 KB',
      w({ environment: { x: 'x'.repeat(20_000) } }),
      'workflow.environment',
      'must be at most 16384 bytes of JSON',
    ],
    ['a javascript: link', w({ url: 'javascript:alert(1)' }), 'workflow.url', 'must be an https:// link'],
    [
      'an http: link',
      w({ artifact_url: 'http://example.org/a' }),
      'workflow.artifact_url',
      'must be an https:// link',
    ],
    [
      'a link with a space',
      w({ url: 'https://example.org/a b' }),
      'workflow.url',
      'must be an https:// link',
    ],
  ])('refuses %s', (_name, input, path, message) => {
    expect(issuesOf(input)).toEqual([{ path, message }]);
  });

  it('names every bad field at once', () => {
    const input = completed({ workflow: { job_name: null, run_attempt: 'x', url: 'ftp://x' } });
    expect(issuesOf(input).map((issue) => issue.path)).toEqual([
      'workflow.url',
      'workflow.job_name',
      'workflow.run_attempt',
    ]);
  });

  it('takes a key of 2,048 bytes and refuses one of 2,049, counted in UTF-8, naming the longest part', () => {
    const rest = Buffer.byteLength(
      'pytorch-labs/ascend-pytorch/7c9d2b1e-0f43-11f1-8a3e-5d1c2b3a4f50/ascend-ci//45012345678',
    );
    const name = 'ü'.repeat((2048 - rest) >> 1).padEnd(2048 - rest - ((2048 - rest) >> 1), 'x');
    expect(issuesOf(w({ job_name: name }))).toEqual([]);
    expect(issuesOf(w({ job_name: `${name}x` }))).toEqual([
      { path: 'workflow.job_name', message: 'makes the key 1 bytes longer than 2048' },
    ]);
  });

  it.each(['x', 'ü', '한', '🟥'])('counts an id of 512 bytes in UTF-8, of %s', (char) => {
    const bytes = Buffer.byteLength(char);
    const fitting = char.repeat(Math.floor(512 / bytes)) + 'x'.repeat(512 % bytes);
    expect(issuesOf(w({ run_id: fitting }))).toEqual([]);
    expect(issuesOf(w({ run_id: `${fitting}x` }))).toEqual([
      { path: 'workflow.run_id', message: 'must be at most 512 bytes long' },
    ]);
  });

  it('refuses an environment nested too deeply for the engine to write', () => {
    const environment = JSON.parse(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`) as unknown;
    expect(issuesOf(w({ environment }))).toEqual([
      { path: 'workflow.environment', message: 'must be at most 16384 bytes of JSON' },
    ]);
  });
});
