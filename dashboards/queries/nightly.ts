import { config } from '../config';
import { isBad, isNewestIn, isScheduled, sql, where } from '../sql';
import { headSha, jobCounts } from './pr-verdict';

export const { lookBackDays, standingDays, newsHours } = config.nightly;

const eventCondition = `${isScheduled}
  AND $__conditionalAll(event_type IN (\${event:singlequote}), $event)`;
const conditions = `${eventCondition}
  AND ${where('level', 'backend', 'upstream')}`;
const keys = 'upstream_repo, downstream_repo, event_type, sha';
/** Runs of one backend that follow each other. */
const line = 'upstream_repo, downstream_repo, event_type';

/**
 * One row a run: what a backend did for one commit and event, all workflows and jobs together, each job by its
 * newest attempt. It began when the first of its first attempts was received; where only re-runs were received, it began
 * before, and is no run here. `last_began_at`: a commit can be the newest for days, and each workflow run on it begins anew. `missing_jobs` says how many fewer jobs it has than the backend's run
 * before; a run is `partial` when it is good but for those, and they can't come any more.
 */
export const runsBetween = (from: string, to: string, condition = conditions) => sql`
  begun AS (
    SELECT upstream_repo, downstream_repo, event_type, ${headSha} AS sha,
      minIf(received_at, run_attempt <= 1) AS began_at,
      fromUnixTimestamp64Milli(arrayMax(tupleElement(
        minMapIf([run_key], [toUnixTimestamp64Milli(received_at)], run_attempt <= 1), 2))) AS last_began_at,
      max(received_at) AS last_received_at,
      ${jobCounts('is_newest')},
      argMaxIf(workflow_run_url, (${isBad}, received_at, attempt_id), is_newest) AS run_url
    FROM (
      SELECT *, ${isNewestIn(from, to)} AS is_newest
      FROM oot_attempts
      WHERE received_at >= ${from} AND received_at < ${to} AND ${condition}
    )
    GROUP BY ${keys}
    HAVING min(run_attempt) <= 1
  ),
  compared AS (
    SELECT *,
      lagInFrame(toNullable(jobs)) OVER (PARTITION BY ${line} ORDER BY began_at, sha ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS jobs_before
    FROM begun
  ),
  runs AS (
    SELECT *,
      if(jobs_before IS NULL, NULL, greatest(toInt64(jobs_before) - toInt64(jobs), 0)) AS missing_jobs,
      ifNull(missing_jobs, 0) > 0 AS is_short,
      multiIf(
        bad_jobs > 0, 'failure',
        overdue_jobs > 0, 'overdue',
        running_jobs > 0, 'running',
        is_short AND began_at >= ${to} - INTERVAL ${config.overdueMinutes} MINUTE, 'running',
        is_short, 'partial',
        good_jobs > 0, 'success',
        'none') AS verdict
    FROM compared
  )`;

const from = '$__fromTime_ms';
const to = '$__toTime_ms';
/** Runs that began in the dashboard's range, each compared with the one before it. */
const runsInRange = runsBetween(`${from} - INTERVAL ${lookBackDays} DAY`, to);
const inRange = `began_at >= ${from}`;

const hoursSince = (beganAt: string) => `dateDiff('second', ${beganAt}, ${to}) / 3600 AS hours_since`;

/**
 * One row a backend, event and upstream repository: the hours since its newest workflow run began, as {@link standing} has
 * them, but from what ClickHouse keeps of each.
 */
export const hoursSinceNewest = (condition = conditions) => sql`
  SELECT downstream_repo AS backend, event_type AS event, upstream_repo AS upstream, ${hoursSince('max(received_at)')}
  FROM oot_runs_between(from = ${to} - INTERVAL ${standingDays} DAY, to = ${to})
  WHERE ${condition}
  GROUP BY ${line}`;

/** One row a backend, event and upstream repository: its newest run, its streak, and the hours since that run. */
const standing = sql`
  ${runsBetween(`${to} - INTERVAL ${standingDays} DAY`, to)},
  lines AS (
    SELECT ${line},
      argMax((verdict, sha, jobs, good_jobs, bad_jobs, running_jobs, missing_jobs), (began_at, sha)) AS newest,
      -- By itself, since most that ask for a line need no links, which are long.
      argMax(run_url, (began_at, sha)) AS newest_run_url,
      max(last_began_at) AS newest_began_at,
      arrayReverseSort(groupArrayIf((began_at, sha, verdict), verdict IN ('success', 'failure', 'partial'))) AS decided,
      arrayFirstIndex(run -> tupleElement(run, 3) != tupleElement(decided[1], 3), decided) AS first_other,
      if(first_other = 0, length(decided), first_other - 1) AS streak_runs
    FROM runs
    GROUP BY ${line}
  ),
  standing AS (
    SELECT
      downstream_repo AS backend,
      event_type AS event,
      upstream_repo AS upstream,
      toNullable(tupleElement(newest, 1)) AS verdict,
      ${hoursSince('newest_began_at')},
      if(streak_runs = 0, NULL, tupleElement(decided[1], 3)) AS streak,
      if(streak_runs = 0, NULL, streak_runs) AS streak_runs_or_null,
      if(streak_runs = 0, NULL, tupleElement(decided[streak_runs], 1)) AS streak_since,
      toNullable(tupleElement(newest, 3)) AS jobs,
      toNullable(tupleElement(newest, 4)) AS good,
      toNullable(tupleElement(newest, 5)) AS bad,
      toNullable(tupleElement(newest, 6)) AS running,
      tupleElement(newest, 7) AS missing,
      tupleElement(newest, 2) AS sha,
      newest_run_url AS run_url
    FROM lines
  )`;

const isLate = `hours_since > ${config.nightly.maxHoursSinceLast}`;

/** Where each backend stands, worst first; registered backends without any scheduled run last. */
export const nightlyStandingSql = sql`
  WITH ${standing}
  SELECT
    if(standing.backend = '', registry.repo, standing.backend) AS backend,
    if(registry.level = '', 'not registered', registry.level) AS level,
    event, upstream, verdict,
    if(standing.backend = '', NULL, standing.hours_since) AS hours_since,
    streak, streak_runs_or_null AS streak_runs, streak_since, jobs, good, bad, running, missing, sha, run_url
  FROM standing
  -- Registered backends without any scheduled run are there too.
  FULL JOIN (
    SELECT downstream_repo AS repo, level
    FROM (SELECT repo AS downstream_repo, level FROM oot_backends)
    WHERE ${where('level', 'backend')}
  ) AS registry ON registry.repo = standing.backend
  ORDER BY hours_since IS NULL, ${isLate} DESC, indexOf(['failure', 'partial', 'overdue', 'running', 'none', 'success'], verdict), registry.level DESC, backend, event, upstream`;

/** How many backends (each event for itself) are late. No row where there is no run at all. */
export const nightlyLateSql = sql`
  SELECT countIf(${isLate}) AS late
  FROM (
  ${hoursSinceNewest()}
  )
  HAVING count() > 0`;

/** Newest runs that are bad, and that are partial. No row where there is no run at all. */
export const nightlyNewestSql = (verdict: 'failure' | 'partial') => sql`
  WITH ${standing}
  SELECT countIf(verdict = '${verdict}') AS runs FROM standing HAVING count() > 0`;

/** How long each newest run is ago. */
export const nightlyHoursSql = sql`
  SELECT concat(backend, ' · ', event, if(uniqExact(upstream) OVER () = 1, '', concat(' · ', upstream))) AS run, hours_since
  FROM (
  ${hoursSinceNewest()}
  )
  ORDER BY hours_since DESC, run`;

const newsJobs = `oot_jobs_between(from = ${to} - INTERVAL ${newsHours} HOUR, to = ${to})`;

/** How many scheduled jobs ended otherwise than expected lately. No row where none was received. */
export const nightlyUnexpectedCountSql = sql`
  SELECT countIf(${isBad}) AS unexpected
  FROM ${newsJobs}
  WHERE ${conditions}
  HAVING count() > 0`;

/** Those jobs, newest first. */
export const nightlyUnexpectedSql = sql`
  SELECT
    downstream_repo AS backend,
    event_type AS event,
    workflow_name AS workflow,
    job_name AS job,
    outcome,
    expected_outcome,
    received_at,
    failed_tests,
    upstream_repo AS upstream,
    ${headSha} AS sha,
    workflow_run_url AS run_url,
    artifact_url
  FROM ${newsJobs}
  WHERE ${isBad} AND ${conditions}
  ORDER BY received_at DESC, dynamoKey`;

/** Runs of the range by day (UTC) and verdict. */
export const nightlyRunsByDaySql = sql`
  WITH ${runsInRange}
  SELECT
    toStartOfDay(began_at, 'UTC') AS time,
    countIf(verdict = 'success') AS good,
    countIf(verdict = 'failure') AS bad,
    countIf(verdict = 'partial') AS partial,
    countIf(verdict IN ('running', 'overdue')) AS running,
    countIf(verdict = 'none') AS uncounted
  FROM runs
  WHERE ${inRange}
  GROUP BY time
  ORDER BY time`;

/** Success rate of scheduled jobs by day (UTC) on which their run began. */
export const nightlyRateSql = sql`
  WITH ${runsInRange}
  SELECT toStartOfDay(began_at, 'UTC') AS time, sum(good_jobs) / sum(good_jobs + bad_jobs) AS success_rate
  FROM runs
  WHERE ${inRange}
  GROUP BY time
  HAVING sum(good_jobs + bad_jobs) > 0
  ORDER BY time`;

/** The same over the whole range. No row where nothing counts. */
export const nightlyRangeRateSql = sql`
  WITH ${runsInRange}
  SELECT sum(good_jobs) / sum(good_jobs + bad_jobs) AS success_rate
  FROM runs
  WHERE ${inRange}
  HAVING sum(good_jobs + bad_jobs) > 0`;

/** The same by day for each backend. */
export const nightlyRateByBackendSql = sql`
  WITH ${runsInRange}
  SELECT toStartOfDay(began_at, 'UTC') AS time, downstream_repo AS backend, sum(good_jobs) / sum(good_jobs + bad_jobs) AS success_rate
  FROM runs
  WHERE ${inRange}
  GROUP BY time, backend
  HAVING sum(good_jobs + bad_jobs) > 0
  ORDER BY time, backend`;

const tooLate = `last_began_at + INTERVAL ${config.nightly.maxHoursSinceLast} HOUR`;

/** When each run began, and what it came to; `none` once no run has followed for too long. */
export const nightlyTimelineSql = sql`
  WITH ${runsInRange},
  followed AS (
    SELECT
      concat(downstream_repo, ' · ', event_type, if(uniqExact(upstream_repo) OVER () = 1, '', concat(' · ', upstream_repo))) AS backend,
      began_at,
      last_began_at,
      verdict,
      leadInFrame(toNullable(began_at)) OVER (PARTITION BY ${line} ORDER BY began_at, sha ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS next_began_at
    FROM runs
  )
  SELECT point.1 AS time, backend, point.2 AS verdict
  FROM followed
  ARRAY JOIN arrayConcat(
    [(began_at, followed.verdict)],
    if(ifNull(next_began_at, ${to}) > ${tooLate}, [(${tooLate}, 'none')], [])) AS point
  WHERE time >= ${from}
  ORDER BY time, backend`;

/** Runs of the range, newest first. */
export const nightlyRunsSql = sql`
  WITH ${runsInRange}
  SELECT
    began_at,
    downstream_repo AS backend,
    event_type AS event,
    verdict,
    jobs,
    good_jobs AS good,
    bad_jobs AS bad,
    running_jobs AS running,
    uncounted_jobs AS uncounted,
    missing_jobs AS missing,
    if(good_jobs + bad_jobs = 0, NULL, good_jobs / (good_jobs + bad_jobs)) AS success_rate,
    last_received_at,
    upstream_repo AS upstream,
    sha,
    run_url
  FROM runs
  WHERE ${inRange}
  ORDER BY began_at DESC, backend, event, sha
  LIMIT 500`;
