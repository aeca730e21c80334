import { settingSql } from '../settings';
import { quoted, sql, where } from '../sql';
import {
  criteria,
  requirementSql,
  shownValue,
  type Criterion,
  type CriterionColumn,
} from './readiness-criteria';
import { measureOf, windowCounts } from './readiness-measures';

/*
 * The criteria look at their own windows, which end now, whatever the dashboard's time range is. `at` asks for those of
 * another time.
 */

/** A query of named parts, each of which reads those before it. */
const withParts = (parts: readonly string[], select: string): string =>
  `WITH\n${parts.join(',\n')}\n${select}`;

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

/** One row a backend, criterion and day. `passes` is NULL where there is no value. */
const judged = (at?: string): string[] => [
  sql`
  judged AS (
    SELECT
      downstream_repo,
      level,
      days_ago,
      arrayJoin([
        ${criteria.map((criterion, index) => judgement(criterion, index + 1)).join(',\n        ')}
      ]) AS judgement,
      judgement.1 AS position,
      judgement.2 AS value,
      judgement.3 AS basis,
      judgement.4 AS passes
    FROM (
    ${windowCounts(at)}
    )
    WHERE level NOT IN ('L3', 'L4') OR position <= ${criteria.filter(({ isForPromotion }) => !isForPromotion).length}
  )`,
];

const judgement = ({ column, comparison, limit }: (typeof criteria)[number], position: number): string => {
  const { value, basis } = measureOf(column);
  return `(${position}, CAST(${value} AS Nullable(Float64)), toUInt64(${basis}), CAST(${value} ${comparison} ${settingSql(limit)} AS Nullable(UInt8)))`;
};

/** An expression that picks, by a row's criterion, one of one SQL expression each. */
const byCriterion = (pick: (criterion: Criterion) => string): string =>
  `multiIf(${criteria.map((criterion, index) => `position = ${index + 1}, ${pick(criterion)}`).join(', ')}, '')`;

/** One row a backend and criterion, as of now, and for how many days it has been so. */
const scored = (at?: string): string[] => [
  ...judged(at),
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
      ${byCriterion(({ basis }) => `concat(toString(current_basis), ' ${basis}')`)} AS based_on,
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
const summed = (at?: string): string[] => [
  ...scored(at),
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
        -- Not said with AND: ClickHouse compares what is under each one anew.
        broken > 0, if(level = 'L2', 'not ready', 'demotion signal'),
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
export const verdictCounts = (at?: string): string =>
  withParts(
    summed(at),
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
export const readinessByBackend = (at?: string): string =>
  withParts(
    summed(at),
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
  ORDER BY indexOf([${quoted(verdicts)}], overall), broken DESC, unknown DESC, downstream_repo`,
  );

/** One row a backend and criterion; what is broken first, within a backend in the order of the criteria. */
export const readinessByCriterion = (at?: string): string =>
  withParts(
    scored(at),
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
export const criterionTrend = (column: CriterionColumn, at?: string): string => sql`
  SELECT window_end AS time, downstream_repo AS backend, ${measureOf(column).value} AS ${column}
  FROM (
  ${windowCounts(at)}
  )
  WHERE ${column} IS NOT NULL
    AND ${where('level', 'backend')}
  ORDER BY time, backend`;
