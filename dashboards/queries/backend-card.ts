import { config } from '../config';
import { largest } from '../settings';
import { isBad, jobsInRange, quantile, sql, successRate } from '../sql';
import { attemptInRange, chosen, verdict, workflowAndJob } from './backend';

const lastJobs = largest(config.state.lastJobs);
const { overrunHours } = config.readiness;

const registered = 'repo IN (${backend:singlequote})';

/** No row where the backend is not registered. */
export const levelSql = () => sql`
  SELECT level
  FROM oot_backends
  WHERE ${registered}`;

export const oncallsSql = () => sql`
  SELECT arrayStringConcat(oncalls, ', ') AS oncalls
  FROM oot_backends
  WHERE ${registered} AND notEmpty(oncalls)`;

/** 0 to 1; NULL where nothing counts. */
export const successRateSql = () => sql`
  SELECT ${successRate} AS success_rate
  FROM ${jobsInRange}
  WHERE ${chosen}`;

/** The newest counted jobs, oldest first, each with where it ran. */
export const lastJobsSql = () => sql`
  SELECT
    ${verdict} AS verdict,
    ${workflowAndJob} AS job,
    pr_number,
    pytorch_head_sha,
    received_at,
    workflow_run_url
  FROM
  (
    SELECT *
    FROM ${jobsInRange}
    WHERE ${chosen} AND is_counted
    ORDER BY received_at DESC, dynamoKey DESC
    LIMIT ${lastJobs}
  )
  ORDER BY received_at, dynamoKey`;

/** One row a run: the longest that one of its first attempts waited, seconds. Where nobody named the run, a delivery is one. */
export const runQueuesSql = () => sql`
  SELECT min(received_at) AS first_received_at, max(queue_seconds) AS run_queue_seconds
  FROM oot_attempts
  WHERE ${attemptInRange} AND ${chosen}
  GROUP BY workflow_name, run_key
  HAVING run_queue_seconds IS NOT NULL`;

/** Seconds; NULL where no queue time is known. */
export const queueSql = () => sql`
  SELECT
    avg(run_queue_seconds) AS mean_seconds,
    ${quantile(0.5, 'run_queue_seconds')} AS median_seconds
  FROM (
  ${runQueuesSql()}
  )`;

/** Seconds, of counted jobs; NULL where no duration is known. */
export const executionSql = () => sql`
  SELECT
    ${quantile(0.5, 'duration_seconds')} AS median_seconds,
    ${quantile(0.95, 'duration_seconds')} AS p95_seconds
  FROM ${jobsInRange}
  WHERE ${chosen} AND is_counted`;

/** 0 to 1; NULL where nothing counts. A probe job that announces its time-out did not time out. */
export const timeoutRateSql = () => sql`
  SELECT if(countIf(is_counted) = 0, NULL, countIf(${isBad} AND outcome = 'timed_out') / countIf(is_counted)) AS timeout_rate
  FROM ${jobsInRange}
  WHERE ${chosen}`;

/** 0 to 1, of the counted jobs whose duration is known; NULL where there is none. */
export const overrunRateSql = () => sql`
  SELECT if(count() = 0, NULL, countIf(duration_seconds > ${overrunHours * 3600}) / count()) AS overrun_rate
  FROM ${jobsInRange}
  WHERE ${chosen} AND is_counted AND duration_seconds IS NOT NULL`;

/** Of the failing tests of the range: what the list cannot name. */
export const unnamedTestsSql = () => sql`
  SELECT
    sum(failed_tests_cut) AS entries_cut,
    countIf(${isBad} AND empty(JSONExtractArrayRaw(failed_tests_json))) AS bad_jobs_without_tests
  FROM ${jobsInRange}
  WHERE ${chosen}
  HAVING count() > 0`;
