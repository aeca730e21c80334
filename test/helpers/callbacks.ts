import { parseCallback } from '../../ingest/contract/callback';
import { createRecord } from '../../ingest/record';

/** Callbacks as the relay sends them, with only what a test cares about spelled out. */

export type WireCallback = {
  trusted: Record<string, unknown>;
  untrusted: { callback_payload: Record<string, unknown> & { workflow: Record<string, unknown> } };
};

type Parts = {
  trusted?: Record<string, unknown>;
  payload?: Record<string, unknown>;
  workflow?: Record<string, unknown>;
};

function callback(base: Required<Parts>, parts: Parts): WireCallback {
  return {
    trusted: { ...base.trusted, ...parts.trusted },
    untrusted: {
      callback_payload: {
        ...base.payload,
        ...parts.payload,
        workflow: { ...base.workflow, ...parts.workflow },
      },
    },
  };
}

const identity = {
  trusted: { verified_repo: 'pytorch-labs/ascend-pytorch', downstream_repo_level: 'L3' },
  payload: {
    event_type: 'pull_request',
    delivery_id: '7c9d2b1e-0f43-11f1-8a3e-5d1c2b3a4f50',
    payload: {
      action: 'synchronize',
      pull_request: { number: 179565, head: { sha: '8f14e45fceea167a5a36dedd4bea2543f0a1b2c3' } },
      repository: { full_name: 'pytorch/pytorch' },
    },
  },
  workflow: {
    schema_version: '1',
    name: 'ascend-ci',
    url: 'https://github.com/pytorch-labs/ascend-pytorch/actions/runs/16123456789',
    job_name: 'test (910b, 1, 4)',
    check_run_id: '45012345678',
    run_id: '16123456789',
    run_attempt: '1',
  },
};

/** The job started. */
export const inProgress = (parts: Parts = {}): WireCallback =>
  callback(
    {
      trusted: { ...identity.trusted, ci_metrics: { queue_time: 41.207, execution_time: null } },
      payload: identity.payload,
      workflow: {
        ...identity.workflow,
        status: 'in_progress',
        conclusion: null,
        started_at: '2026-11-20T10:00:00.123456Z',
        completed_at: null,
      },
    },
    parts,
  );

/** The job reported its own outcome. */
export const completed = (parts: Parts = {}): WireCallback =>
  callback(
    {
      trusted: { ...identity.trusted, ci_metrics: { queue_time: null, execution_time: 1822.5 } },
      payload: identity.payload,
      workflow: {
        ...identity.workflow,
        status: 'completed',
        conclusion: 'success',
        started_at: null,
        completed_at: '2026-11-20T10:30:22.654321Z',
        test_results: { passed: 4120, failed: 0, skipped: 37 },
        artifact_url: 'https://github.com/pytorch-labs/ascend-pytorch/actions/runs/16123456789/artifacts/7',
      },
    },
    parts,
  );

/** The relay's sweeper gave up on the job: the in_progress callback again, with whole seconds. */
export const swept = (parts: Parts = {}): WireCallback =>
  callback(
    {
      trusted: { ...identity.trusted, ci_metrics: { queue_time: null, execution_time: 21_615.1 } },
      payload: identity.payload,
      workflow: {
        ...identity.workflow,
        status: 'completed',
        conclusion: 'timed_out',
        started_at: '2026-11-20T10:00:00.123456Z',
        completed_at: '2026-11-20T16:00:15Z',
      },
    },
    parts,
  );

/** A scheduled run: one callback only, both times the same, no metrics. */
export const nightly = (parts: Parts = {}): WireCallback => {
  const sha = '0cc175b9c0f1b6a831c399e269772661aa0b1c2d';
  return callback(
    {
      trusted: { ...identity.trusted, ci_metrics: { queue_time: null, execution_time: null } },
      payload: {
        event_type: 'nightly',
        delivery_id: sha,
        payload: { repository: { full_name: 'pytorch/pytorch' }, head_sha: sha },
      },
      workflow: {
        ...identity.workflow,
        name: 'ascend-nightly',
        status: 'completed',
        conclusion: 'success',
        started_at: '2026-11-20T03:00:00.000001Z',
        completed_at: '2026-11-20T03:00:00.000001Z',
      },
    },
    parts,
  );
};

/** What ingest makes of a callback. Throws where it would refuse it. */
export function recordOf(input: WireCallback) {
  const parsed = parseCallback(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return createRecord(parsed.callback);
}
