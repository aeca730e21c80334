import { config } from '../config';
import { largest, percent, settingSql, settingText, type Setting } from '../settings';
import { quoted, sql, where } from '../sql';
import { backendsAt, resultsByMoment, silence, silenceAt, summaryFilters } from './backend-results';
import {
  atEnd,
  backendAndMoment,
  byHourOrDay,
  byMoment,
  ever,
  evenly,
  overMoments,
  toMs,
  untilThen,
  type Moments,
} from './moments';

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

const own = (value: Setting) => settingSql(value);
const { lastJobs, minJobs, brokenJobs, maxAgeDays, failingUnder } = config.state;

/** Columns for a query over {@link jobsByMoment}: the newest counted jobs, and what they come to. */
const lastJobsColumns = (moments: Moments): string => sql`
        -- Newest first: when it was received, and whether it ended as expected.
        arrayFilter(
            job -> job.1 >= at - ${own(maxAgeDays)} * 86400000,
            arrayMap(
                code -> (intDiv(-code, 2), bitTest(-code, 0)),
                arraySlice(${untilThen(moments, `groupArraySortedMerge(${largest(lastJobs)})(newest_counted)`, 'newest_counted')}, 1, ${own(lastJobs)}))) AS last_jobs,
        length(last_jobs) AS last_count,
        arrayCount(job -> job.2, last_jobs) / last_count AS last_rate,
        arrayFirstIndex(job -> job.2, last_jobs) AS first_good,
        if(first_good = 0, last_count, toUInt64(first_good - 1)) AS bad_streak`;

/** One row a backend and moment before which it had a job that came after the moment before. */
const jobsByMoment = (moments: Moments, condition: string): string => {
  const { columns, keys } = byMoment(moments, 'toUnixTimestamp64Milli(received_at)');
  const newest = `groupArraySorted${moments.inRange === null ? '' : 'State'}If(${largest(lastJobs)})`;
  return sql`
        SELECT
            ${columns},
            -- Ascending by a number that is lower the newer a job is, and lower still when it is a good one.
            ${newest}(-(toUnixTimestamp64Milli(received_at) * 2 + is_as_expected), is_counted) AS newest_counted,
            maxIf(toUnixTimestamp64Milli(received_at), is_overdue) AS newest_overdue_ms,
            countIf(outcome = 'running' AND NOT is_overdue) AS running_jobs
        FROM oot_jobs_as_of(from = ${moments.from} - INTERVAL ${largest(maxAgeDays)} DAY, to = $__toTime_ms, at = $__toTime_ms)
        WHERE ${condition}
        GROUP BY ${keys}`;
};

/** One row a registered backend: its newest counted jobs at the end of the range. */
export const lastJobsAtEnd = sql`
    SELECT
        downstream_repo, level, oncalls, at,
${lastJobsColumns(atEnd)}
    FROM (
    ${backendsAt(atEnd, [])}
    ) AS backends
    LEFT JOIN (
    ${jobsByMoment(atEnd, '1')}
    ) AS jobs USING (${backendAndMoment(atEnd)})`;

/**
 * One row a registered backend and moment `at` (Unix milliseconds): its state in a word, and what it was decided by. A
 * job counts at the moments after it was received, with the outcome that was known at the end of the range; of two jobs
 * received in the same millisecond the good one counts as newer. What is overdue or running is only known then, so only
 * the end of the range can be in these states. Jobs and results are read once, however many moments there are.
 */
export const statesAt = (moments: Moments, filterNames = summaryFilters): string => {
  const condition = where(...filterNames);
  const joined = backendAndMoment(moments);
  return sql`
    SELECT
        downstream_repo, level, oncalls, at,
        ${silence(moments)},
${lastJobsColumns(moments)},
        bad_streak >= ${own(brokenJobs)} AS is_broken,
        last_count >= ${own(minJobs)} AND last_rate < ${own(failingUnder)} AS is_failing,
        multiIf(
            is_silent, 'silent',
            is_broken, 'broken',
            is_failing, 'failing',
            at = ${toMs} AND ${ever(moments, 'max', 'newest_overdue_ms')} > if(last_count = 0, at - ${own(maxAgeDays)} * 86400000 - 1, last_jobs[1].1), 'overdue',
            last_count >= ${own(minJobs)} AND last_rate < ${config.successRate.good}, 'unstable',
            last_count >= ${own(minJobs)}, 'healthy',
            at = ${toMs} AND ${ever(moments, 'sum', 'running_jobs')} > 0, 'running',
            last_result_ms > 0, 'too few jobs',
            'no data') AS state
    FROM (
    ${backendsAt(moments, filterNames)}
    ) AS backends
    LEFT JOIN (
    ${jobsByMoment(moments, condition)}
    ) AS jobs USING (${joined})
    LEFT JOIN (
    ${resultsByMoment(moments, condition)}
    ) AS results USING (${joined})
    ${overMoments(moments)}`;
};

const codes = quoted(backendStates);

/** The state's number in {@link backendStates}. */
const code = `toUInt8(indexOf([${codes}], state))`;

/** Each backend's state by hour or day, as a number: a string would become a label of its series. */
export const stateTimelineSql = () => sql`
    SELECT fromUnixTimestamp64Milli(at) AS time, downstream_repo AS backend, ${code} AS state_code
    FROM (
    ${statesAt(byHourOrDay)}
    )
    ORDER BY time, backend`;

const bad = quoted(badStates);

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

/**
 * How many backends are broken or failing, over time; the last is that of the end of the range. By what decides that alone:
 * what comes after it would be read and decided for nothing.
 */
export const failingBackendsSql = () =>
  countOverTime(
    statesAt(evenly),
    'multiIf(is_silent, false, is_broken, true, is_failing)',
    'failing_backends',
  );

/** How many are silent, which counts before all else, so that it needs no look at their jobs. */
export const silentBackendsSql = () => countOverTime(silenceAt(evenly), 'is_silent', 'silent_backends');

const countOverTime = (backends: string, condition: string, column: string) => sql`
    SELECT
        fromUnixTimestamp64Milli(at) AS time,
        countIf(${condition}) AS ${column}
    FROM (
    ${backends}
    )
    GROUP BY time
    ORDER BY time`;
