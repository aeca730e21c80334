import { config } from '../config';
import { largest, settingSql, type Setting } from '../settings';
import { filters, sql } from '../sql';
import { ofBackend } from './backend';
import { statesAt } from './backend-states';
import { atEnd } from './moments';

const { brokenJobs, maxAgeDays } = config.state;

/** Of a setting, what holds for the backend of the page; it may be one that is not registered. */
const ofThisBackend = (setting: Setting): string => {
  const own = settingSql(setting);
  return own === settingSql({ ...setting, levels: {}, backends: {} })
    ? own
    : `ifNull((SELECT any(${own}) FROM (SELECT repo AS downstream_repo, level FROM oot_backends WHERE ${ofBackend})), ${setting.default})`;
};

/** A backend's state is its own, not that of a workflow or job of it. */
const ofBackendAndEvent = `${ofBackend} AND ${filters.eventType}`;

/** The state in a word at the end of the range, decided where the summary decides it; no row if not registered. */
export const stateSql = () => sql`
  SELECT state
  FROM (
  ${statesAt(atEnd, ['backend', 'eventType'])}
  )`;

/**
 * One row a streak of counted jobs (received at or after `from`, and meeting `condition`) that went bad, or as expected, in a
 * row; `next_at` is NULL while it goes on.
 */
const streaksFrom = (from: string, condition = '1') => sql`
  SELECT
    is_bad,
    began_at,
    jobs,
    leadInFrame(toNullable(began_at)) OVER (ORDER BY first_number ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS next_at
  FROM
  (
    SELECT is_bad, min(received_at) AS began_at, min(number) AS first_number, count() AS jobs
    FROM
    (
      SELECT
        received_at,
        NOT is_as_expected AS is_bad,
        row_number() OVER (ORDER BY received_at, dynamoKey) AS number,
        row_number() OVER (PARTITION BY is_as_expected ORDER BY received_at, dynamoKey) AS number_of_kind
      FROM oot_jobs_between(from = ${from}, to = $__toTime_ms)
      WHERE ${ofBackendAndEvent} AND is_counted AND ${condition}
    )
    GROUP BY is_bad, number - number_of_kind
  )`;

const ever = 'toDateTime64(0, 3)';
const onLastDay = 'received_at >= $__toTime_ms - INTERVAL 1 DAY';

/**
 * When the streak of bad jobs began in which the backend is at the end of the range; no row where in none. It may be older
 * than the range, so the jobs of all time are read, but only where none of the last day ended as expected.
 */
export const badSinceSql = () => sql`
  SELECT began_at AS bad_since, jobs
  FROM (
  ${streaksFrom(ever, `(${onLastDay} OR (SELECT count() = 0 FROM oot_jobs_between(from = ${ever}, to = $__toTime_ms) WHERE ${onLastDay} AND ${ofBackendAndEvent} AND is_counted AND is_as_expected))`)}
  )
  WHERE is_bad AND next_at IS NULL`;

/** A streak counts whole although it began before the range. */
const longBadStreaks = () => sql`
  SELECT began_at, jobs, next_at
  FROM (
  ${streaksFrom(`$__fromTime_ms - INTERVAL ${largest(maxAgeDays)} DAY`)}
  )
  WHERE is_bad AND jobs >= ${ofThisBackend(brokenJobs)}`;

/** Regions in which the backend was broken; one that goes on ends with the range. */
export const brokenAnnotationSql = () => sql`
  SELECT
    began_at AS time,
    ifNull(next_at, $__toTime_ms) AS timeEnd,
    'Broken' AS title,
    concat(toString(jobs), ' jobs in a row did not end as expected', if(next_at IS NULL, ', and it goes on', '')) AS text,
    'broken' AS tags
  FROM (
  ${longBadStreaks()}
  )
  WHERE ifNull(next_at, $__toTime_ms) >= $__fromTime_ms
  ORDER BY time`;

/** The first job as expected after such a region. */
export const recoveredAnnotationSql = () => sql`
  SELECT
    assumeNotNull(next_at) AS time,
    'Recovered' AS title,
    concat('A job ended as expected, after ', toString(jobs), ' that did not') AS text,
    'recovered' AS tags
  FROM (
  ${longBadStreaks()}
  )
  WHERE next_at >= $__fromTime_ms
  ORDER BY time`;
