import type { Backend } from '../clickhouse/backends';
import type { ClickHouseClient } from '../clickhouse/client';
import { attemptDays, tables } from '../clickhouse/tables';
import type { BenchDatabase } from './engines';

/** What is made: jobs spread evenly over the days before `endMs`. */
export type DataSize = { jobs: number; days: number; endMs: number };

/** 50 of them: the probe, four L4, twelve L3, the rest L2. */
export const backends: Backend[] = Array.from({ length: 50 }, (_, index) => ({
  repo: index === 0 ? 'pytorch/crcr-test' : `vendor-${index}/torch-backend`,
  level: index === 0 ? 'L2' : index <= 4 ? 'L4' : index <= 16 ? 'L3' : 'L2',
  device: index > 4 && index <= 16 ? `device-${index}` : '',
  oncalls: [`oncall-${index}`],
}));

/** Jobs that one commit starts: 8 of each backend. */
const jobsOfCommit = 400;

/** Shares of a day, each of which is inserted by itself. */
const wholeDay = [[0, 1]] as const;

/**
 * The last day. Its first piece is merged into one part, the others (45 minutes) are as they came: the starts a part and the
 * ends a part. So it has seven, most of it in one; a day to which something is added each second has 2 to 7 at any moment.
 */
const lastDay = [
  [0, 31 / 32],
  [31 / 32, 63 / 64],
  [63 / 64, 127 / 128],
  [127 / 128, 1],
] as const;

/**
 * Fills the tables inside ClickHouse, day by day as time would: of each check run first the row of its start, then
 * that of its end, and makes each day one part, as the tables do by themselves 15 minutes after the last change of a day.
 * What the replicator adds to that is there too: which attempt is the newest of its job, and workflow runs. One commit in
 * 50 is a push, one in 280 a nightly (several a day at these sizes), the rest belong to pull requests of three commits;
 * 5 % of the jobs are run again; backends fail 2 to 20 % of theirs; parts are missing as strangers leave them out.
 */
export async function generate(
  client: ClickHouseClient,
  { jobs, days, endMs }: DataSize,
  onDay: (day: number) => void = () => undefined,
): Promise<void> {
  const perDay = Math.ceil(jobs / days);
  for (let day = 0; day < days; day++) {
    const from = day * perDay;
    const count = Math.min(perDay, jobs - from);
    if (count <= 0) break;
    const dayMs = endMs - (days - day) * 86_400_000;
    for (const [index, [firstShare, endShare]] of (day === days - 1 ? lastDay : wholeDay).entries()) {
      const [first, end] = [Math.floor(count * firstShare), Math.floor(count * endShare)];
      if (index === 1) await mergeForGood(client, tables.workflowJob);
      for (const isEnd of [false, true]) {
        await client.command({ query: insertSql({ from, count, first, end, dayMs, isEnd, endMs }) });
      }
    }
    onDay(day + 1);
  }
  await client.command({
    query: `
      INSERT INTO ${tables.workflowRun}
      SELECT *, toUnixTimestamp64Micro(now64(6)) AS version, 0 AS is_deleted FROM oot_all_runs
      SETTINGS max_partitions_per_insert_block = 0, max_bytes_before_external_group_by = 2000000000`,
  });
  await mergeForGood(client, tables.workflowRun);
}

/** Makes one part of each day that is there, and leaves what comes later in the parts in which it comes. */
async function mergeForGood(client: ClickHouseClient, table: string): Promise<void> {
  for (const { partition, parts } of await partitionsOf(client, table)) {
    if (Number(parts) === 1) continue;
    await client.command({ query: `OPTIMIZE TABLE ${table} PARTITION '${partition}' FINAL` });
  }
  await client.command({ query: `SYSTEM STOP MERGES ${table}` });
}

/** Gives an empty database the last days of another on the same server: the same parts, which the two share on disk. */
export async function shareDays(
  from: BenchDatabase,
  { client }: BenchDatabase,
  { days, endMs }: { days: number; endMs: number },
): Promise<void> {
  const database = from.env.CLICKHOUSE_DATABASE;
  const first = new Date(endMs - days * 86_400_000).toISOString().slice(0, 10);
  for (const [table, day] of Object.entries(attemptDays)) {
    if (table === tables.workflowJob || table === tables.workflowRun) {
      await client.command({ query: `SYSTEM STOP MERGES ${table}` });
      for (const { partition } of await partitionsOf(from.client, table)) {
        if (partition < first) continue;
        await client.command({
          query: `ALTER TABLE ${table} ATTACH PARTITION '${partition}' FROM ${database}.${table}`,
        });
      }
    } else {
      await client.command({
        query: `INSERT INTO ${table} SELECT * FROM ${database}.${table} WHERE ${day} >= '${first}'`,
      });
    }
  }
}

/** A table's days, `2026-11-20`, and how many parts each has. */
async function partitionsOf(
  client: ClickHouseClient,
  table: string,
): Promise<{ partition: string; parts: string }[]> {
  const answer = await client.query({
    query: `
      SELECT partition, count() AS parts FROM system.parts
      WHERE database = currentDatabase() AND table = '${table}' AND active
      GROUP BY partition`,
    format: 'JSONEachRow',
  });
  return answer.json();
}

/** Of the `count` jobs of a day, which are numbered from `from`, those of one piece. */
type Part = {
  from: number;
  count: number;
  first: number;
  end: number;
  dayMs: number;
  isEnd: boolean;
  endMs: number;
};

/** A job that is run again is so this much later. */
const rerunMs = 5_400_000;

function insertSql({ from, count, first, end, dayMs, isEnd, endMs }: Part): string {
  return `
INSERT INTO ${tables.workflowJob}
(dynamoKey, status, conclusion, state, downstream_repo, downstream_repo_level, upstream_repo, event_type, pr_number,
 pytorch_head_sha, delivery_id, workflow_run_url, workflow_name, job_name, check_run_id, run_id, run_attempt,
 queue_time, execution_time, started_at, completed_at, total_tests, passed_tests, failed_tests, skipped_tests,
 failed_tests_json, received_at, updated_at, outcome_at, revision, source, newest_until, ranking)
WITH
  intDiv(number, 400) AS commit,
  number % ${jobsOfCommit} AS slot,
  slot % 50 AS backend,
  intDiv(slot, 50) AS job,
  cityHash64(number) AS dice,
  cityHash64(commit) AS commit_dice,
  attempt AS this_attempt,
  multiIf(commit % 280 = 0, 'nightly', commit % 50 = 1, 'push', 'pull_request') AS event,
  lower(hex(commit_dice)) AS sha_part,
  if(backend = 0, 'pytorch/crcr-test', concat('vendor-', toString(backend), '/torch-backend')) AS repo,
  multiIf(backend = 0, 'L2', backend <= 4, 'L4', backend <= 16, 'L3', 'L2') AS repo_level,
  ${dayMs} + toInt64((number - ${from}) / ${count} * 86400000) + toInt64(dice % 600000) + (this_attempt - 1) * ${rerunMs} AS received_ms,
  30 + (cityHash64(dice, 1) % 5000) AS took_seconds,
  received_ms + took_seconds * 1000 AS ended_ms,
  2 + (backend * 7) % 19 AS bad_percent,
  cityHash64(dice, 2, this_attempt) % 1000 AS luck,
  multiIf(
    backend = 0 AND job = 1, 'failure',
    backend = 0 AND job = 2, 'cancelled',
    luck < bad_percent * 9, 'failure',
    luck < bad_percent * 9 + 5, 'timed_out',
    luck < bad_percent * 9 + 25, 'cancelled',
    luck < bad_percent * 9 + 35, 'skipped',
    'success') AS outcome
SELECT
  concat(repo, '/', sha_part, '/ci/job-', toString(job), '/', toString(number), '-', toString(this_attempt)),
  ${isEnd ? "'completed'" : "'in_progress'"},
  ${isEnd ? 'outcome' : "''"},
  ${isEnd ? "'reported'" : "'running'"},
  repo,
  repo_level,
  'pytorch/pytorch',
  event,
  if(event = 'pull_request', 150000 + intDiv(commit, 3), 0),
  concat(sha_part, sha_part, substring(sha_part, 1, 8)),
  if(event = 'nightly', concat(sha_part, sha_part, substring(sha_part, 1, 8)), sha_part),
  concat('https://github.com/', repo, '/actions/runs/', toString(16000000000 + commit * 50 + backend)),
  concat('ci-', toString(job % 2)),
  multiIf(backend = 0 AND job = 1, 'probe xfail', backend = 0 AND job = 2, 'probe xcancel', concat('test (', toString(job), ')')),
  concat(toString(45000000000 + number), '-', toString(this_attempt)),
  toString(16000000000 + commit * 50 + backend),
  this_attempt,
  if(dice % 10 = 0, NULL, cityHash64(dice, 3) % 3600),
  ${isEnd ? 'if(dice % 20 = 1, NULL, toFloat64(took_seconds))' : 'NULL'},
  if(dice % 50 = 2, NULL, fromUnixTimestamp64Milli(received_ms, 'UTC')),
  ${isEnd ? "fromUnixTimestamp64Milli(ended_ms, 'UTC')" : 'NULL'},
  ${isEnd ? 'if(dice % 10 < 3, NULL, 4000 + dice % 200)' : 'NULL'},
  ${isEnd ? 'if(dice % 10 < 3, NULL, 3900)' : 'NULL'},
  ${isEnd ? "if(dice % 10 < 3, NULL, if(outcome = 'failure', dice % 5, 0))" : 'NULL'},
  ${isEnd ? 'if(dice % 10 < 3, NULL, dice % 100)' : 'NULL'},
  ${isEnd ? `if(outcome = 'failure' AND dice % 10 >= 3, concat('[{"name":"test_', toString(dice % 500), '","message":"AssertionError: Tensors are not close"}]'), '')` : "''"},
  fromUnixTimestamp64Milli(received_ms, 'UTC'),
  fromUnixTimestamp64Milli(${isEnd ? 'ended_ms' : 'received_ms'}, 'UTC'),
  ${isEnd ? "fromUnixTimestamp64Milli(ended_ms, 'UTC')" : 'NULL'},
  received_ms + ${isEnd ? 1 : 0},
  'stream',
  if(is_rerun AND this_attempt = 1 AND received_ms + ${rerunMs} < ${endMs}, fromUnixTimestamp64Milli(received_ms + ${rerunMs}, 'UTC'), toDateTime64('2262-01-01 00:00:00', 3, 'UTC')),
  2
FROM (
  SELECT number + ${from} AS number, number % 20 = 7 AS is_rerun, arrayJoin(if(is_rerun, [1, 2], [1])) AS attempt
  FROM numbers(${first}, ${end - first})
)
WHERE ${isEnd ? `ended_ms < ${endMs} AND dice % 2000 != 3` : `received_ms < ${endMs}`}
SETTINGS max_insert_threads = 2, max_partitions_per_insert_block = 0`;
}
