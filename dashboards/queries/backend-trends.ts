import { jobsInRange, quantile, sql, successRate } from '../sql';
import { chosen, workflowAndJob } from './backend';
import { runQueuesSql } from './backend-card';

/** 0 to 1, by job; no point where nothing counts. */
export const successRateOverTimeSql = () => sql`
  SELECT $__timeInterval(received_at) AS time, ${workflowAndJob} AS job, ${successRate} AS success_rate
  FROM ${jobsInRange}
  WHERE ${chosen}
  GROUP BY time, job
  HAVING countIf(is_counted) > 0
  ORDER BY time, job`;

/** Seconds, by job; no point where no duration is known. */
export const durationOverTimeSql = () => sql`
  SELECT
    $__timeInterval(received_at) AS time,
    ${workflowAndJob} AS job,
    ${quantile(0.5, 'duration_seconds')} AS p50,
    ${quantile(0.95, 'duration_seconds')} AS p95
  FROM ${jobsInRange}
  WHERE ${chosen} AND is_counted AND duration_seconds IS NOT NULL
  GROUP BY time, job
  ORDER BY time, job`;

/** Seconds, of runs. */
export const queueOverTimeSql = () => sql`
  SELECT
    $__timeInterval(first_received_at) AS time,
    avg(run_queue_seconds) AS mean,
    ${quantile(0.5, 'run_queue_seconds')} AS median,
    ${quantile(0.95, 'run_queue_seconds')} AS p95
  FROM (
  ${runQueuesSql()}
  )
  GROUP BY time
  ORDER BY time`;
