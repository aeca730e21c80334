import { config } from '../config';
import { settingSql } from '../settings';
import { sql, where } from '../sql';
import {
  countedEvent,
  criteria,
  historyDays,
  requirementSql,
  shownValue,
  type Criterion,
  type CriterionColumn,
} from './readiness-criteria';

const { windowDays, overrunHours } = config.readiness;

/** The criteria look at their own windows, which end now, whatever the dashboard's time range is. */
const currentTime = 'now64(3)';

/** What a backend's criteria come to: in words, worst first. */
export const verdicts = [
  'demotion signal',
  'not ready',
  'unknown',
  'ready',
  'holds level',
  'not registered',
  'not a candidate',
] as const;

export type Verdict = (typeof verdicts)[number];

const list = (values: readonly string[]): string => values.map((value) => `'${value}'`).join(', ');

/** A query of named parts, each of which reads those before it. */
export const withParts = (parts: readonly string[], select: string): string =>
  `WITH\n${parts.join(',\n')}\n${select}`;

/**
 * The part `jobs`: one row a backend and window that ends on one of the last `days`, from its jobs. A job is newest in
 * neighbouring windows, so jobs are first summed up by where that begins and ends, and then to each window.
 */
export const windowJobs = (now: string, days: number): string => sql`
  jobs AS (
    SELECT
      downstream_repo,
      arrayJoin(range(toUInt16(last_days_ago), toUInt16(first_days_ago + 1))) AS days_ago,
      sum(counted) AS counted_jobs,
      if(counted_jobs = 0, NULL, sum(good) / counted_jobs) AS success_rate,
      if(counted_jobs = 0, NULL, sum(timeouts) / counted_jobs) AS timeout_rate,
      sum(timed) AS timed_jobs,
      if(timed_jobs = 0, NULL, sum(overruns) / timed_jobs) AS overrun_rate
    FROM (
      SELECT
        downstream_repo,
        last_days_ago,
        first_days_ago,
        countIf(is_counted) AS counted,
        countIf(is_counted AND is_as_expected) AS good,
        countIf(is_counted AND NOT is_as_expected AND outcome = 'timed_out') AS timeouts,
        countIf(is_counted AND duration_seconds IS NOT NULL) AS timed,
        countIf(is_counted AND duration_seconds > ${overrunHours * 3600}) AS overruns
      FROM oot_jobs_rolling(to = ${now}, days = ${days}, window_days = ${windowDays})
      WHERE event_type = '${countedEvent}'
      GROUP BY downstream_repo, last_days_ago, first_days_ago
    )
    GROUP BY downstream_repo, days_ago
  )`;

/** The part `runs`: the same from its runs, which are in every window that ends in the days after their first job. */
export const windowRuns = (now: string, days: number): string => sql`
  runs AS (
    SELECT
      downstream_repo,
      days_ago,
      sum(queued) AS queue_runs,
      if(queue_runs = 0, NULL, sum(queued_seconds) / queue_runs) AS mean_queue_seconds,
      sum(ended) AS end_to_end_runs,
      quantileExactInclusiveMerge(0.5)(median_state) AS median_end_to_end_seconds
    FROM (
      SELECT
        downstream_repo,
        toStartOfDay(received_at, 'UTC') AS day,
        -- The window that ends now begins within a day.
        received_at >= ${now} - INTERVAL ${windowDays} DAY AS is_recent,
        count(queue_seconds) AS queued,
        sum(queue_seconds) AS queued_seconds,
        count(end_to_end_seconds) AS ended,
        quantileExactInclusiveState(0.5)(end_to_end_seconds) AS median_state
      FROM oot_runs_as_of(from = ${now} - INTERVAL ${windowDays + days} DAY, to = ${now}, at = ${now})
      WHERE event_type = '${countedEvent}'
      GROUP BY downstream_repo, day, is_recent
    ) AS run
    CROSS JOIN oot_window_ends(to = ${now}, days = ${days}) AS window
    WHERE if(days_ago = 0, is_recent, day >= window_end - INTERVAL ${windowDays} DAY AND day < window_end)
    GROUP BY downstream_repo, days_ago
  )`;

/** One row a backend and day of the last `historyDays`: the value of each criterion over the window that ends then. */
const windows = (now: string): string[] => [
  sql`
  backends AS (
    SELECT repo AS downstream_repo, level FROM oot_backends
    UNION ALL
    SELECT DISTINCT downstream_repo, '' AS level
    FROM oot_attempts
    WHERE received_at >= ${now} - INTERVAL ${windowDays + historyDays} DAY
      AND received_at < ${now}
      AND downstream_repo NOT IN (SELECT repo FROM oot_backends)
  )`,
  windowJobs(now, historyDays),
  windowRuns(now, historyDays),
  sql`
  firsts AS (
    SELECT
      downstream_repo,
      minOrNullIf(received_at, event_type = '${countedEvent}') AS first_result_at,
      minOrNullIf(received_at, downstream_repo_level = 'L2') AS first_at_level_at
    FROM oot_attempts
    WHERE received_at < ${now}
    GROUP BY downstream_repo
  )`,
  sql`
  measured AS (
    SELECT
      backends.downstream_repo AS downstream_repo,
      level,
      days.days_ago AS days_ago,
      window_end,
      counted_jobs,
      timed_jobs,
      queue_runs,
      end_to_end_runs,
      success_rate,
      timeout_rate,
      overrun_rate,
      mean_queue_seconds,
      median_end_to_end_seconds,
      if(level = 'L2' AND first_at_level_at < window_end, dateDiff('millisecond', first_at_level_at, window_end) / 86400000, NULL) AS level_days,
      if(first_result_at < window_end, dateDiff('millisecond', first_result_at, window_end) / 86400000, NULL) AS data_days,
      level_days IS NOT NULL AS level_days_known,
      data_days IS NOT NULL AS data_days_known
    FROM backends
    CROSS JOIN oot_window_ends(to = ${now}, days = ${historyDays}) AS days
    LEFT JOIN jobs ON jobs.downstream_repo = backends.downstream_repo AND jobs.days_ago = days.days_ago
    LEFT JOIN runs ON runs.downstream_repo = backends.downstream_repo AND runs.days_ago = days.days_ago
    LEFT JOIN firsts ON firsts.downstream_repo = backends.downstream_repo
  )`,
];

/** One row a backend, criterion and day. `passes` is NULL where there is no value. */
const judged = (now: string): string[] => [
  ...windows(now),
  sql`
  judged AS (
    SELECT
      downstream_repo,
      level,
      days_ago,
      window_end,
      arrayJoin([
        ${criteria.map((criterion, index) => judgement(criterion, index + 1)).join(',\n        ')}
      ]) AS judgement,
      judgement.1 AS position,
      judgement.2 AS value,
      judgement.3 AS basis,
      judgement.4 AS passes
    FROM measured
    WHERE level NOT IN ('L3', 'L4') OR position <= ${criteria.filter(({ isForPromotion }) => !isForPromotion).length}
  )`,
];

const judgement = ({ column, comparison, limit, basis }: Criterion, position: number): string =>
  `(${position}, CAST(${column} AS Nullable(Float64)), toUInt64(${basis.column}), CAST(${column} ${comparison} ${settingSql(limit)} AS Nullable(UInt8)))`;

/** An expression that picks, by a row's criterion, one of one SQL expression each. */
const byCriterion = (pick: (criterion: Criterion) => string): string =>
  `multiIf(${criteria.map((criterion, index) => `position = ${index + 1}, ${pick(criterion)}`).join(', ')}, '')`;

/** One row a backend and criterion, as of now, and for how many days it has been so. */
const scored = (now: string): string[] => [
  ...judged(now),
  sql`
  scored AS (
    SELECT
      downstream_repo,
      level,
      position,
      ${byCriterion(({ words }) => `'${words}'`)} AS criterion,
      ${byCriterion(requirementSql)} AS needed,
      anyIf(value, days_ago = 0) AS current,
      anyIf(basis, days_ago = 0) AS current_basis,
      arrayMap(day -> day.2, arraySort(groupArray((days_ago, ifNull(passes, 2))))) AS days,
      ['fail', 'pass', 'unknown'][days[1] + 1] AS verdict,
      arrayFirstIndex(day -> day != 1, days) AS first_not_held,
      arrayFirstIndex(day -> day != 0, days) AS first_not_broken,
      if(first_not_held = 0, length(days), toUInt64(first_not_held - 1)) AS days_held,
      if(first_not_broken = 0, length(days), toUInt64(first_not_broken - 1)) AS days_broken,
      ${byCriterion((criterion) => `ifNull(${shownValue(criterion, 'current')}, 'unknown')`)} AS shown_value,
      ${byCriterion(({ basis }) => `concat(toString(current_basis), ' ${basis.words}')`)} AS based_on,
      multiIf(
        verdict = 'pass', '',
        verdict = 'fail', concat(criterion, ' ', shown_value, ', needs ', needed),
        concat(criterion, ' unknown: ', ${byCriterion(({ unknown }) => `'${unknown}'`)})) AS missing
    FROM judged
    GROUP BY downstream_repo, level, position
  )`,
];

const currentOf = (column: CriterionColumn): string =>
  `anyIf(current, position = ${criteria.findIndex((criterion) => criterion.column === column) + 1}) AS ${column}`;

/** One row a backend: the verdict, and the value of each criterion. */
const summed = (now: string): string[] => [
  ...scored(now),
  sql`
  summed AS (
    SELECT
      downstream_repo,
      level,
      countIf(verdict = 'fail') AS broken,
      countIf(verdict = 'unknown') AS unknown,
      min(days_held) AS all_held_days,
      multiIf(
        level = '', 'not registered',
        level = 'L1', 'not a candidate',
        level = 'L2' AND broken > 0, 'not ready',
        broken > 0, 'demotion signal',
        unknown > 0, 'unknown',
        level = 'L2', 'ready',
        'holds level') AS overall,
      multiIf(
        overall = 'not registered', 'not in the allowlist',
        overall = 'not a candidate', 'for L1 the relay forwards nothing',
        arrayStringConcat(arrayMap(entry -> entry.2, arraySort(groupArrayIf((position, missing), missing != ''))), '; ')) AS all_missing,
      ${criteria.map(({ column }) => currentOf(column)).join(',\n      ')},
      anyIf(current_basis, position = 1) AS counted_jobs
    FROM scored
    GROUP BY downstream_repo, level
  )`,
];

/** How many backends come to which verdict: one row, a number each. */
export const verdictCounts = (now = currentTime): string =>
  withParts(
    summed(now),
    sql`
  SELECT
    countIf(overall = 'ready') AS ready,
    countIf(overall = 'not ready') AS not_ready,
    countIf(overall = 'demotion signal') AS demotion_signals,
    countIf(overall = 'unknown') AS unknown
  FROM summed
  WHERE ${where('level', 'backend')}`,
  );

/** One row a backend, worst first. */
export const readinessByBackend = (now = currentTime): string =>
  withParts(
    summed(now),
    sql`
  SELECT
    downstream_repo,
    level,
    overall,
    ${criteria.map(({ column }) => column).join(',\n    ')},
    all_held_days,
    counted_jobs,
    all_missing AS missing
  FROM summed
  WHERE ${where('level', 'backend')}
  ORDER BY indexOf([${list(verdicts)}], overall), broken DESC, unknown DESC, downstream_repo`,
  );

/** One row a backend and criterion; what is broken first, within a backend in the order of the criteria. */
export const readinessByCriterion = (now = currentTime): string =>
  withParts(
    scored(now),
    sql`
  SELECT
    downstream_repo,
    level,
    criterion,
    shown_value,
    needed,
    verdict,
    days_held,
    days_broken,
    based_on,
    missing
  FROM scored
  WHERE ${where('level', 'backend')}
  ORDER BY countIf(verdict = 'fail') OVER (PARTITION BY downstream_repo) DESC, downstream_repo, position`,
  );

/** A criterion's value over the window that ends on each day, one series a backend. */
export const criterionTrend = (column: CriterionColumn, now = currentTime): string =>
  withParts(
    windows(now),
    sql`
  SELECT window_end AS time, downstream_repo AS backend, ${column}
  FROM measured
  WHERE ${column} IS NOT NULL
    AND ${where('level', 'backend')}
  ORDER BY time, backend`,
  );
