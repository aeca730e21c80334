/** Names of the tables that this project writes. Readers use the views: oot_attempts, oot_jobs, oot_backends ... */
export const tables = {
  workflowJob: 'oot_workflow_job',
  workflowRun: 'oot_workflow_run',
  attemptIndex: 'oot_attempt_index',
  prDay: 'oot_pr_day',
  commitDay: 'oot_commit_day',
  activityDay: 'oot_activity_day',
  backendRegistry: 'oot_backend_registry',
  quarantine: 'oot_quarantine_log',
  replication: 'oot_replication_log',
} as const;

/** Everything that attempts are in, or that is made of them; by which day (UTC) of an attempt a row is kept or goes. */
export const attemptDays = {
  [tables.attemptIndex]: 'day',
  [tables.prDay]: 'day',
  [tables.commitDay]: 'day',
  [tables.activityDay]: 'received_day',
  [tables.workflowRun]: 'toDate(received_at)',
  // The last: it says what is kept.
  [tables.workflowJob]: 'toDate(received_at)',
} as const;

export const attemptTables = Object.keys(attemptDays);

/** What measures readiness each minute (migration 0012). `SYSTEM REFRESH VIEW` does it at once. */
export const readinessWriter = 'oot_readiness_writer';

/** Where migrations that were applied are written down. */
export const ledger = 'oot_migrations';

/** A DateTime64 as ClickHouse reads it without settings: `2026-11-20 10:00:00.123`, UTC. */
export type DateTimeText = string;

/** A row of `oot_workflow_job` as it is inserted; what a column means is in its COMMENT (migration 0001). */
export type WorkflowJobRow = {
  dynamoKey: string;
  status: string;
  conclusion: string;
  state: string;
  downstream_repo: string;
  downstream_repo_level: string;
  upstream_repo: string;
  event_type: string;
  pr_number: number;
  pytorch_head_sha: string;
  delivery_id: string;
  workflow_run_url: string;
  workflow_name: string;
  job_name: string;
  check_run_id: string;
  run_id: string;
  run_attempt: number;
  queue_time: number | null;
  execution_time: number | null;
  started_at: DateTimeText | null;
  completed_at: DateTimeText | null;
  total_tests: number | null;
  passed_tests: number | null;
  failed_tests: number | null;
  skipped_tests: number | null;
  failed_tests_json: string;
  failed_tests_cut: number;
  artifact_url: string;
  environment: string;
  received_at: DateTimeText;
  updated_at: DateTimeText | null;
  outcome_at: DateTimeText | null;
  revision: number;
  is_deleted: 0 | 1;
  source: RowSource;
  /**
   * 1: whoever inserts the row ranks it next (rank.ts). 0, the default: it is found and ranked by the replicator, or at the
   * end of the copy that brought it.
   */
  ranking?: 0 | 1;
};

/** What an attempt's job and run are made of: `oot_identities` says how. */
export const identityFields = [
  'upstream_repo',
  'pr_number',
  'pytorch_head_sha',
  'event_type',
  'delivery_id',
  'downstream_repo',
  'workflow_name',
  'job_name',
  'run_id',
] as const satisfies readonly (keyof WorkflowJobRow)[];
export type AttemptIdentity = Pick<WorkflowJobRow, (typeof identityFields)[number]>;

/** How a row came to ClickHouse. */
export type RowSource = 'stream' | 'backfill';

/** A row of `oot_quarantine_log` (migration 0004). */
export type QuarantineRow = {
  id: string;
  dynamoKey: string;
  reason: string;
  detail: string;
  source: RowSource;
  record: string;
  quarantined_at: DateTimeText;
  resolved_at: DateTimeText | null;
  version: number;
};

/** A row of `oot_replication_log` (migration 0005). */
export type ReplicationRow = {
  stream_arn: string;
  shard_id: string;
  replicator: 'poller' | 'lambda';
  position: string;
  newest_record_at: DateTimeText | null;
  delay_seconds: number | null;
  heartbeat_at: DateTimeText;
  version: number;
  is_deleted: 0 | 1;
};

/** A row of `oot_backend_registry` (migration 0003). */
export type BackendRow = {
  repo: string;
  level: string;
  device: string;
  oncalls: string[];
  loaded_at: DateTimeText;
  version: number;
  is_deleted: 0 | 1;
};

/** UTC milliseconds as a DateTime64(3). */
export const dateTimeOfMs = (epochMs: number): DateTimeText =>
  new Date(epochMs).toISOString().replace('T', ' ').replace('Z', '');

/** An ISO 8601 instant in UTC, with up to nine digits of a second, as a DateTime64(9). */
export const dateTimeOfIso = (iso: string): DateTimeText => iso.replace('T', ' ').replace('Z', '');
