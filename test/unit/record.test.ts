import { limits } from '../../ingest/contract/limits';
import { cutFailedTests } from '../../ingest/failed-tests';
import { completed, inProgress, nightly, recordOf, swept } from '../helpers/callbacks';

describe('createRecord', () => {
  it('brings context and queue time from an in_progress callback', () => {
    expect(recordOf(inProgress())).toEqual({
      dynamoKey:
        'pytorch-labs/ascend-pytorch/7c9d2b1e-0f43-11f1-8a3e-5d1c2b3a4f50/ascend-ci/test (910b, 1, 4)/45012345678',
      status: 'in_progress',
      state: 'running',
      fields: {
        downstream_repo: 'pytorch-labs/ascend-pytorch',
        downstream_repo_level: 'L3',
        upstream_repo: 'pytorch/pytorch',
        event_type: 'pull_request',
        pr_number: 179565,
        pytorch_head_sha: '8f14e45fceea167a5a36dedd4bea2543f0a1b2c3',
        delivery_id: '7c9d2b1e-0f43-11f1-8a3e-5d1c2b3a4f50',
        workflow_run_url: 'https://github.com/pytorch-labs/ascend-pytorch/actions/runs/16123456789',
        workflow_name: 'ascend-ci',
        job_name: 'test (910b, 1, 4)',
        check_run_id: '45012345678',
        run_id: '16123456789',
        run_attempt: 1,
        queue_time: 41.207,
        started_at: '2026-11-20T10:00:00.123456Z',
      },
    });
  });

  it('brings the outcome from a completed callback, and adds up the tests', () => {
    expect(
      recordOf(completed({ workflow: { failed_tests: [{ name: 't', message: 'm' }] } })).fields,
    ).toMatchObject({
      conclusion: 'success',
      completed_at: '2026-11-20T10:30:22.654321Z',
      execution_time: 1822.5,
      total_tests: 4157,
      passed_tests: 4120,
      failed_tests: 0,
      skipped_tests: 37,
      failed_tests_json: '[{"name":"t","message":"m"}]',
      failed_tests_cut: 0,
    });
  });

  it("takes the sender's total over the sum", () => {
    expect(recordOf(completed({ workflow: { test_results: { passed: 1, total: 9 } } })).fields).toMatchObject(
      { total_tests: 9, passed_tests: 1 },
    );
  });

  it('leaves test counts out where nobody counted', () => {
    expect(recordOf(completed({ workflow: { test_results: undefined } })).fields).not.toHaveProperty(
      'total_tests',
    );
  });

  it.each([
    ['swept', 'a time-out in whole seconds', swept()],
    [
      'reported',
      'a time-out with microseconds',
      swept({ workflow: { completed_at: '2026-11-20T16:00:15.000001Z' } }),
    ],
    [
      'reported',
      'a success in whole seconds',
      completed({ workflow: { completed_at: '2026-11-20T16:00:15Z' } }),
    ],
    ['reported', 'a time-out without a time', swept({ workflow: { completed_at: null } })],
    ['running', 'in_progress', inProgress()],
  ])('is %s for %s', (state, _name, input) => {
    expect(recordOf(input).state).toBe(state);
  });

  const sha = 'c'.repeat(40);
  it.each([
    [
      'pull request',
      completed({ payload: { payload: { pull_request: { number: 1, head: { sha } } } } }),
      sha,
    ],
    ['nightly', nightly({ payload: { delivery_id: sha, payload: { head_sha: sha } } }), sha],
    ['push', completed({ payload: { event_type: 'push', payload: { after: sha } } }), sha],
    [
      'a provider with the SHA at the top',
      completed({ payload: { payload: {}, pytorch_head_sha: sha } }),
      sha,
    ],
    [
      'a push without a SHA: never the delivery id',
      completed({ payload: { event_type: 'push', payload: {} } }),
      undefined,
    ],
    ['a nightly without a SHA: never the delivery id', nightly({ payload: { payload: {} } }), undefined],
  ])('finds the head SHA of a %s', (_name, input, expected) => {
    expect(recordOf(input).fields.pytorch_head_sha).toBe(expected);
  });
});

describe('cutFailedTests', () => {
  it('keeps the first 1,000 entries and counts the rest', () => {
    const { json, cut } = cutFailedTests(Array.from({ length: 1_234 }, (_, i) => ({ name: `t${i}` })));
    expect({ entries: (JSON.parse(json) as unknown[]).length, cut }).toEqual({ entries: 1_000, cut: 234 });
  });

  it('cuts messages at 1 KB and traces at 4 KB, at a character, saying how much', () => {
    const { json } = cutFailedTests([{ name: 't', message: 'é'.repeat(600), stacktrace: 'x'.repeat(5_000) }]);
    expect(JSON.parse(json)).toEqual([
      {
        name: 't',
        message: `${'é'.repeat(512)}… [176 bytes cut]`,
        stacktrace: `${'x'.repeat(4_096)}… [904 bytes cut]`,
      },
    ]);
  });

  it('stays under its share of an item when every text is as long as it may be', () => {
    const entry = {
      name: '\u0001'.repeat(1_024),
      message: '"'.repeat(1_024),
      stacktrace: '日'.repeat(1_500),
    };
    const { json, cut } = cutFailedTests(Array.from({ length: 1_000 }, () => entry));
    const kept = (JSON.parse(json) as unknown[]).length;
    expect(Buffer.byteLength(json)).toBeLessThanOrEqual(limits.failedTestsJsonBytes);
    expect(kept).toBeGreaterThan(20);
    expect(kept + cut).toBe(1_000);
  });

  it.each([
    ['fits', '{"name":"t","line":7,"flaky":false,"file":null}', null],
    ['has a field named __proto__', '{"__proto__":"x","name":"t"}', null],
    ['has a trace of 4 KB', `{"stacktrace":"${'x'.repeat(4_096)}"}`, null],
    [
      'has a nested value',
      '{"name":"t","tags":["a",{"b":1}]}',
      '{"name":"t","tags":"[\\"a\\",{\\"b\\":1}]"}',
    ],
    ['has half a character', '{"name":"\\ud800!"}', '{"name":"\ufffd!"}'],
    ['has a long key', `{"${'k'.repeat(70)}":1}`, `{"${'k'.repeat(64)}… [6 bytes cut]":1}`],
    [
      'has a field named __proto__ and a long text',
      `{"__proto__":"x","name":"${'n'.repeat(1_030)}"}`,
      `{"__proto__":"x","name":"${'n'.repeat(1_024)}… [6 bytes cut]"}`,
    ],
    [
      'has 17 fields',
      JSON.stringify(Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`field${n}`, n]))),
      JSON.stringify(Object.fromEntries(Array.from({ length: 16 }, (_, n) => [`field${n}`, n]))),
    ],
  ])('writes an entry that %s as it is, or cut', (_, entry, cut) => {
    expect(cutFailedTests([JSON.parse(entry)])).toEqual({ json: `[${cut ?? entry}]`, cut: 0 });
  });

  it('keeps what is no object as a name', () => {
    expect(JSON.parse(cutFailedTests(['test_a', 7, null, ['x']]).json)).toEqual([
      { name: 'test_a' },
      { name: '7' },
      { name: 'null' },
      { name: '["x"]' },
    ]);
  });
});
