import { config } from '../config';
import { isBad, sql } from '../sql';
import { onActivityDays } from './activity-days';
import { countedEvent, historyDays, type CriterionColumn } from './readiness-criteria';

const { windowDays, overrunHours } = config.readiness;

const isOfCountedEvent = `event_type = '${countedEvent}'`;

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

/** One row a backend that meets the condition: what its jobs come to in the window that ends now. */
export const currentJobs = (now: string, condition: string): string => sql`
    SELECT
      downstream_repo,
${counts},
${jobMeasures((name) => name)}
    FROM oot_jobs_as_of(from = ${now} - INTERVAL ${windowDays} DAY, to = ${now}, at = ${now})
    WHERE ${isOfCountedEvent} AND ${condition}
    GROUP BY downstream_repo`;

/** The same of its runs. */
export const currentRuns = (now: string, condition: string): string => sql`
    SELECT
      downstream_repo,
      count(queue_seconds) AS queue_runs,
      avg(queue_seconds) AS mean_queue_seconds,
      count(end_to_end_seconds) AS end_to_end_runs,
      quantileExactInclusive(0.5)(end_to_end_seconds) AS median_end_to_end_seconds
    FROM oot_runs_as_of(from = ${now} - INTERVAL ${windowDays} DAY, to = ${now}, at = ${now})
    WHERE ${isOfCountedEvent} AND ${condition}
    GROUP BY downstream_repo`;

/** Days since 1970 (UTC) of a time: cheaper than a date, for every attempt of weeks. */
const dayOf = (time: string): string => `intDiv(toUnixTimestamp64Milli(${time}), 86400000)`;

/** Windows of `windowDays`: the one that ends now (`days_ago` 0), and those that end at the `days` - 1 midnights before. */
export type Windows = { now: string; days: number; windowDays: number };

/** Of an attempt, as columns to group by, all that decides in which windows it is its job's newest. */
export const attemptInWindows = ({ now, windowDays }: Windows): string => sql`
        ${dayOf('received_at')} AS received_day,
        ${dayOf('newest_after')} AS after_day,
        ${dayOf('newest_until')} AS until_day,
        received_at >= ${now} - INTERVAL ${windowDays} DAY
          AND newest_after < ${now} - INTERVAL ${windowDays} DAY
          AND newest_until >= ${now} AS is_current`;

/** The same of a run, which is in all windows that hold its first job. */
const runInWindows = ({ now, windowDays }: Windows): string => sql`
        ${dayOf('received_at')} AS received_day,
        received_at >= ${now} - INTERVAL ${windowDays} DAY AS is_current`;

/**
 * The windows that hold an attempt (or `'run'`), a list of `days_ago`, from these columns. Windows that end at midnight
 * begin at midnight, so days decide.
 */
export const windowsThatHold = (
  { now, days, windowDays }: Windows,
  what: 'attempt' | 'run' = 'attempt',
): string => {
  const lastDay = dayOf(`(${now} - INTERVAL 1 MILLISECOND)`);
  const isAttempt = what === 'attempt';
  const first = [
    '1',
    `${lastDay} + ${1 - windowDays} - received_day`,
    ...(isAttempt ? [`${lastDay} + 1 - until_day`] : []),
  ];
  const last = [
    String(days - 1),
    `${lastDay} - received_day`,
    ...(isAttempt ? [`${lastDay} - ${windowDays} - after_day`] : []),
  ];
  return `arrayConcat(if(is_current, [0], []), range(arrayMax([${first.join(', ')}]), arrayMin([${last.join(', ')}]) + 1))`;
};

const ofNow = (now: string): Windows => ({ now, days: historyDays, windowDays });

/**
 * The part `jobs`: one row a backend and window, from its jobs. They are first summed up by what decides in which windows
 * they are, and then to each window: from one reading, what oot_jobs_as_of shows for each of the windows.
 */
const windowJobs = (now: string): string => sql`
  jobs AS (
    SELECT
      downstream_repo,
      toUInt16(arrayJoin(${windowsThatHold(ofNow(now))})) AS days_ago,
${jobMeasures((name) => `sum(${name})`)}
    FROM (
      SELECT
        downstream_repo,
${attemptInWindows(ofNow(now))},
${counts}
      FROM oot_attempts_as_of(at = ${now})
      WHERE received_at >= ${now} - INTERVAL ${windowDays + historyDays} DAY
        AND ${isOfCountedEvent}
      GROUP BY downstream_repo, received_day, after_day, until_day, is_current
    )
    GROUP BY downstream_repo, days_ago
  )`;

/** The part `runs`: the same from its runs. */
const windowRuns = (now: string): string => sql`
  runs AS (
    SELECT
      downstream_repo,
      toUInt16(arrayJoin(${windowsThatHold(ofNow(now), 'run')})) AS days_ago,
      sum(queued) AS queue_runs,
      if(queue_runs = 0, NULL, sum(queued_seconds) / queue_runs) AS mean_queue_seconds,
      sum(ended) AS end_to_end_runs,
      quantileExactInclusiveMerge(0.5)(median_state) AS median_end_to_end_seconds
    FROM (
      SELECT
        downstream_repo,
${runInWindows(ofNow(now))},
        count(queue_seconds) AS queued,
        sum(queue_seconds) AS queued_seconds,
        count(end_to_end_seconds) AS ended,
        quantileExactInclusiveState(0.5)(end_to_end_seconds) AS median_state
      FROM oot_runs_as_of(from = ${now} - INTERVAL ${windowDays + historyDays} DAY, to = ${now}, at = ${now})
      WHERE ${isOfCountedEvent}
      GROUP BY downstream_repo, received_day, is_current
    )
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

const isAtLevel = "downstream_repo_level = 'L2'";

/** When a backend's first results came, over all time: on the first day that is certain to have one, or before it. */
const firsts = (now: string): string => {
  const firstDay = (what: string) =>
    `minOrNullIf(received_day, state = 'reported' AND is_intact AND ${what})`;
  const days = onActivityDays({
    known: `${firstDay(isOfCountedEvent)} AS first_day, ${firstDay(isAtLevel)} AS first_day_at_level`,
    holds: `${isOfCountedEvent} AND ifNull(received_day <= first_day, 1) OR ${isAtLevel} AND ifNull(received_day <= first_day_at_level, 1)`,
  });
  return sql`
  firsts AS (
    SELECT
      downstream_repo,
      minOrNullIf(received_at, ${isOfCountedEvent}) AS first_result_at,
      minOrNullIf(received_at, ${isAtLevel}) AS first_at_level_at
    FROM oot_attempts
    WHERE received_at < ${now}
      AND ${days}
    GROUP BY downstream_repo
  )`;
};

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
      -- Where to look, if anywhere.
      AND downstream_repo IN (
        SELECT downstream_repo FROM oot_activity_day WHERE downstream_repo NOT IN (SELECT repo FROM oot_backends)
      )
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
