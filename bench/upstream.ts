import type { ClickHouseClient } from '../clickhouse/client';
import { tables } from '../clickhouse/tables';

/*
 * What the HUD of PyTorch has (pytorch/test-infra, August 2026): its table with its order key, and the questions that
 * its pages ask, so that ours are measured against what people use today.
 */

export const upstreamTable = 'upstream_workflow_job';

/**
 * Its table with the same data; start and end are never NULL there, an unknown one is 1970. Day by day as time would, of
 * each check run the row of its start and that of its end: so it is in the parts that it has in life.
 */
export async function createUpstream(client: ClickHouseClient, signal: AbortSignal): Promise<void> {
  await client.command({
    query: `
      CREATE TABLE ${upstreamTable}
      (
        dynamoKey String, status String, downstream_repo String, upstream_repo String, pr_number UInt64,
        pytorch_head_sha String, delivery_id String, workflow_run_url String, workflow_name String, job_name String,
        check_run_id String, run_id String, run_attempt UInt32, conclusion String, queue_time Nullable(Float64),
        execution_time Nullable(Float64), started_at DateTime64(9), completed_at DateTime64(9), total_tests UInt64,
        passed_tests UInt64, failed_tests UInt64, skipped_tests UInt64, failed_tests_json String, artifact_url String,
        downstream_repo_level String, event_type String,
        INDEX status_index status TYPE bloom_filter GRANULARITY 1,
        INDEX started_at_index started_at TYPE minmax GRANULARITY 1,
        INDEX pr_number_index pr_number TYPE bloom_filter GRANULARITY 1,
        INDEX downstream_repo_index downstream_repo TYPE bloom_filter GRANULARITY 1
      )
      ENGINE = ReplacingMergeTree
      ORDER BY (downstream_repo, delivery_id, dynamoKey)`,
  });
  const found = await client.query({
    query: `SELECT DISTINCT toString(toDate(received_at)) AS day FROM ${tables.workflowJob} ORDER BY day`,
    format: 'JSONEachRow',
  });
  for (const { day } of await found.json<{ day: string }>()) {
    signal.throwIfAborted();
    const context = `dynamoKey, status, downstream_repo, upstream_repo, pr_number, pytorch_head_sha, delivery_id,
      workflow_run_url, workflow_name, job_name, check_run_id, run_id, run_attempt`;
    const ofDay = `${tables.workflowJob} FINAL WHERE toDate(received_at) = '${day}'`;
    await client.command({
      query: `
        INSERT INTO ${upstreamTable}
        SELECT ${context.replace('status', "'in_progress'")}, '', queue_time, NULL, received_at, toDateTime64(0, 9), 0, 0, 0, 0, '', '',
          downstream_repo_level, event_type
        FROM ${ofDay}`,
    });
    await client.command({
      query: `
        INSERT INTO ${upstreamTable}
        SELECT ${context}, conclusion, queue_time, execution_time, received_at, ifNull(completed_at, toDateTime64(0, 9)),
          ifNull(total_tests, 0), ifNull(passed_tests, 0), ifNull(failed_tests, 0), ifNull(skipped_tests, 0),
          failed_tests_json, artifact_url, downstream_repo_level, event_type
        FROM ${ofDay} AND status = 'completed'`,
    });
  }
}

/** A question of the HUD, on its table and on ours; both must give the same rows. */
export type Question = { name: string; theirs: string; ours: string };

/** Unix milliseconds: where the questions' time begins, and where the probe's last five PRs certainly are. */
type Asked = { fromMs: number; probeFromMs: number; pr: number; repo: string };

/**
 * Its start is our `received_at` here, so that both count the same attempts and the answers can be compared. Health of the
 * probe it asks of all history; we look a week back, as our rule does, where the last five PRs are.
 */
export function questions({ fromMs, probeFromMs, pr, repo }: Asked): Question[] {
  const since = `fromUnixTimestamp64Milli(${fromMs})`;
  const completed = "status = 'completed'";
  const rates = (good: string) => `countIf(${good}) AS successes, countIf(conclusion = 'failure') AS failures,
      countIf(conclusion = 'timed_out') AS timed_out, count() AS total`;
  const theirs = `${upstreamTable} FINAL WHERE started_at >= ${since}`;
  const ours = `oot_attempts WHERE received_at >= ${since}`;
  const probes = `oot_attempts WHERE received_at >= fromUnixTimestamp64Milli(${probeFromMs}) AND downstream_repo = 'pytorch/crcr-test'`;
  const success = "conclusion = 'success'";
  const ofBackend = `downstream_repo = '${repo}'`;
  const newestPrs = (from: string, at: string) =>
    `SELECT dynamoKey, conclusion FROM ${from} AND ${ofBackend} AND pr_number IN (
      SELECT pr_number FROM ${from} AND ${ofBackend} AND pr_number > 0
      GROUP BY pr_number ORDER BY max(${at}) DESC, pr_number LIMIT 20) ORDER BY dynamoKey`;
  const nightlyJobs = (from: string) =>
    `SELECT dynamoKey, conclusion FROM ${from} AND ${ofBackend} AND event_type = 'nightly'
      AND (run_id, job_name, run_attempt) IN (
        SELECT run_id, job_name, max(run_attempt) FROM ${from} AND ${ofBackend} AND event_type = 'nightly'
        GROUP BY run_id, job_name) ORDER BY dynamoKey`;
  const prs = `pr_number IN (${Array.from({ length: 20 }, (_, index) => pr - index).join(', ')})`;
  // As our PR page looks for them.
  const onTheirDays = (ofPrs: string) =>
    `${ofPrs} AND toDate(received_at) IN (SELECT day FROM oot_pr_day WHERE ${ofPrs})`;
  const hudJobs = (from: string, ofPrs: string) =>
    `SELECT dynamoKey, conclusion FROM ${from}
      WHERE ${ofPrs} AND downstream_repo_level IN ('L3', 'L4')
        AND downstream_repo != 'pytorch/crcr-test' ORDER BY dynamoKey`;
  return [
    {
      name: 'summary: pass rate by backend',
      theirs: `SELECT downstream_repo AS repo, ${rates(success)} FROM ${theirs} AND ${completed} AND pr_number > 0 GROUP BY repo ORDER BY repo`,
      ours: `SELECT downstream_repo AS repo, ${rates(success)} FROM ${ours} AND ${completed} AND pr_number > 0 GROUP BY repo ORDER BY repo`,
    },
    {
      name: 'nightly: pass rate by backend',
      theirs: `SELECT downstream_repo AS repo, ${rates(success)} FROM ${theirs} AND ${completed} AND event_type = 'nightly' GROUP BY repo ORDER BY repo`,
      ours: `SELECT downstream_repo AS repo, ${rates(success)} FROM ${ours} AND ${completed} AND event_type = 'nightly' GROUP BY repo ORDER BY repo`,
    },
    {
      name: 'metrics: pass rate by day and backend',
      theirs: `SELECT toDate(started_at) AS day, downstream_repo AS repo, ${rates(success)} FROM ${theirs} AND ${completed} AND event_type = 'pull_request' GROUP BY day, repo ORDER BY day, repo`,
      ours: `SELECT toDate(received_at) AS day, downstream_repo AS repo, ${rates(success)} FROM ${ours} AND ${completed} AND event_type = 'pull_request' GROUP BY day, repo ORDER BY day, repo`,
    },
    {
      name: 'backend: its numbers',
      theirs: `SELECT ${rates(success)}, uniqExact(pr_number) AS prs, round(avg(queue_time), 6) AS queue FROM ${theirs} AND ${completed} AND pr_number > 0 AND downstream_repo = '${repo}'`,
      ours: `SELECT ${rates(success)}, uniqExact(pr_number) AS prs, round(avg(queue_time), 6) AS queue FROM ${ours} AND ${completed} AND pr_number > 0 AND downstream_repo = '${repo}'`,
    },
    {
      name: 'PR: its jobs',
      theirs: `SELECT dynamoKey, conclusion FROM ${upstreamTable} FINAL WHERE pr_number = ${pr} ORDER BY dynamoKey`,
      ours: `SELECT dynamoKey, conclusion FROM oot_attempts WHERE ${onTheirDays(`pr_number = ${pr}`)} ORDER BY dynamoKey`,
    },
    {
      name: 'backend: jobs of its newest 20 PRs',
      theirs: newestPrs(theirs, 'started_at'),
      ours: newestPrs(ours, 'received_at'),
    },
    {
      name: 'backend: its nightly jobs, the newest attempt of each run',
      theirs: nightlyJobs(theirs),
      ours: nightlyJobs(ours),
    },
    {
      name: 'HUD: jobs of 20 PRs of backends of L3 and L4',
      theirs: hudJobs(`${upstreamTable} FINAL`, prs),
      ours: hudJobs('oot_attempts', onTheirDays(prs)),
    },
    {
      name: 'health: last 5 PRs of the probe',
      theirs: `SELECT pr_number, count() AS total FROM ${upstreamTable} FINAL WHERE downstream_repo = 'pytorch/crcr-test' AND ${completed} AND pr_number IN (SELECT pr_number FROM ${upstreamTable} FINAL WHERE downstream_repo = 'pytorch/crcr-test' AND ${completed} AND pr_number > 0 GROUP BY pr_number ORDER BY max(started_at) DESC, pr_number LIMIT 5) GROUP BY pr_number ORDER BY pr_number`,
      ours: `SELECT pr_number, count() AS total FROM ${probes} AND ${completed} AND pr_number IN (SELECT pr_number FROM ${probes} AND ${completed} AND pr_number > 0 GROUP BY pr_number ORDER BY max(received_at) DESC, pr_number LIMIT 5) GROUP BY pr_number ORDER BY pr_number`,
    },
  ];
}
