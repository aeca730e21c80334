import { config } from '../config';
import { largest, percent, settingSql, settingText, type Setting } from '../settings';
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

/** Moments at which to look, ascending, as a list of Unix milliseconds; the last is the end of the range. */
export type Moments = {
  list: string;
  /** A time that none of them is before. A view with parameters takes no element of the list. */
  from: string;
};

/** The end of the range alone. */
export const atEnd: Moments = { list: `[${toMs}]`, from: '$__toTime_ms' };

/** 24 evenly spaced ones. */
export const evenly: Moments = {
  list: `arrayMap(i -> ${fromMs} + intDiv((${toMs} - ${fromMs}) * i, 24), range(1, 25))`,
  from: '$__fromTime_ms',
};

/** The length of a cell of what goes by hour or, over more than 8 days, by day: milliseconds. */
const cellMs = `if(${toMs} - ${fromMs} <= 8 * 86400000, 3600000, 86400000)`;

/** Both ends of the range, and each full hour (or day, UTC) between them. */
export const byHourOrDay: Moments = {
  list: sql`arrayDistinct(arrayConcat(
    [${fromMs}],
    arrayMap(i -> i * ${cellMs}, range(intDiv(${fromMs}, ${cellMs}) + 1, intDiv(${toMs} - 1, ${cellMs}) + 1)),
    [${toMs}]))`,
  from: '$__fromTime_ms',
};

/** Variables that decide what is looked at; each page passes those that it has. */
const summaryFilters: readonly Filter[] = ['level', 'backend', 'upstream', 'eventType'];

/**
 * One row a registered backend and moment `at` (Unix milliseconds): its state in a word, and what it was decided by. A job counts at the moments after it was received, with the outcome that was known at the
 * end of the range; of two jobs received in the same millisecond the good one counts as newer. What is overdue or
 * running is only known then, so only the end of the range can be in these states.
 *
 * What came between two moments is summed up at the later one, and each moment then adds up what came before it: so
 * jobs and results are read once, however many moments there are.
 */
export const statesAt = (moments: Moments, filterNames = summaryFilters): string => {
  const jobFilters = where(...filterNames);
  const backendFilters = where(...filterNames.filter((name) => name === 'level' || name === 'backend'));
  const own = (value: Setting) => settingSql(value);
  const { lastJobs, minJobs, brokenJobs, maxAgeDays, failingUnder } = config.state;
  const { perPullRequest, nightlyOnly } = config.silentHours;
  return sql`
    SELECT
        downstream_repo, level, oncalls, at,
        -- 0 is "never".
        max(newest_result_ms) OVER until_then AS last_result_ms,
        if(max(has_other_events) OVER ever = 0, ${own(nightlyOnly)}, ${own(perPullRequest)}) AS silent_hours,
        -- Newest first: when it was received, and whether it ended as expected.
        arrayFilter(
            job -> job.1 >= at - ${own(maxAgeDays)} * 86400000,
            arrayMap(
                code -> (intDiv(-code, 2), bitTest(-code, 0)),
                arraySlice(groupArraySortedMerge(${largest(lastJobs)})(newest_counted) OVER until_then, 1, ${own(lastJobs)}))) AS last_jobs,
        length(last_jobs) AS last_count,
        arrayCount(job -> job.2, last_jobs) / last_count AS last_rate,
        arrayFirstIndex(job -> job.2, last_jobs) AS first_good,
        if(first_good = 0, last_count, toUInt64(first_good - 1)) AS bad_streak,
        multiIf(
            last_result_ms > 0 AND at - last_result_ms > silent_hours * 3600000, 'silent',
            bad_streak >= ${own(brokenJobs)}, 'broken',
            last_count >= ${own(minJobs)} AND last_rate < ${own(failingUnder)}, 'failing',
            at = ${toMs} AND max(newest_overdue_ms) OVER ever > if(last_count = 0, at - ${own(maxAgeDays)} * 86400000 - 1, last_jobs[1].1), 'overdue',
            last_count >= ${own(minJobs)} AND last_rate < ${config.successRate.good}, 'unstable',
            last_count >= ${own(minJobs)}, 'healthy',
            at = ${toMs} AND sum(running_jobs) OVER ever > 0, 'running',
            last_result_ms > 0, 'too few jobs',
            'no data') AS state
    FROM (
        SELECT downstream_repo, level, oncalls, arrayJoin(${moments.list}) AS at
        FROM (SELECT repo AS downstream_repo, level, oncalls FROM oot_backends)
        WHERE ${backendFilters}
    ) AS backends
    LEFT JOIN (
        SELECT
            downstream_repo,
            ${momentAfter(moments.list, 'moment_before')} AS at,
            -- Ascending by a number that is lower the newer a job is, and lower still when it is a good one.
            groupArraySortedStateIf(${largest(lastJobs)})(-(toUnixTimestamp64Milli(received_at) * 2 + is_as_expected), is_counted) AS newest_counted,
            maxIf(toUnixTimestamp64Milli(received_at), is_overdue) AS newest_overdue_ms,
            countIf(outcome = 'running' AND NOT is_overdue) AS running_jobs
        FROM oot_jobs_as_of(from = ${moments.from} - INTERVAL ${largest(maxAgeDays)} DAY, to = $__toTime_ms, at = $__toTime_ms)
        WHERE ${jobFilters}
        GROUP BY downstream_repo, ${momentBefore(moments.list, 'toUnixTimestamp64Milli(received_at)')} AS moment_before
    ) AS jobs USING (downstream_repo, at)
    LEFT JOIN (
        SELECT
            downstream_repo,
            ${momentAfter(moments.list, 'moment_before')} AS at,
            max(result_ms) AS newest_result_ms,
            max(event_type NOT IN ('nightly', 'periodic')) AS has_other_events
        FROM (
        ${resultsThatMatter(moments.from, jobFilters)}
        )
        GROUP BY downstream_repo, ${momentBefore(moments.list, 'result_ms - 1')} AS moment_before
    ) AS results USING (downstream_repo, at)
    WINDOW
        until_then AS (PARTITION BY downstream_repo ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
        ever AS (PARTITION BY downstream_repo)`;
};

/** The last of the moments that is not later than a time in milliseconds; 0 where none is. Quick for any row. */
export const momentBefore = (list: string, ms: string) => `roundDown(${ms}, arrayConcat([0], ${list}))`;

/** The one that follows it; 0 where none does. It searches the list: for groups, not for rows. */
export const momentAfter = (list: string, moment: string) => `(${list})[indexOf(${list}, ${moment}) + 1]`;

/**
 * When an attempt's outcome arrived, NULL while it runs. Items that HUD's own code wrote don't say; of these,
 * when they were received.
 */
export const resultAt = `if(outcome = 'running', NULL, ifNull(outcome_at, received_at))`;

/**
 * Results of registered backends, without those that can't matter: of a backend that had a result of a PR or push in
 * the two days before the first moment, all older ones. Others are read whole: they are few, silent, or only run by
 * the clock. In two parts, so that each finds its index: attempts by their day, and results that came long after
 * their attempt.
 */
const resultsThatMatter = (firstMoment: string, condition: string): string => {
  const since = `${firstMoment} - INTERVAL 2 DAY`;
  const ended = `outcome != 'running' AND received_at < $__toTime_ms AND ${condition}`;
  const busy = sql`
            SELECT downstream_repo
            FROM oot_attempts
            WHERE received_at >= ${since} AND received_at < ${firstMoment}
              AND event_type NOT IN ('nightly', 'periodic') AND ${resultAt} < ${firstMoment} AND ${ended}`;
  const columns = `downstream_repo, event_type, toUnixTimestamp64Milli(assumeNotNull(${resultAt})) AS result_ms`;
  return sql`
            SELECT ${columns}
            FROM oot_attempts
            WHERE (received_at >= ${since} OR downstream_repo IN (
            SELECT repo
            FROM oot_backends
            WHERE repo NOT IN (
            ${busy}))) AND ${ended}
            UNION ALL
            ${lateResults(since, columns, ended)}`;
};

/** Results that came since, of attempts that were received before. */
export const lateResults = (since: string, columns: string, condition: string): string => sql`
            SELECT ${columns}
            FROM oot_attempts
            WHERE received_at < ${since} AND ifNull(outcome_at, received_at) >= ${since} AND ${condition}`;

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
