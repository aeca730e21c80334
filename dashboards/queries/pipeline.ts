import { config } from '../config';
import { backendNumbered, jobsInRange, shownOutcome, sql, where } from '../sql';
import { states } from '../states';
import { onNewestDays } from './activity-days';
import { pullRequestUrl } from './pr-verdict';

/** What an attempt can be in, in the order in which bars are stacked. */
export const shownStates = states.filter((state) => state !== 'none');
export const { currentHours, lookBackDays } = config.pipeline;
/** How many entries the lists show. */
export const listedEntries = config.rows.entries;

/** Attempts that were first seen in the dashboard's time range. */
const receivedInRange = 'received_at >= $__fromTime_ms AND received_at < $__toTime_ms';

/**
 * Attempts that were last written in the time range. Their row says how long that write took; what was written
 * before is overwritten with it. A day more is read, since a job is written when it ends, too.
 */
const writtenInRange = sql`
  received_at >= $__fromTime_ms - INTERVAL 1 DAY
    AND updated_at >= $__fromTime_ms AND updated_at < $__toTime_ms`;

const p50 = 'quantileExact(0.5)(delay_seconds)';
const p99 = 'quantileExact(0.99)(delay_seconds)';

/** Percentiles of the delay, by when the item was written; a point an interval of the panel. */
export const delayOverTime = (): string => sql`
  SELECT
    assumeNotNull($__timeInterval(updated_at)) AS time,
    ${p50} AS p50,
    ${p99} AS p99
  FROM oot_attempts
  WHERE ${writtenInRange}
    AND delay_seconds IS NOT NULL
    AND ${where('backend')}
  GROUP BY time
  ORDER BY time`;

/** One number, NULL where nothing came by the stream. */
export const currentDelay = (
  at: { now: string; condition?: string } = { now: 'now64(3)', condition: where('backend') },
): string => sql`
  SELECT ${p99} AS p99
  FROM oot_attempts
  WHERE received_at >= ${at.now} - INTERVAL 1 DAY
    AND updated_at >= ${at.now} - INTERVAL ${currentHours} HOUR AND inserted_at <= ${at.now}
    AND ${at.condition ?? '1'}`;

/** A FROM and a WHERE: where each backend's newest attempt of the last `lookBackDays` is. */
const newestAttempts = sql`
  FROM oot_attempts
  WHERE received_at >= now() - INTERVAL ${lookBackDays} DAY
    AND ${onNewestDays}`;

/** Seconds since anything was first seen, NULL if nothing was in the last `lookBackDays`. */
export const newestAge = (): string => sql`
  SELECT dateDiff('millisecond', maxOrNull(received_at), now64(3)) / 1000 AS age
  ${newestAttempts}
    AND ${where('backend')}`;

/** Seconds since the shard was read that was read longest ago, NULL without a heartbeat; `by` a column, no row then. */
export const oldestHeartbeat = (
  { now, by }: { now: string; by?: string } = { now: 'now64(3)' },
): string => sql`
  SELECT ${by === undefined ? '' : `${by}, `}dateDiff('millisecond', minOrNull(heartbeat_at), ${now}) / 1000 AS age
  FROM oot_replication
  ${by === undefined ? '' : `GROUP BY ${by}`}`;

/** Changes in quarantine now, whenever they came there. */
export const quarantined = (): string => sql`
  SELECT countIf(resolved_at IS NULL) AS entries
  FROM oot_quarantine`;

/** Jobs of the time range whose newest attempt never completed, or was only given up on. One row, two numbers. */
export const neverCompleted = (): string => sql`
  SELECT countIf(is_overdue) AS overdue, countIf(state = 'swept') AS swept
  FROM ${jobsInRange}
  WHERE ${where('backend')}`;

/** Attempts by what is known of them, a bar a day (UTC). A column a state, so that colours go by its name. */
export const attemptsByOutcome = (): string => sql`
  SELECT
    toStartOfDay(received_at) AS time,
    ${shownStates.map((state) => `countIf(${shownOutcome} = '${state}') AS ${state}`).join(',\n    ')}
  FROM oot_attempts
  WHERE ${receivedInRange}
    AND ${where('backend')}
  GROUP BY time
  ORDER BY time`;

/** Attempts by who sent them, a bar a day (UTC). */
export const attemptsByBackend = (): string => sql`
  SELECT
    toStartOfDay(received_at) AS time,
    any(downstream_repo) AS backend,
    count() AS attempts
  FROM oot_attempts
  WHERE ${receivedInRange}
    AND ${where('backend')}
  GROUP BY time, ${backendNumbered}
  ORDER BY time, backend`;

/** One row a shard, the one that was read longest ago first. */
export const shards = (): string => sql`
  SELECT
    shard_id,
    replicator,
    dateDiff('millisecond', heartbeat_at, now64(3)) / 1000 AS heartbeat_age,
    dateDiff('millisecond', newest_record_at, now64(3)) / 1000 AS newest_record_age,
    delay_seconds,
    position,
    stream_arn
  FROM oot_replication
  ORDER BY heartbeat_at, shard_id`;

/** What came to quarantine in the time range, replayed or not, by the hour. */
export const quarantineByReason = (): string => sql`
  SELECT
    toStartOfHour(quarantined_at) AS time,
    reason,
    count() AS entries
  FROM oot_quarantine
  WHERE quarantined_at >= $__fromTime_ms AND quarantined_at < $__toTime_ms
  GROUP BY time, reason
  ORDER BY time, reason`;

/** What is in quarantine now, newest first. The record itself may hold anything, and stays out. */
export const newestQuarantined = (): string => sql`
  SELECT quarantined_at, reason, detail, source, dynamoKey AS dynamo_key
  FROM oot_quarantine
  WHERE resolved_at IS NULL
  ORDER BY quarantined_at DESC, dynamo_key
  LIMIT ${listedEntries}`;

/** One row a backend: what its attempts of the time range lack. Registered ones without any are there too. */
export const completeness = (): string => sql`
  WITH
  backends AS (
    SELECT repo AS downstream_repo, level FROM oot_backends
  ),
  seen AS (
    SELECT
      downstream_repo,
      count() AS attempts,
      countIf(outcome != 'running') AS completed_attempts,
      countIf(run_attempt <= 1) AS first_attempts,
      countIf(started_at IS NULL) / attempts AS no_start,
      if(first_attempts = 0, NULL, countIf(run_attempt <= 1 AND queue_seconds IS NULL) / first_attempts) AS no_queue_time,
      if(completed_attempts = 0, NULL, countIf(outcome != 'running' AND total_tests IS NULL) / completed_attempts) AS no_tests,
      countIf(pytorch_head_sha = '') / attempts AS no_sha
    FROM oot_attempts
    WHERE ${receivedInRange}
    GROUP BY downstream_repo
  ),
  newest AS (
    SELECT downstream_repo, dateDiff('millisecond', maxOrNull(received_at), now64(3)) / 1000 AS newest_age
    ${newestAttempts}
    GROUP BY downstream_repo
  )
  SELECT
    downstream_repo,
    anyIf(level, level != '') AS level,
    sum(attempts) AS attempts,
    max(no_start) AS no_start,
    max(no_queue_time) AS no_queue_time,
    max(no_tests) AS no_tests,
    max(no_sha) AS no_sha,
    max(newest_age) AS newest_age
  FROM (
    SELECT downstream_repo, level, 0 AS attempts, NULL AS no_start, NULL AS no_queue_time, NULL AS no_tests, NULL AS no_sha, NULL AS newest_age
    FROM backends
    UNION ALL
    SELECT downstream_repo, '', attempts, no_start, no_queue_time, no_tests, no_sha, NULL FROM seen
    UNION ALL
    SELECT downstream_repo, '', 0, NULL, NULL, NULL, NULL, newest_age FROM newest
  )
  WHERE ${where('backend')}
  GROUP BY downstream_repo
  ORDER BY newest_age IS NULL DESC, newest_age DESC, downstream_repo`;

/**
 * Jobs of the time range that never completed, newest first. They are found by what is narrow, and what is shown of
 * them is read afterwards: names and links of every job of a week are much to sort.
 */
export const lostJobs = (): string => sql`
  SELECT
    received_at,
    if(is_overdue, 'overdue', 'swept') AS how,
    downstream_repo,
    upstream_repo,
    pr_number,
    workflow_name,
    job_name,
    run_attempt,
    workflow_run_url,
    ${pullRequestUrl} AS pull_request_url
  FROM oot_attempts
  WHERE ${receivedInRange}
    AND attempt_id IN (
      SELECT attempt_id
      FROM ${jobsInRange}
      WHERE (is_overdue OR state = 'swept')
        AND ${where('backend')}
      ORDER BY received_at DESC, attempt_id
      LIMIT ${listedEntries}
    )
  ORDER BY received_at DESC, attempt_id`;
