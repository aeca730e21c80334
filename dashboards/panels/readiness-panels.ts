import { config } from '../config';
import { fixedColor, percent } from '../fields';
import {
  criterionTrend,
  readinessByBackend,
  readinessByCriterion,
  verdictCounts,
} from '../queries/readiness';
import { settingText } from '../settings';
import {
  countedEvent,
  criteria,
  historyDays,
  requirement,
  type Criterion,
  type CriterionColumn,
} from '../queries/readiness-criteria';
import { backendCell } from './cell-links';
import {
  dashedThresholds,
  displayName,
  empty,
  statPanel,
  tablePanel,
  timeSeriesPanel,
  unit,
  width,
} from './base';
import {
  criterionCell,
  criterionSteps,
  criterionUnit,
  days,
  verdictCell,
  verdictColors,
} from './readiness-cells';

const limits = config.readiness;

const performance = criteria.filter(({ isForPromotion }) => !isForPromotion);
const inWords = (list: readonly Criterion[]): string =>
  list.map((criterion) => `${criterion.words} ${requirement(criterion)}`).join(', ');

/** What every number of this dashboard is taken over. */
const windowText =
  `Over the last ${limits.windowDays} days up to now, whatever the dashboard's time range; ${countedEvent} events only, ` +
  `since upstream counts results on pull requests. Measured each minute; empty when that is ${config.pipeline.readinessStaleMinutes} minutes ago.`;

const daysText =
  `Days: how many days in a row, today included, it has been so over the ${limits.windowDays} days that end on each day ` +
  `(UTC; today's end now). Counted up to ${historyDays}.`;

const tenureText =
  `Time at L2 runs from the first result that the relay sent at L2, for a backend that the allowlist has at L2: nobody records when ` +
  'a backend was promoted, so one that was at L2 before, left and came back has its first time counted.';

/** How many backends are ready, not ready, or show a demotion signal. */
export const readinessCounts = () =>
  statPanel(
    {
      title: 'Backends by verdict',
      description:
        `Ready: at L2, and all criteria hold (${inWords(criteria)}). Not ready: at L2, and at least one is broken. ` +
        `Demotion signal: at L3 or L4, and one of these is broken: ${inWords(performance)}. ` +
        `Unknown: nothing is broken, but not everything can be measured. ${windowText}`,
      noData: 'No backend is registered',
    },
    verdictCounts(),
  )
    .unit('short')
    .overrideByName('ready', [displayName('Ready for L3'), colored(verdictColors.ready)])
    .overrideByName('not_ready', [displayName('Not ready for L3'), colored(verdictColors['not ready'])])
    .overrideByName('demotion_signals', [
      displayName('Demotion signals'),
      colored(verdictColors['demotion signal']),
    ])
    .overrideByName('unknown', [displayName('Unknown'), colored(verdictColors.unknown)]);

const colored = (color: string) => ({ id: 'color', value: fixedColor(color).build() });

/** One row a backend: its verdict, its numbers, and what is missing. */
export const readinessBackends = () => {
  const names: Record<CriterionColumn, string> = {
    success_rate: 'Success rate',
    mean_queue_seconds: 'Mean queue',
    median_end_to_end_seconds: 'Median e2e',
    timeout_rate: 'Timeouts',
    overrun_rate: 'Overruns',
    level_days: 'At L2',
    data_days: 'With data',
  };
  const panel = tablePanel(
    {
      title: 'Backends, worst first',
      description:
        `To L3 takes all of: ${inWords(criteria)}. L3 and L4 backends that break one of the first ${performance.length} show a demotion signal. ` +
        `${windowText} Success rate: as expected / counted jobs, each job by its newest attempt. Queue and end to end (e2e: queue + last ` +
        `completed - first started) are per run, of first attempts. Timeouts: jobs that timed out and should not have / counted jobs. ` +
        `Overruns: jobs over ${limits.overrunHours} h / counted jobs whose duration is known. ${tenureText} All held: days in a row on ` +
        'which every criterion held. Empty: unknown, see what is missing.',
      noData: 'No backend is registered, and none has reported',
    },
    readinessByBackend(),
  )
    .overrideByName('downstream_repo', backendCell)
    .overrideByName('level', [displayName('Level'), empty('–'), width(60)])
    .overrideByName('overall', verdictCell('Verdict'))
    .overrideByName('all_held_days', [displayName('All held'), unit(days), width(90)])
    .overrideByName('counted_jobs', [displayName('Jobs'), width(70)])
    .overrideByName('missing', [displayName('What is missing'), empty('–'), width(620)]);
  for (const criterion of criteria) {
    panel.overrideByName(criterion.column, criterionCell(criterion, names[criterion.column]));
  }
  return panel;
};

/** One row a backend and criterion. */
export const readinessCriteria = () =>
  tablePanel(
    {
      title: 'Every criterion of every backend',
      description:
        `Value, what it takes, and for how many days. ${windowText} ${daysText} Unknown breaks a row of days too. ` +
        `From: how many jobs or runs the value comes from; few say little. ${tenureText}`,
      noData: 'No backend is registered, and none has reported',
    },
    readinessByCriterion(),
  )
    .overrideByName('downstream_repo', backendCell)
    .overrideByName('level', [displayName('Level'), empty('–'), width(60)])
    .overrideByName('criterion', [displayName('Criterion'), width(160)])
    .overrideByName('shown_value', [displayName('Value'), width(110)])
    .overrideByName('needed', [displayName('Needs'), width(100)])
    .overrideByName('verdict', verdictCell('Verdict'))
    .overrideByName('days_held', [displayName('Held for'), unit(days), width(90)])
    .overrideByName('days_broken', [displayName('Broken for'), unit(days), width(100)])
    .overrideByName('based_on', [displayName('From'), width(110)])
    .overrideByName('missing', [displayName('What is missing'), empty('–')]);

const trendTexts = {
  success_rate: { title: 'Success rate', what: 'as expected / counted jobs, each job by its newest attempt' },
  mean_queue_seconds: {
    title: 'Mean queue time',
    what: 'the mean over runs of their longest queue time, first attempts only',
  },
  median_end_to_end_seconds: {
    title: 'Median end to end',
    what: 'the median over complete runs of queue time + (last completed - first started), first attempts only',
  },
  timeout_rate: { title: 'Timeout rate', what: 'jobs that timed out and should not have / counted jobs' },
  overrun_rate: {
    title: 'Overrun rate',
    what: `jobs over ${limits.overrunHours} h / counted jobs whose duration is known`,
  },
} as const;

/** A criterion over the last days, a line a backend, and the line that it must not cross. */
export const readinessTrend = (column: keyof typeof trendTexts) => {
  const { title, what } = trendTexts[column];
  const criterion = criteria.find((one) => one.column === column) as Criterion;
  return timeSeriesPanel(
    {
      title: `${title}, needs ${requirement(criterion)}`,
      description:
        `${what}. Each point is taken over the ${limits.windowDays} days before it, of ${countedEvent} events; ` +
        `the last ${historyDays} days, or the dashboard's range where that is between two moments. Dashed: ${criterion.limitText(criterion.limit.default)}.`,
      noData: `Unknown: ${criterion.unknown} in the last ${historyDays + limits.windowDays} days`,
    },
    criterionTrend(column),
  )
    .timeFrom(`${historyDays}d`)
    .unit(criterionUnit(criterion))
    .min(0)
    .axisSoftMax(criterion.shown === 'share' && criterion.comparison === '>' ? 1 : criterion.limit.default)
    .thresholds(criterionSteps(criterion))
    .thresholdsStyle(dashedThresholds())
    .displayName('${__field.labels.backend}');
};

/** Said once, at the top of the dashboard. */
export const readinessText =
  `Which backend meets the criteria of the next level, what it lacks, and which L3 or L4 backend no longer meets them. ` +
  `Success rate over ${settingText(limits.successRate, percent)} and the rest over fixed windows of ${limits.windowDays} days up to now.`;
