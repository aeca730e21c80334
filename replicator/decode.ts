import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import {
  itemSchema,
  placeholders,
  standInReceivedAt,
  standInRevision,
  stateOf,
  type Item,
} from '../ingest/contract/item';
import {
  dateTimeOfIso,
  dateTimeOfMs,
  identityFields,
  type AttemptIdentity,
  type RowSource,
  type WorkflowJobRow,
} from '../clickhouse/tables';
import { readImage, type Change, type Image } from './change';

/**
 * What becomes of a change: rows, nothing on purpose, or a place in quarantine. `reason` is a slug. `formerly`: what the
 * attempt was before, where it belonged to another job or run.
 */
export type Decoded =
  | { outcome: 'rows'; rows: WorkflowJobRow[]; formerly?: AttemptIdentity }
  | { outcome: 'skip'; reason: string }
  | { outcome: 'reject'; reason: string; detail: string };

/**
 * Turns a change into rows. Pure, never throws on data.
 *
 * - A put becomes the item's row. Where its place in the sort key moved, which only HUD's own writes can do
 *   (their `received_at` is a stand-in), the row in the old place gets a tombstone.
 * - A remove becomes a tombstone, one revision after the item; but what DynamoDB's TTL removed stays, since
 *   ClickHouse is the history.
 *
 * What stands in for the fields that HUD's own code does not write is said at `standInReceivedAt` and
 * `standInRevision`.
 */
export function decode(change: Change, source: RowSource): Decoded {
  if (change.kind === 'remove' && change.expired) return { outcome: 'skip', reason: 'expired' };
  const current = readRow(change.image, source);
  if (!current.ok) return { outcome: 'reject', reason: current.reason, detail: current.detail };
  if (change.kind === 'remove') return { outcome: 'rows', rows: [tombstone(current.row)] };
  const before = mayHaveMoved(change) ? readRow(change.before, source) : null;
  if (!before?.ok) return { outcome: 'rows', rows: [current.row] };
  return {
    outcome: 'rows',
    rows: placeOf(before.row) === placeOf(current.row) ? [current.row] : [tombstone(before.row), current.row],
    ...(identityFields.some((field) => before.row[field] !== current.row[field]) && { formerly: before.row }),
  };
}

/** Reading an image is the dearest part of all, and hardly a write changes one of these. */
const mayHaveMoved = (change: Change): change is Change & { before: Image } => {
  const { image, before } = change;
  if (before === undefined) return false;
  const differs = (field: string) => valueOf(before[field]) !== valueOf(image[field]);
  return image.received_at === undefined || differs('received_at') || identityFields.some(differs);
};

const valueOf = (value: AttributeValue | undefined): string | undefined => value?.S ?? value?.N;

/** The key of an image, empty where it has none. */
export const keyOf = (image: Image): string => image.dynamoKey?.S ?? '';

type Read = { ok: true; row: WorkflowJobRow } | { ok: false; reason: string; detail: string };

function readRow(image: Image, source: RowSource): Read {
  const raw = readImage(image);
  if (!raw) return { ok: false, reason: 'unreadable_item', detail: 'a value has no JavaScript form' };
  const parsed = itemSchema.safeParse(raw);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = String(issue?.path[0] ?? 'item');
    return { ok: false, reason: `invalid_${field}`, detail: `${field} ${issue?.message ?? 'is invalid'}` };
  }
  const item = parsed.data;
  const receivedAtMs = item.received_at ?? standInReceivedAt(item);
  if (receivedAtMs === null) {
    return { ok: false, reason: 'no_time', detail: 'neither received_at, started_at nor completed_at' };
  }
  const row = rowOf(item, receivedAtMs, item.revision ?? standInRevision(raw));
  // What a copy brings yields to the same revision from the stream, which says how long it took.
  return { ok: true, row: { ...row, source, ranking: source === 'stream' ? 1 : 0 } };
}

function rowOf(
  item: Item,
  receivedAtMs: number,
  revision: number,
): Omit<WorkflowJobRow, 'source' | 'ranking'> {
  return {
    dynamoKey: item.dynamoKey,
    status: item.status,
    conclusion: item.status === 'completed' ? (item.conclusion ?? '') : '',
    state: stateOf(item),
    downstream_repo: item.downstream_repo,
    downstream_repo_level: item.downstream_repo_level ?? '',
    upstream_repo: item.upstream_repo ?? placeholders.upstream_repo,
    event_type: item.event_type ?? 'pull_request',
    pr_number: item.pr_number ?? placeholders.pr_number,
    pytorch_head_sha: item.pytorch_head_sha ?? '',
    delivery_id: item.delivery_id ?? '',
    workflow_run_url: httpsOrNothing(item.workflow_run_url),
    workflow_name: item.workflow_name,
    job_name: item.job_name,
    check_run_id: item.check_run_id ?? '',
    run_id: item.run_id ?? '',
    run_attempt: item.run_attempt ?? 1,
    queue_time: item.queue_time ?? null,
    execution_time: item.execution_time ?? null,
    started_at: item.started_at ? dateTimeOfIso(item.started_at) : null,
    completed_at: item.completed_at ? dateTimeOfIso(item.completed_at) : null,
    total_tests: item.total_tests ?? null,
    passed_tests: item.passed_tests ?? null,
    failed_tests: item.failed_tests ?? null,
    skipped_tests: item.skipped_tests ?? null,
    failed_tests_json: item.failed_tests_json ?? '',
    failed_tests_cut: item.failed_tests_cut ?? 0,
    artifact_url: httpsOrNothing(item.artifact_url),
    environment: item.environment ?? '',
    received_at: dateTimeOfMs(receivedAtMs),
    updated_at: item.updated_at === undefined ? null : dateTimeOfMs(item.updated_at),
    outcome_at: item.outcome_at === undefined ? null : dateTimeOfMs(item.outcome_at),
    revision,
    is_deleted: 0,
  };
}

/** Later than every revision of the item, earlier than the first of a new item under its key. */
const tombstone = (row: WorkflowJobRow): WorkflowJobRow => ({
  ...row,
  failed_tests_json: '',
  environment: '',
  revision: row.revision + 1,
  is_deleted: 1,
});

/** Where a row stands in the sort key, the part that tells rows of one key apart. */
const placeOf = (row: WorkflowJobRow): string => row.received_at.slice(0, 10);

/** HUD's own code lets any link in; dashboards would render it. */
const httpsOrNothing = (url: string | undefined): string =>
  url && /^https:\/\/[^\s<>"'`\\]+$/i.test(url) ? url : '';
