import { ledger, tables } from '../tables';

/*
 * Who may do what in ClickHouse, once. Made into SQL for servers (statements.ts), and into the users file that the
 * embedded engine reads (users-file.ts), so that what is tested there is what an admin applies.
 */

/** Our roles. Users are given one; an admin, who migrates and makes users, is nobody of ours. */
export const roles = { writer: 'oot_writer', reader: 'oot_reader' } as const;
export type Role = keyof typeof roles;

export type Privilege = 'SELECT' | 'INSERT';

const both: readonly Privilege[] = ['SELECT', 'INSERT'];
const read: readonly Privilege[] = ['SELECT'];

/** Views that say what is to be stored with attempts and runs, and whether that is what is stored. */
const derivingViews = [
  'oot_all_runs',
  'oot_computed_runs',
  'oot_identities',
  'oot_newest_ranges',
  'oot_stale_ranges',
  'oot_stale_runs',
] as const;

/** Views that dashboards, alerts and people read, and the table that ClickHouse itself keeps for them. */
const views = [
  'oot_attempts',
  'oot_attempts_as_of',
  'oot_backends',
  'oot_jobs',
  'oot_jobs_as_of',
  'oot_jobs_between',
  'oot_newest_results',
  'oot_quarantine',
  'oot_readiness',
  'oot_readiness_at',
  'oot_replication',
  'oot_runs_as_of',
  'oot_runs_between',
  'oot_window_ends',
  'crcr_workflow_job',
] as const;

/**
 * What each role may do with each table or view of the database; nothing else, and nothing in other databases.
 *
 * The writer is the replicator and its commands: it reads the ledger to know that the tables are as it expects, and
 * may change no table. The reader needs the tables under the views too: a view is read with the rights of who asks.
 */
export const grants: Readonly<Record<Role, Readonly<Record<string, readonly Privilege[]>>>> = {
  writer: {
    ...Object.fromEntries(Object.values(tables).map((table) => [table, both])),
    ...Object.fromEntries(derivingViews.map((view) => [view, read])),
    [ledger]: read,
  },
  reader: Object.fromEntries(
    [...views, ...derivingViews, ...Object.values(tables)].sort().map((name) => [name, read]),
  ),
};

/** A setting of the reader. `fixed`: it can't be changed; else it can, from `min` to `max`. */
export type Limit = { setting: string; value: number } & ({ fixed: true } | { min: number; max: number });

const gibibyte = 1024 ** 3;

/**
 * What one query of a reader may take. 0 means "without limit" to ClickHouse, and is less than any maximum, so each
 * has a minimum as well: without it, a reader would lift a limit by setting 0.
 */
export const readerLimits: readonly Limit[] = [
  // Not 1: Grafana's data source sets max_execution_time with each query, and our client the format of numbers.
  { setting: 'readonly', value: 2, fixed: true },
  // Seconds. Grafana's data source asks for its queryTimeout (60) and 5 more.
  { setting: 'max_execution_time', value: 60, min: 1, max: 70 },
  { setting: 'max_memory_usage', value: 4 * gibibyte, min: 1, max: 4 * gibibyte },
  // Bytes that a thread may take before they count; as by default, or it would be a way around the line above.
  { setting: 'max_untracked_memory', value: 4 * 1024 ** 2, fixed: true },
  { setting: 'max_threads', value: 4, min: 1, max: 8 },
  { setting: 'max_result_rows', value: 100_000, min: 1, max: 100_000 },
  { setting: 'max_result_bytes', value: gibibyte / 4, min: 1, max: gibibyte / 4 },
  // Queries at once. One more is refused, not queued: a page has up to 30 panels.
  { setting: 'max_concurrent_queries_for_user', value: 100, fixed: true },
  // Nobody hides from system.query_log.
  { setting: 'log_queries', value: 1, fixed: true },
];

/** What a user who reads may take together in an hour; far above what pages that refresh each minute ask. */
export const readerQuota = {
  intervalSeconds: 3_600,
  max: {
    queries: 100_000,
    errors: 10_000,
    read_rows: 1_000_000_000_000,
    /** Seconds of queries, added up: ten running all the time. */
    execution_time: 36_000,
  },
} as const;
