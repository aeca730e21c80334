import {
  BarGaugeDisplayMode,
  BarGaugeValueMode,
  ReduceDataOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import { PanelBuilder as BarGaugeBuilder } from '@grafana/grafana-foundation-sdk/bargauge';
import { tableQuery, variableDatasource } from '../clickhouse-query';
import { config } from '../config';
import { percent, steps, successRateSteps, thresholdColor } from '../fields';
import {
  lookBackDays,
  newsHours,
  nightlyHoursSql,
  nightlyLateSql,
  nightlyNewestSql,
  nightlyRangeRateSql,
  nightlyRateSql,
  nightlyUnexpectedCountSql,
  standingDays,
} from '../queries/nightly';
import { hours, statPanel, unknownGrey } from './base';

const { colors, nightly } = config;

/** What a run is and how it is judged, for descriptions. */
export const runText =
  'A run is what a backend did for one commit and event, all workflows and jobs together, each job by its newest attempt. ' +
  'It is bad when any counted job is not as expected; partial when it is not bad but has fewer jobs than the run of that backend before it; ' +
  `running while a job runs, or for ${config.overdueMinutes} min after its first result while jobs are still missing.`;

const noRuns = `No nightly or periodic run in the last ${standingDays} days`;
const zeroIsGood = (bad: string) => steps([null, colors.success], [1, bad]);

export const nightlyLate = () =>
  statPanel(
    {
      title: 'Late backends',
      description: `Backends, nightly and periodic each for itself, whose newest workflow run gave its first result more than ${nightly.maxHoursSinceLast} h before the end of the time range. Looks back ${standingDays} days: a backend without any run in those is in the table below, not here.`,
      noData: noRuns,
    },
    nightlyLateSql,
  )
    .unit('short')
    .thresholds(zeroIsGood(colors.failure));

export const nightlyBad = () =>
  statPanel(
    {
      title: 'Newest run is bad',
      description: `Backends, nightly and periodic each for itself, whose newest run in ${standingDays} days is bad. ${runText}`,
      noData: noRuns,
    },
    nightlyNewestSql('failure'),
  )
    .unit('short')
    .thresholds(zeroIsGood(colors.failure));

export const nightlyPartial = () =>
  statPanel(
    {
      title: 'Newest run is partial',
      description: `Backends, nightly and periodic each for itself, whose newest run in ${standingDays} days is partial. ${runText}`,
      noData: noRuns,
    },
    nightlyNewestSql('partial'),
  )
    .unit('short')
    .thresholds(zeroIsGood(config.warningColor));

export const nightlyUnexpectedCount = () =>
  statPanel(
    {
      title: `Unexpected in ${newsHours} h`,
      description: `Counted nightly and periodic jobs, by their newest attempt, that were not as expected among those received in the ${newsHours} h before the end of the time range.`,
      noData: `No nightly or periodic result in ${newsHours} h`,
    },
    nightlyUnexpectedCountSql,
  )
    .unit('short')
    .thresholds(zeroIsGood(colors.failure));

export const nightlyRate = () =>
  statPanel(
    {
      title: 'Success rate of jobs',
      description: `Of the counted jobs (success, failure, timed out) of runs that began in the time range, the share that ended as expected. Green from ${percent(config.successRate.good)}, yellow from ${percent(config.successRate.fair)}.`,
      noData: 'No counted job in the time range',
    },
    nightlyRangeRateSql,
  )
    .unit('percentunit')
    .decimals(1)
    .min(0)
    .max(1)
    .thresholds(successRateSteps());

export const nightlyRateTrend = () =>
  statPanel(
    {
      title: 'On the newest day',
      description: `The same for runs that began on the newest day (UTC) with counted jobs, and its course by day. Runs are read from ${lookBackDays} days before the range.`,
      noData: 'No counted job in the time range',
    },
    nightlyRateSql,
    'sparkline',
  )
    .unit('percentunit')
    .decimals(1)
    .min(0)
    .max(1)
    .thresholds(successRateSteps());

/** One bar a backend. */
export const nightlyHours = () =>
  new BarGaugeBuilder()
    .title('Hours since the last run')
    .description(
      `From the first result of each backend's newest workflow run, be it on the commit of the one before, to the end of the time range. Red over ${nightly.maxHoursSinceLast} h. Looks back ${standingDays} days.`,
    )
    .noValue(noRuns)
    .datasource(variableDatasource)
    .withTarget(tableQuery(nightlyHoursSql))
    .reduceOptions(
      new ReduceDataOptionsBuilder()
        .calcs([])
        .fields('/^hours_since$/')
        .values(true)
        .limit(config.rows.entries),
    )
    .displayMode(BarGaugeDisplayMode.Basic)
    .valueMode(BarGaugeValueMode.Color)
    .orientation('horizontal' as never)
    .unit(hours)
    .mappings([unknownGrey])
    .decimals(1)
    .min(0)
    .max(nightly.maxHoursSinceLast * 2)
    .thresholds(steps([null, colors.success], [nightly.maxHoursSinceLast, colors.failure]))
    .colorScheme(thresholdColor());
