import { config } from '../config';
import { percent } from '../fields';

const limits = config.readiness;

/** Which events count: upstream's criteria are about testing pull requests. */
export const countedEvent = 'pull_request';

/** Days over which it is said how long a criterion has held, today included. */
export const historyDays = limits.monthAtLevelDays;

/** How a value is written: SQL of the number in its unit, and the unit. */
const shown = {
  share: (value: string) => `concat(toString(round(${value} * 100, 2)), ' %')`,
  minutes: (value: string) => `concat(toString(round(${value} / 60, 1)), ' min')`,
  hours: (value: string) => `concat(toString(round(${value} / 3600, 2)), ' h')`,
  // Downwards: a month is not there before it is over.
  days: (value: string) => `concat(toString(floor(${value}, 1)), ' days')`,
} as const;

export type Criterion = {
  /** Its column in the windows of `readiness.ts`, in the unit of `limit`; NULL where nothing is known. */
  column: string;
  words: string;
  comparison: '>' | '<' | '>=';
  /** Seconds, days, or a share from 0 to 1. */
  limit: number;
  limitText: string;
  shown: keyof typeof shown;
  /** The column that says how many jobs or runs the value comes from, and the word for them. */
  basis: { column: string; words: string };
  /** What it means that there is no value. */
  unknown: string;
  /** Of getting to L3 only; the others hold for L3 and L4 too, and are demotion signals when they break. */
  isForPromotion: boolean;
};

const jobs = { column: 'counted_jobs', words: 'jobs' };

/** Upstream's criteria for L3 (test-infra#8421, #8551 to #8553), in the order in which they are shown. */
export const criteria = [
  {
    column: 'success_rate',
    words: 'success rate',
    comparison: '>',
    limit: limits.successRate,
    limitText: percent(limits.successRate),
    shown: 'share',
    basis: jobs,
    unknown: `no ${countedEvent} job that counts`,
    isForPromotion: false,
  },
  {
    column: 'mean_queue_seconds',
    words: 'mean queue time',
    comparison: '<',
    limit: limits.meanQueueMinutes * 60,
    limitText: `${limits.meanQueueMinutes} min`,
    shown: 'minutes',
    basis: { column: 'queue_runs', words: 'runs' },
    unknown: `no ${countedEvent} run with a queue time`,
    isForPromotion: false,
  },
  {
    column: 'median_end_to_end_seconds',
    words: 'median end to end',
    comparison: '<',
    limit: limits.medianEndToEndHours * 3600,
    limitText: `${limits.medianEndToEndHours} h`,
    shown: 'hours',
    basis: { column: 'end_to_end_runs', words: 'runs' },
    unknown: `no complete ${countedEvent} run with its times and queue time`,
    isForPromotion: false,
  },
  {
    column: 'timeout_rate',
    words: 'timeout rate',
    comparison: '<',
    limit: limits.timeoutRate,
    limitText: percent(limits.timeoutRate),
    shown: 'share',
    basis: jobs,
    unknown: `no ${countedEvent} job that counts`,
    isForPromotion: false,
  },
  {
    column: 'overrun_rate',
    words: 'overrun rate',
    comparison: '<',
    limit: limits.overrunRate,
    limitText: percent(limits.overrunRate),
    shown: 'share',
    basis: { column: 'timed_jobs', words: 'jobs' },
    unknown: `no ${countedEvent} job whose duration is known`,
    isForPromotion: false,
  },
  {
    column: 'level_days',
    words: 'time at L2',
    comparison: '>=',
    limit: limits.monthAtLevelDays,
    limitText: `${limits.monthAtLevelDays} days`,
    shown: 'days',
    basis: { column: 'level_days_known', words: 'first result' },
    unknown: 'no result at L2',
    isForPromotion: true,
  },
  {
    column: 'data_days',
    words: 'time with data',
    comparison: '>=',
    limit: limits.dataDays,
    limitText: `${limits.dataDays} days`,
    shown: 'days',
    basis: { column: 'data_days_known', words: 'first result' },
    unknown: `no ${countedEvent} result`,
    isForPromotion: true,
  },
] as const satisfies readonly Criterion[];

export type CriterionColumn = (typeof criteria)[number]['column'];

/** `> 90 %`: what it takes to pass. */
export const requirement = ({ comparison, limitText }: Criterion): string =>
  `${comparison === '>=' ? '≥' : comparison} ${limitText}`;

/** SQL of a criterion's value as text. */
export const shownValue = (criterion: Criterion, value: string): string => shown[criterion.shown](value);
