import { config } from '../config';
import { isBad, sql } from '../sql';
import { countedEvent, historyDays, type CriterionColumn } from './readiness-criteria';

const { windowDays, overrunHours } = config.readiness;

/** A query of named parts, each of which reads those before it. */
export const withParts = (parts: readonly string[], select: string): string =>
  `WITH\n${parts.join(',\n')}\n${select}`;

/** Of jobs, how many count, and how many of these are what. */
const counts = sql`
        countIf(is_counted) AS counted,
        countIf(is_counted AND is_as_expected) AS good,
        countIf(${isBad} AND outcome = 'timed_out') AS timeouts,
        countIf(is_counted AND duration_seconds IS NOT NULL) AS timed,
        countIf(is_counted AND duration_seconds > ${overrunHours * 3600}) AS overruns`;

/** Columns from these counts. */
const jobMeasures = (count: (name: string) => string): string => sql`
      ${count('counted')} AS counted_jobs,
      if(counted_jobs = 0, NULL, ${count('good')} / counted_jobs) AS success_rate,
      if(counted_jobs = 0, NULL, ${count('timeouts')} / counted_jobs) AS timeout_rate,
      ${count('timed')} AS timed_jobs,
      if(timed_jobs = 0, NULL, ${count('overruns')} / timed_jobs) AS overrun_rate`;

/** One row a backend: what its jobs come to in the window that ends now. */
export const currentJobs = (now: string): string => sql`
    SELECT
      downstream_repo,
${counts},
${jobMeasures((name) => name)}
    FROM oot_jobs_as_of(from = ${now} - INTERVAL ${windowDays} DAY, to = ${now}, at = ${now})
    WHERE event_type = '${countedEvent}'
    GROUP BY downstream_repo`;

/** The same of its runs. */
export const currentRuns = (now: string): string => sql`
    SELECT
      downstream_repo,
      count(queue_seconds) AS queue_runs,
      avg(queue_seconds) AS mean_queue_seconds,
      count(end_to_end_seconds) AS end_to_end_runs,
      quantileExactInclusive(0.5)(end_to_end_seconds) AS median_end_to_end_seconds
    FROM oot_runs_as_of(from = ${now} - INTERVAL ${windowDays} DAY, to = ${now}, at = ${now})
    WHERE event_type = '${countedEvent}'
    GROUP BY downstream_repo`;

/**
 * The part `jobs`: one row a backend and window that ends on one of the last `historyDays`, from its jobs. A job is newest
 * in neighbouring windows, so jobs are first summed up by where that begins and ends, and then to each window.
 */
const windowJobs = (now: string): string => sql`
  jobs AS (
    SELECT
      downstream_repo,
      arrayJoin(range(toUInt16(last_days_ago), toUInt16(first_days_ago + 1))) AS days_ago,
${jobMeasures((name) => `sum(${name})`)}
    FROM (
      SELECT
        downstream_repo,
        last_days_ago,
        first_days_ago,
${counts}
      FROM oot_jobs_rolling(to = ${now}, days = ${historyDays}, window_days = ${windowDays})
      WHERE event_type = '${countedEvent}'
      GROUP BY downstream_repo, last_days_ago, first_days_ago
    )
    GROUP BY downstream_repo, days_ago
  )`;

/** The part `runs`: the same from its runs, which are in every window that ends in the days after their first job. */
const windowRuns = (now: string): string => sql`
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
      FROM oot_runs_as_of(from = ${now} - INTERVAL ${windowDays + historyDays} DAY, to = ${now}, at = ${now})
      WHERE event_type = '${countedEvent}'
      GROUP BY downstream_repo, day, is_recent
    ) AS run
    CROSS JOIN oot_window_ends(to = ${now}, days = ${historyDays}) AS window
    WHERE if(days_ago = 0, is_recent, day >= window_end - INTERVAL ${windowDays} DAY AND day < window_end)
    GROUP BY downstream_repo, days_ago
  )`;

type Part = 'jobs' | 'runs' | 'firsts';

/** What the criteria are measured by: the columns that each part knows, and SQL of those that it only helps to know. */
const measures: Record<Part, Record<string, string | null>> = {
  jobs: { counted_jobs: null, timed_jobs: null, success_rate: null, timeout_rate: null, overrun_rate: null },
  runs: {
    queue_runs: null,
    end_to_end_runs: null,
    mean_queue_seconds: null,
    median_end_to_end_seconds: null,
  },
  firsts: {
    level_days:
      "if(level = 'L2' AND first_at_level_at < window_end, dateDiff('millisecond', first_at_level_at, window_end) / 86400000, NULL)",
    data_days:
      "if(first_result_at < window_end, dateDiff('millisecond', first_result_at, window_end) / 86400000, NULL)",
    level_days_known: 'level_days IS NOT NULL',
    data_days_known: 'data_days IS NOT NULL',
  },
};

const allParts = Object.keys(measures) as Part[];

const columnsOf = (part: Part): string[] =>
  Object.entries(measures[part]).map(([column, value]) =>
    value === null ? column : `${value} AS ${column}`,
  );

/** Which part measures a criterion. */
export const partOf = (column: CriterionColumn): Part => {
  const part = allParts.find((one) => column in measures[one]);
  if (!part) throw new Error(`no part measures ${column}`);
  return part;
};

/** When a backend's first results came, over all time. */
const firsts = (now: string): string => sql`
  firsts AS (
    SELECT
      downstream_repo,
      minOrNullIf(received_at, event_type = '${countedEvent}') AS first_result_at,
      minOrNullIf(received_at, downstream_repo_level = 'L2') AS first_at_level_at
    FROM oot_attempts
    WHERE received_at < ${now}
    GROUP BY downstream_repo
  )`;

/**
 * One row a backend and day of the last `historyDays`: the value of each criterion over the window that ends then, of
 * those that the parts measure. Each part reads weeks: a panel that shows one criterion asks for one.
 */
export const windows = (now: string, parts: readonly Part[] = allParts): string[] => [
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
  ...parts.map((part) => ({ jobs: windowJobs, runs: windowRuns, firsts })[part](now)),
  sql`
  measured AS (
    SELECT
      backends.downstream_repo AS downstream_repo,
      level,
      days.days_ago AS days_ago,
      window_end,
      ${parts.flatMap(columnsOf).join(',\n      ')}
    FROM backends
    CROSS JOIN oot_window_ends(to = ${now}, days = ${historyDays}) AS days
    ${parts.map(joined).join('\n    ')}
  )`,
];

const joined = (part: Part): string =>
  `LEFT JOIN ${part} ON ${part}.downstream_repo = backends.downstream_repo${part === 'firsts' ? '' : ` AND ${part}.days_ago = days.days_ago`}`;
