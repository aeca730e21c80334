import { config } from '../config';
import { sql } from '../sql';
import type { CriterionColumn } from './readiness-criteria';

/** How a criterion is worked out of the counts, and SQL of how many jobs, runs or results that comes from. */
type Measure = { value: string; basis: string };

const share = (some: string, basis: string): Measure => ({
  value: `if(${basis} = 0, NULL, ${some} / ${basis})`,
  basis,
});

const daysSince = (first: string, condition = '1'): Measure => {
  const isKnown = `${condition} AND ifNull(${first} < window_end, 0)`;
  return {
    value: `if(${isKnown}, dateDiff('millisecond', ${first}, window_end) / 86400000, NULL)`,
    basis: isKnown,
  };
};

const measures: Record<CriterionColumn, Measure> = {
  success_rate: share('good_jobs', 'counted_jobs'),
  mean_queue_seconds: share('all_queue_seconds', 'queue_runs'),
  median_end_to_end_seconds: {
    value: 'median_end_to_end_seconds',
    basis: 'end_to_end_runs',
  },
  timeout_rate: share('timed_out_jobs', 'counted_jobs'),
  overrun_rate: share('overrun_jobs', 'timed_jobs'),
  level_days: daysSince('first_at_level_at', "level = 'L2'"),
  data_days: daysSince('first_result_at'),
};

/** SQL of a criterion's `value`, in the unit of its limit and NULL where nothing is known, and of its `basis`. */
export const measureOf = (column: CriterionColumn): Measure => measures[column];

/** What ClickHouse measured last, or what it would have measured at another time: one row a backend and day of the last month. */
const measured = (at?: string): string =>
  at === undefined ? 'oot_readiness' : `oot_readiness_at(at = ${at})`;

const isFresh = `measured_at >= now() - INTERVAL ${config.pipeline.readinessStaleMinutes} MINUTE`;

/** One row a backend and day of the last month: the counts of the window that ends then. None that are old. */
export const windowCounts = (at?: string): string => sql`
    SELECT * FROM ${measured(at)}${at === undefined ? ` WHERE ${isFresh}` : ''}`;

/**
 * One row a backend: a criterion's value, as `measured`, and its `basis` over the window that ends at the measurement. However old that
 * is: an alert that ended because nothing is measured would say that all is well.
 */
export const currentMeasure = (column: CriterionColumn, at?: string): string => sql`
    SELECT downstream_repo, ${measures[column].value} AS measured, ${measures[column].basis} AS basis
    FROM ${measured(at)}
    WHERE days_ago = 0`;
