import type { ClickHouseClient } from '../../clickhouse/client';
import { computeRuns, rankAttempts } from '../../clickhouse/rank';
import { dateTimeOfMs, readinessWriter, tables, type WorkflowJobRow } from '../../clickhouse/tables';

/** When the attempts of a test are received unless it says otherwise, UTC milliseconds. */
export const receivedMs = Date.UTC(2026, 10, 20, 10);

let made = 0;

/**
 * A row of `oot_workflow_job`: a first attempt that took 30 minutes and succeeded, with a key of its own. Its
 * outcome came with its first callback unless the row says otherwise.
 */
export function attempt(overrides: Partial<WorkflowJobRow> = {}): WorkflowJobRow {
  const n = ++made;
  const received_at = overrides.received_at ?? dateTimeOfMs(receivedMs);
  return {
    dynamoKey: `attempt-${String(n).padStart(6, '0')}`,
    status: 'completed',
    conclusion: 'success',
    state: 'reported',
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
    check_run_id: `${45_000_000_000 + n}`,
    run_id: '16123456789',
    run_attempt: 1,
    queue_time: 41.25,
    execution_time: 1790.5,
    started_at: '2026-11-20 10:00:00.000000000',
    completed_at: '2026-11-20 10:30:00.000000000',
    total_tests: 4157,
    passed_tests: 4120,
    failed_tests: 0,
    skipped_tests: 37,
    failed_tests_json: '',
    failed_tests_cut: 0,
    artifact_url: '',
    environment: '',
    received_at,
    updated_at: dateTimeOfMs(receivedMs + 30 * 60_000),
    outcome_at: overrides.status === 'in_progress' ? null : received_at,
    revision: 2,
    is_deleted: 0,
    source: 'stream',
    ...overrides,
  };
}

/** Inserts attempts as the replicator does: ranked, and with their runs worked out where somebody looks at these. */
export async function insertAttempts(
  client: ClickHouseClient,
  values: readonly WorkflowJobRow[],
  { withRuns = false } = {},
): Promise<void> {
  if (values.length === 0) return;
  await client.insert({
    table: tables.workflowJob,
    values: [...values],
    format: 'JSONEachRow',
    clickhouse_settings: { max_partitions_per_insert_block: '0' },
  });
  const runs = await rankAttempts(client, values, []);
  if (withRuns) await computeRuns(client, runs);
}

export { clearAttempts } from '../../clickhouse/retention';

/** Readiness, as ClickHouse measures it by itself each minute. */
export async function measureReadiness(client: ClickHouseClient): Promise<void> {
  for (const verb of ['REFRESH', 'WAIT'])
    await client.command({ query: `SYSTEM ${verb} VIEW ${readinessWriter}` });
}
