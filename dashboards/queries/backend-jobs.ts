import { config } from '../config';
import { filters, jobsInRange, shownOutcome, quantile, sql, successRate } from '../sql';
import { attemptInRange, chosen } from './backend';
import { headSha, changePageUrl, pullRequestUrl } from './pr-verdict';

/** As many rows as a table of jobs shows. */
export const jobRows = config.rows.jobs;
/** As many attempts as their table shows. */
export const attemptRows = config.rows.attempts;

/** Seconds, of counted jobs whose duration is known. */
export const slowestJobsSql = () => sql`
  SELECT
    workflow_name,
    job_name,
    ${quantile(0.5, 'duration_seconds')} AS median_seconds,
    ${quantile(0.95, 'duration_seconds')} AS p95_seconds,
    max(duration_seconds) AS longest_seconds,
    count() AS jobs,
    countIf(duration_seconds > ${config.readiness.overrunHours * 3600}) AS overruns,
    argMax(workflow_run_url, (duration_seconds, dynamoKey)) AS longest_run_url
  FROM ${jobsInRange}
  WHERE ${chosen} AND is_counted AND duration_seconds IS NOT NULL
  GROUP BY workflow_name, job_name
  ORDER BY median_seconds DESC, workflow_name, job_name
  LIMIT ${jobRows}`;

/** Jobs of which two attempts on one commit had different outcomes. Attempts that do not count are left out. */
export const flakiestJobsSql = () => sql`
  SELECT
    workflow_name,
    job_name,
    countIf(outcomes > 1) AS flaky_commits,
    countIf(attempts > 1) AS rerun_commits,
    count() AS commits,
    flaky_commits / commits AS flaky_rate,
    flaky_commits / rerun_commits AS flaky_rerun_rate,
    maxIf(last_received_at, outcomes > 1) AS last_flaky_at,
    argMaxIf(last_run_url, last_received_at, outcomes > 1) AS last_flaky_run_url
  FROM
  (
    SELECT
      workflow_name,
      job_name,
      uniqExact(outcome) AS outcomes,
      count() AS attempts,
      max(received_at) AS last_received_at,
      argMax(workflow_run_url, (received_at, dynamoKey)) AS last_run_url
    FROM oot_attempts
    WHERE ${attemptInRange} AND ${chosen} AND is_counted
    GROUP BY workflow_name, job_name, job_id
  )
  GROUP BY workflow_name, job_name
  HAVING flaky_commits > 0
  ORDER BY flaky_rate DESC, flaky_commits DESC, workflow_name, job_name
  LIMIT ${jobRows}`;

/** One row an environment, as JSON text. */
export const environmentsSql = () => sql`
  SELECT
    environment,
    count() AS jobs,
    ${successRate} AS success_rate,
    min(received_at) AS first_seen,
    max(received_at) AS last_seen
  FROM ${jobsInRange}
  WHERE ${chosen}
  GROUP BY environment
  ORDER BY jobs DESC, environment
  LIMIT ${jobRows}`;

/** Every check run, newest first. */
export const attemptsSql = () => sql`
  SELECT
    received_at,
    pr_number,
    left(pytorch_head_sha, 8) AS sha8,
    event_type,
    workflow_name,
    job_name,
    run_attempt,
    ${shownOutcome} AS shown_outcome,
    duration_seconds,
    queue_seconds,
    passed_tests,
    total_tests,
    if(workflow_run_url = '', '', 'run') AS run,
    if(artifact_url = '', '', 'artifacts') AS artifacts,
    upstream_repo,
    pytorch_head_sha,
    ${changePageUrl(headSha)} AS change_page_url,
    ${pullRequestUrl} AS pull_request_url,
    workflow_run_url,
    artifact_url
  FROM oot_attempts
  WHERE ${attemptInRange} AND ${chosen} AND ${filters.outcome}
  ORDER BY received_at DESC, dynamoKey DESC
  LIMIT ${attemptRows}`;
