import { config } from '../config';
import { percent } from '../fields';
import { largest, settingSql, settingText, type Setting } from '../settings';
import { sql, where, type Filter } from '../sql';

/** A backend's state in a word, worst first. Its place, from 1, is its number in a time series. */
export const backendStates = [
  'broken',
  'failing',
  'silent',
  'overdue',
  'unstable',
  'running',
  'healthy',
  'too few jobs',
  'no data',
] as const;

export type BackendState = (typeof backendStates)[number];

/** States in which somebody has to do something. */
export const badStates = ['broken', 'failing', 'silent'] as const satisfies BackendState[];

export const stateCode = (state: BackendState): number => backendStates.indexOf(state) + 1;

/** How each word is decided, for descriptions. */
export const stateRule = (): string => {
  const { lastJobs, minJobs, brokenJobs, maxAgeDays, failingUnder } = config.state;
  const { perPullRequest, nightlyOnly } = config.silentHours;
  return [
    `From the newest ${settingText(lastJobs)} counted jobs (received in the last ${settingText(maxAgeDays)} days), the first that holds:`,
    `silent: no result for ${settingText(perPullRequest)} h (${settingText(nightlyOnly)} h if it only runs nightly and periodic);`,
    `broken: its newest ${settingText(brokenJobs)} all bad;`,
    `failing: under ${settingText(failingUnder, percent)} as expected;`,
    `overdue: an overdue job (over ${config.overdueMinutes} min) is newer than its newest counted one;`,
    `unstable: under ${percent(config.successRate.good)};`,
    `healthy; running: fewer than ${settingText(minJobs)} counted jobs, but some are running;`,
    `too few jobs: fewer than ${settingText(minJobs)}; no data: never a result.`,
    'All as the filters and the end of the time range let it through.',
  ].join(' ');
};

/** Bounds of the dashboard's time range, in milliseconds. */
export const fromMs = 'toUnixTimestamp64Milli($__fromTime_ms)';
export const toMs = 'toUnixTimestamp64Milli($__toTime_ms)';

/** Moments at which to look: the end of the range. */
export const atEnd = `[${toMs}]`;

/** Moments at which to look: 24 evenly spaced ones, the last is the end of the range. */
export const evenly = `arrayMap(i -> ${fromMs} + intDiv((${toMs} - ${fromMs}) * i, 24), range(1, 25))`;

/** The length of a cell of what goes by hour or, over more than 8 days, by day: milliseconds. */
const cellMs = `if(${toMs} - ${fromMs} <= 8 * 86400000, 3600000, 86400000)`;

/** Moments at which to look: both ends of the range, and each full hour (or day, UTC) between them. */
export const byHourOrDay = `arrayDistinct(arrayConcat(
  [${fromMs}],
  arrayMap(i -> i * ${cellMs}, range(intDiv(${fromMs}, ${cellMs}) + 1, intDiv(${toMs} - 1, ${cellMs}) + 1)),
  [${toMs}]))`;

/** Variables that decide what is looked at; each page passes those that it has. */
const summaryFilters: readonly Filter[] = ['level', 'backend', 'upstream', 'eventType'];

/**
 * One row a registered backend and moment `at` (a list of Unix milliseconds): its state in a word, and what it
 * was decided by. A job counts at the moments after it was received, with the outcome that was known at the end of
 * the range; of two jobs received in the same millisecond the good one counts as newer. What is overdue or running
 * is only known then, so only the end of the range can be in these states.
 */
export const statesAt = (at: string, filterNames = summaryFilters): string => {
  const jobFilters = where(...filterNames);
  const backendFilters = where(...filterNames.filter((name) => name === 'level' || name === 'backend'));
  const own = (value: Setting) => settingSql(value);
  const { lastJobs, minJobs, brokenJobs, maxAgeDays, failingUnder } = config.state;
  const { perPullRequest, nightlyOnly } = config.silentHours;
  return sql`
    SELECT
        downstream_repo, level, oncalls, at,
        -- Results may come after the range; arrays are newest first; 0 is "never".
        arrayFirst(result -> result <= at, results) AS last_result_ms,
        if(is_nightly_only, ${own(nightlyOnly)}, ${own(perPullRequest)}) AS silent_hours,
        arrayFirstIndex(job -> job.1 < at, counted) AS first_index,
        arrayFilter(
            job -> job.1 >= at - ${own(maxAgeDays)} * 86400000,
            if(first_index = 0, [], arraySlice(counted, first_index, ${own(lastJobs)}))) AS last_jobs,
        length(last_jobs) AS last_count,
        arrayCount(job -> job.2, last_jobs) / last_count AS last_rate,
        arrayFirstIndex(job -> job.2, last_jobs) AS first_good,
        if(first_good = 0, last_count, toUInt64(first_good - 1)) AS bad_streak,
        multiIf(
            last_result_ms > 0 AND at - last_result_ms > silent_hours * 3600000, 'silent',
            bad_streak >= ${own(brokenJobs)}, 'broken',
            last_count >= ${own(minJobs)} AND last_rate < ${own(failingUnder)}, 'failing',
            at = ${toMs} AND overdue_ms > if(last_count = 0, at - ${own(maxAgeDays)} * 86400000 - 1, last_jobs[1].1), 'overdue',
            last_count >= ${own(minJobs)} AND last_rate < ${config.successRate.good}, 'unstable',
            last_count >= ${own(minJobs)}, 'healthy',
            at = ${toMs} AND running > 0, 'running',
            last_result_ms > 0, 'too few jobs',
            'no data') AS state
    FROM (
        SELECT downstream_repo, level, oncalls, arrayJoin(${at}) AS at
        FROM (SELECT repo AS downstream_repo, level, oncalls FROM oot_backends)
        WHERE ${backendFilters}
    ) AS backends
    LEFT JOIN (
        SELECT
            downstream_repo,
            arrayReverseSort(groupArrayIf((toUnixTimestamp64Milli(received_at), is_as_expected), is_counted)) AS counted,
            maxIf(toUnixTimestamp64Milli(received_at), is_overdue) AS overdue_ms,
            countIf(outcome = 'running' AND NOT is_overdue) AS running
        FROM oot_jobs_as_of(from = $__fromTime_ms - INTERVAL ${largest(maxAgeDays)} DAY, to = $__toTime_ms, at = $__toTime_ms)
        WHERE ${jobFilters}
        GROUP BY downstream_repo
    ) AS jobs USING (downstream_repo)
    LEFT JOIN (${resultTimes(jobFilters)}
    ) AS results USING (downstream_repo)`;
};

/**
 * When an attempt's outcome arrived, NULL while it runs. Items that HUD's own code wrote don't say; of these,
 * when they were received.
 */
export const resultAt = `if(outcome = 'running', NULL, ifNull(outcome_at, received_at))`;

/** Of each backend that ever had a result, all in the range and the newest before it, newest first. */
const resultTimes = (jobFilters: string) => sql`
        SELECT
            downstream_repo,
            arrayReverseSort(arrayPushBack(
                groupArrayIf(result_ms, result_ms >= ${fromMs}), maxIf(result_ms, result_ms < ${fromMs}))) AS results,
            countIf(event_type NOT IN ('nightly', 'periodic') AND result_ms <= ${toMs}) = 0 AS is_nightly_only
        FROM (
            SELECT downstream_repo, event_type, toUnixTimestamp64Milli(assumeNotNull(${resultAt})) AS result_ms
            FROM oot_attempts
            WHERE received_at < $__toTime_ms AND outcome != 'running'
              AND ${jobFilters}
        )
        GROUP BY downstream_repo`;

const codes = backendStates.map((state) => `'${state}'`).join(', ');

/** The state's number in {@link backendStates}. */
const code = `toUInt8(indexOf([${codes}], state))`;

/** Each backend's state by hour or day, as a number: a string would become a label of its series. */
export const stateTimelineSql = () => sql`
    SELECT fromUnixTimestamp64Milli(at) AS time, downstream_repo AS backend, ${code} AS state_code
    FROM (
    ${statesAt(byHourOrDay)}
    )
    ORDER BY time, backend`;

const bad = badStates.map((state) => `'${state}'`).join(', ');

/** When a backend became broken, failing or silent, or was that no more: the first moment at which it shows. */
export const stateChangesSql = () => sql`
    SELECT
        fromUnixTimestamp64Milli(at) AS time,
        concat(downstream_repo, ': ', state) AS title,
        concat('was ', before) AS text,
        [if(is_bad, 'worse', 'better'), level] AS tags
    FROM (
        SELECT
            downstream_repo, level, at, state,
            state IN (${bad}) AS is_bad,
            lagInFrame(state, 1, '') OVER (
                PARTITION BY downstream_repo ORDER BY at ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before
        FROM (
        ${statesAt(byHourOrDay)}
        )
    )
    WHERE before != '' AND is_bad != (before IN (${bad}))
    ORDER BY time, title`;

/** How many backends are in one of these states, over time; the last is that of the end of the range. */
export const backendsInStatesSql = (states: readonly BackendState[], column: string) => sql`
    SELECT
        fromUnixTimestamp64Milli(at) AS time,
        countIf(state IN (${states.map((state) => `'${state}'`).join(', ')})) AS ${column}
    FROM (
    ${statesAt(evenly)}
    )
    GROUP BY time
    ORDER BY time`;
