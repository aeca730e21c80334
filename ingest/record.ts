import { dynamoKeyOf, type Callback } from './contract/callback';
import { isSwept, type Item, type ItemField, type State } from './contract/item';
import { jsonText } from './contract/wire';
import { cutFailedTests } from './failed-tests';

/** What one callback says about one attempt: the part of the item that it brings. */
export type AttemptRecord = {
  dynamoKey: string;
  status: Item['status'];
  state: State;
  /** Only the fields that the callback brought, never null or "". */
  fields: Partial<Pick<Item, ItemField>>;
};

type Payload = Callback['untrusted']['callback_payload'];

/** Turns a callback into what it brings. Pure: the same callback gives the same record. */
export function createRecord(callback: Callback): AttemptRecord {
  const { trusted, untrusted } = callback;
  const { workflow, payload, event_type, delivery_id } = untrusted.callback_payload;
  const fields: AttemptRecord['fields'] = {};
  assignKnown(fields, {
    downstream_repo: trusted.verified_repo,
    downstream_repo_level: trusted.downstream_repo_level,
    upstream_repo: payload?.repository?.full_name,
    event_type,
    pr_number: payload?.pull_request?.number,
    pytorch_head_sha: headShaOf(untrusted.callback_payload),
    delivery_id,
    workflow_run_url: workflow.url,
    workflow_name: workflow.name,
    job_name: workflow.job_name,
    check_run_id: workflow.check_run_id,
    run_id: workflow.run_id,
    run_attempt: workflow.run_attempt,
    artifact_url: workflow.artifact_url,
    queue_time: trusted.ci_metrics?.queue_time,
    started_at: workflow.started_at,
    environment: workflow.environment && (jsonText(workflow.environment) ?? undefined),
  });
  const state = stateOfCallback(workflow);
  if (state !== 'running') assignKnown(fields, outcomeOf(callback));
  return { dynamoKey: dynamoKeyOf(callback), status: workflow.status, state, fields };
}

function stateOfCallback({ status, conclusion, completed_at }: Payload['workflow']): State {
  if (status === 'in_progress') return 'running';
  return isSwept(conclusion, completed_at) ? 'swept' : 'reported';
}

/**
 * The upstream commit: of the pull request, of nightly and periodic runs, of a push, else where some
 * providers put it, at the top level. Never the delivery id, which only looks like one on scheduled runs.
 */
function headShaOf({ payload, pytorch_head_sha }: Payload): string | undefined {
  return payload?.pull_request?.head?.sha ?? payload?.head_sha ?? payload?.after ?? pytorch_head_sha;
}

function outcomeOf({ trusted, untrusted }: Callback): Partial<Pick<Item, ItemField>> {
  const { workflow } = untrusted.callback_payload;
  const tests = workflow.test_results ?? {};
  const counted = [tests.passed, tests.failed, tests.skipped].filter((count) => count !== undefined);
  const failedTests = workflow.failed_tests?.length ? cutFailedTests(workflow.failed_tests) : undefined;
  return {
    conclusion: workflow.conclusion,
    completed_at: workflow.completed_at,
    execution_time: trusted.ci_metrics?.execution_time,
    total_tests: tests.total ?? (counted.length > 0 ? counted.reduce((a, b) => a + b) : undefined),
    passed_tests: tests.passed,
    failed_tests: tests.failed,
    skipped_tests: tests.skipped,
    failed_tests_json: failedTests?.json,
    failed_tests_cut: failedTests?.cut,
  };
}

/** Takes over what is there. Spreading two objects of this size into one costs six times as much. */
function assignKnown(fields: AttemptRecord['fields'], brought: Partial<Record<ItemField, unknown>>): void {
  const target: Partial<Record<ItemField, unknown>> = fields;
  for (const field of Object.keys(brought) as ItemField[]) {
    const value = brought[field];
    if (value !== undefined) target[field] = value;
  }
}
