import { ClickHouseError } from '@clickhouse/client';
import type { ClickHouseClient } from './client';
import { attemptDays, attemptTables, tables } from './tables';

const dayMs = 86_400_000;
const accessDenied = '497';

/**
 * Fewest days that can be kept: more than anything looks back, which is 90 days for the newest result of a backend, and
 * a week around each run. A test compares with the dashboards.
 */
export const minRetentionDays = 100;
export const maxRetentionDays = 36_500;

/** A number of days that can't be, where `message` names the option, or an account that may not change it. */
export class RetentionError extends Error {
  override readonly name = 'RetentionError';
  readonly code = 'RETENTION';
}

/** Reads `--days`. Throws {@link RetentionError}. */
export function parseRetentionDays(text: string): number {
  const days = /^\d{1,6}$/.test(text) ? Number(text) : NaN;
  if (!(days >= minRetentionDays && days <= maxRetentionDays)) {
    throw new RetentionError(
      `--days ${text}: must be a whole number from ${minRetentionDays} to ${maxRetentionDays}; dashboards and alerts look back 90 days and more`,
    );
  }
  return days;
}

/**
 * The TTL of the table of results. `days`: null without one, or with one that is not ours; then `other` says it.
 *
 * The table itself is asked, so there is no second place that could say something else.
 */
export async function readRetention(
  client: ClickHouseClient,
): Promise<{ days: number | null; other: string | null }> {
  const ttl = await readTtl(client, tables.workflowJob);
  const days = /^toDate\(received_at\) \+ toIntervalDay\((\d+)\)$/.exec(ttl)?.[1];
  if (days !== undefined) return { days: Number(days), other: null };
  return { days: null, other: ttl === '' ? null : ttl };
}

/** Empty where the table has none. */
async function readTtl(client: ClickHouseClient, table: string): Promise<string> {
  const result = await client.query({
    query: `SELECT extract(engine_full, ' TTL (.+?)(?: SETTINGS |$)') AS ttl
      FROM system.tables WHERE database = currentDatabase() AND name = {table:String}`,
    query_params: { table },
    format: 'JSONEachRow',
  });
  const [row] = await result.json<{ ttl: string }>();
  return row?.ttl ?? '';
}

/**
 * Keeps results for `days` from now on, or for ever (null). What is older goes in the background; nothing that was
 * dropped comes back by itself. On a cluster the replicas follow by themselves. Throws {@link RetentionError} where the
 * account may not.
 *
 * By received_at, which never changes for an attempt: all its revisions go together, so none of them can come up
 * again. Quarantine keeps everything: what expired there would be lost in silence.
 */
export async function setRetention(client: ClickHouseClient, days: number | null): Promise<void> {
  try {
    for (const [table, day] of Object.entries(attemptDays)) {
      if (days === null && (await readTtl(client, table)) === '') continue;
      const change = days === null ? 'REMOVE TTL' : `MODIFY TTL ${day} + toIntervalDay(${days})`;
      await client.command({ query: `ALTER TABLE ${table} ${change}` });
    }
  } catch (error) {
    if (!(error instanceof ClickHouseError && error.code === accessDenied)) throw error;
    throw new RetentionError(`CLICKHOUSE_USER may not change ${tables.workflowJob}: an admin does that`, {
      cause: error,
    });
  }
}

/** The first moment whose rows are kept, UTC milliseconds: whole days (UTC), today and `days - 1` before it. */
export const keptFrom = (days: number, nowMs: number): number =>
  Math.floor(nowMs / dayMs) * dayMs - (days - 1) * dayMs;

/** Empties everything that attempts are in: for a history that is made again. */
export async function clearAttempts(client: ClickHouseClient): Promise<void> {
  for (const table of attemptTables) await client.command({ query: `TRUNCATE TABLE ${table}` });
}
