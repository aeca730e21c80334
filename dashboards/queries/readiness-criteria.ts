import { config } from '../config';
import { mapSetting, percent, setting, settingSql, settingText, type Setting } from '../settings';

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
  /** Its name as a column, in the unit of `limit`; NULL where nothing is known. */
  column: string;
  words: string;
  comparison: '>' | '<' | '>=';
  /** Seconds, days, or a share from 0 to 1; and how it is written. */
  limit: Setting;
  limitText: (limit: number) => string;
  shown: keyof typeof shown;
  /** The word for what is counted to say how much the value comes from. */
  basis: string;
  /** What it means that there is no value. */
  unknown: string;
  /** Of getting to L3 only; the others hold for L3 and L4 too, and are demotion signals when they break. */
  isForPromotion: boolean;
};

/** Upstream's criteria for L3 (test-infra#8421, #8551 to #8553), in the order in which they are shown. */
export const criteria = [
  {
    column: 'success_rate',
    words: 'success rate',
    comparison: '>',
    limit: limits.successRate,
    limitText: percent,
    shown: 'share',
    basis: 'jobs',
    unknown: `no ${countedEvent} job that counts`,
    isForPromotion: false,
  },
  {
    column: 'mean_queue_seconds',
    words: 'mean queue time',
    comparison: '<',
    limit: mapSetting(limits.meanQueueMinutes, (minutes) => minutes * 60),
    limitText: (seconds) => `${seconds / 60} min`,
    shown: 'minutes',
    basis: 'runs',
    unknown: `no ${countedEvent} run with a queue time`,
    isForPromotion: false,
  },
  {
    column: 'median_end_to_end_seconds',
    words: 'median end to end',
    comparison: '<',
    limit: mapSetting(limits.medianEndToEndHours, (hours) => hours * 3600),
    limitText: (seconds) => `${seconds / 3600} h`,
    shown: 'hours',
    basis: 'runs',
    unknown: `no complete ${countedEvent} run with its times and queue time`,
    isForPromotion: false,
  },
  {
    column: 'timeout_rate',
    words: 'timeout rate',
    comparison: '<',
    limit: limits.timeoutRate,
    limitText: percent,
    shown: 'share',
    basis: 'jobs',
    unknown: `no ${countedEvent} job that counts`,
    isForPromotion: false,
  },
  {
    column: 'overrun_rate',
    words: 'overrun rate',
    comparison: '<',
    limit: limits.overrunRate,
    limitText: percent,
    shown: 'share',
    basis: 'jobs',
    unknown: `no ${countedEvent} job whose duration is known`,
    isForPromotion: false,
  },
  {
    column: 'level_days',
    words: 'time at L2',
    comparison: '>=',
    limit: setting(limits.monthAtLevelDays),
    limitText: (days) => `${days} days`,
    shown: 'days',
    basis: 'first result',
    unknown: 'no result at L2',
    isForPromotion: true,
  },
  {
    column: 'data_days',
    words: 'time with data',
    comparison: '>=',
    limit: setting(limits.dataDays),
    limitText: (days) => `${days} days`,
    shown: 'days',
    basis: 'first result',
    unknown: `no ${countedEvent} result`,
    isForPromotion: true,
  },
] as const satisfies readonly Criterion[];

export type CriterionColumn = (typeof criteria)[number]['column'];

/** `> 90 %`: what it takes to pass. */
export const requirement = ({ comparison, limit, limitText }: Criterion): string =>
  `${sign(comparison)} ${settingText(limit, limitText)}`;

/** SQL of what it takes a backend to pass, where the columns `downstream_repo` and `level` are there. */
export const requirementSql = ({ comparison, limit, limitText }: Criterion): string =>
  settingSql(mapSetting(limit, (own) => `${sign(comparison)} ${limitText(own)}`));

const sign = (comparison: Criterion['comparison']): string => (comparison === '>=' ? '≥' : comparison);

/** SQL of a criterion's value as text. */
export const shownValue = (criterion: Criterion, value: string): string => shown[criterion.shown](value);
