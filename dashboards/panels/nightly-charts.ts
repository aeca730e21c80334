import { config } from '../config';
import { onTimeline, percent, successRateSteps } from '../fields';
import { nightlyRateByBackendSql, nightlyRunsByDaySql, nightlyTimelineSql } from '../queries/nightly';
import { barsPanel, dashedThresholds, displayName, stateTimelinePanel, timeSeriesPanel } from './base';
import { runText } from './nightly-stats';
import { runMappings } from './nightly-tables';

const { colors, nightly } = config;

/** One row a backend. */
export const nightlyTimeline = () =>
  stateTimelinePanel(
    {
      title: 'Runs of each backend',
      description: `What each run came to, from its first result to that of the next; empty where no workflow run has followed for ${nightly.maxHoursSinceLast} h. ${runText}`,
      noData: 'No nightly or periodic run began in the time range',
    },
    nightlyTimelineSql,
    'backend',
  )
    .mappings(onTimeline(runMappings))
    .unit('string');

const series = (name: string, color: string) => [
  displayName(name),
  { id: 'color', value: { mode: 'fixed', fixedColor: color } },
];

/** How many runs a day came to what. */
export const nightlyRunsByDay = () =>
  barsPanel(
    {
      title: 'Runs by day',
      description: `Runs by the day (UTC) of their first result. ${runText}`,
      noData: 'No nightly or periodic run began in the time range',
    },
    nightlyRunsByDaySql,
  )
    .unit('short')
    .decimals(0)
    .overrideByName('good', series('good', colors.success))
    .overrideByName('bad', series('bad', colors.failure))
    .overrideByName('partial', series('partial', config.warningColor))
    .overrideByName('running', series('running or overdue', colors.running))
    .overrideByName('uncounted', series('nothing counted', colors.cancelled));

/** Success rate of each backend by day. */
export const nightlyRateByBackend = () =>
  timeSeriesPanel(
    {
      title: 'Success rate by day',
      description: `Of the counted jobs (success, failure, timed out) of runs that began on a day (UTC), the share that ended as expected. Dashed: green from ${percent(config.successRate.good)}, yellow from ${percent(config.successRate.fair)}.`,
      noData: 'No counted job in the time range',
    },
    nightlyRateByBackendSql,
  )
    .unit('percentunit')
    .decimals(1)
    .min(0)
    .max(1)
    .displayName('${__field.labels.backend}')
    .thresholds(successRateSteps())
    .thresholdsStyle(dashedThresholds());
