import { config } from '../config';
import { sql } from '../sql';
import type { CriterionColumn } from './readiness-criteria';

/** How a criterion is worked out of the counts in the views, and SQL of how many jobs, runs or results that comes from. */
type Measure = { from: 'jobs' | 'runs' | 'firsts'; value: string; basis: string };

const share = (from: Measure['from'], some: string, basis: string): Measure => ({
  from,
  value: `if(${basis} = 0, NULL, ${some} / ${basis})`,
  basis,
});

const daysSince = (first: string, condition = '1'): Measure => {
  const isKnown = `${condition} AND ifNull(${first} < window_end, 0)`;
  return {
    from: 'firsts',
    value: `if(${isKnown}, dateDiff('millisecond', ${first}, window_end) / 86400000, NULL)`,
    basis: isKnown,
  };
};

const measures: Record<CriterionColumn, Measure> = {
  success_rate: share('jobs', 'good_jobs', 'counted_jobs'),
  mean_queue_seconds: share('runs', 'all_queue_seconds', 'queue_runs'),
  median_end_to_end_seconds: {
    from: 'runs',
    value: 'median_end_to_end_seconds',
    basis: 'end_to_end_runs',
  },
  timeout_rate: share('jobs', 'timed_out_jobs', 'counted_jobs'),
  overrun_rate: share('jobs', 'overrun_jobs', 'timed_jobs'),
  level_days: daysSince('first_at_level_at', "level = 'L2'"),
  data_days: daysSince('first_result_at'),
};

/** SQL of a criterion's `value`, in the unit of its limit and NULL where nothing is known, and of its `basis`. */
export const measureOf = (column: CriterionColumn): Measure => measures[column];

/**
 * One row a backend and day of the last month: the counts of the window that ends then. As ClickHouse measured them within
 * the last minute, or as it would have at another time.
 */
export const windowCounts = (at?: string): string =>
  at === undefined
    ? sql`
    SELECT * FROM oot_readiness WHERE measured_at >= now() - INTERVAL ${config.pipeline.readinessStaleMinutes} MINUTE`
    : `SELECT * FROM oot_readiness_at(at = ${at})`;

/** One row a backend: a criterion's `value` and `basis` over the window that ends at the time. */
export const currentMeasure = (column: CriterionColumn, at: string, condition: string): string => {
  const { from, value, basis } = measures[column];
  if (from === 'firsts') throw new Error(`${column} is not about a window`);
  return sql`
    SELECT downstream_repo, ${value} AS measured, ${basis} AS basis
    FROM oot_readiness_${from}_as_of(at = ${at})
    WHERE ${condition}`;
};
