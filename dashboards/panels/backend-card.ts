import {
  BigValueColorMode,
  BigValueJustifyMode,
  BigValueTextMode,
  ReduceDataOptionsBuilder,
  VizOrientation,
  VizTextDisplayOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import { config } from '../config';
import { fixedColor, outcomeMappings, percent, steps, successRateSteps, thresholdColor } from '../fields';
import {
  executionSql,
  lastJobsSql,
  levelSql,
  oncallsSql,
  overrunRateSql,
  queueSql,
  successRateSql,
  timeoutRateSql,
} from '../queries/backend-card';
import { largest, settingText } from '../settings';
import { badSinceSql, stateSql } from '../queries/backend-streaks';
import { stateRule } from '../queries/backend-states';
import { displayName, statPanel, unknownGrey } from './base';
import { linkToColumn } from './cell-links';
import { stateWords } from './backend-states';

const { state, readiness, successRate, colors } = config;

/** The one field of a query, which is text. */
const textField = () => new ReduceDataOptionsBuilder().calcs(['lastNotNull']).fields('/.*/').values(false);

const whatIsChosen = 'Follows the workflows, jobs and event types chosen above.';

export const statePanel = () =>
  statPanel(
    {
      title: 'State',
      description: `${stateRule()} Workflows, jobs and outcomes chosen above change nothing here.`,
      noData: 'not registered',
    },
    stateSql(),
  )
    .unit('string')
    .reduceOptions(textField())
    .colorMode(BigValueColorMode.Background)
    .mappings([...stateWords, unknownGrey]);

export const badSincePanel = () =>
  statPanel(
    {
      title: 'Nothing as expected since',
      description:
        'When the first of the counted jobs was received that have all gone bad up to the end of the time range; it may lie before the range. Workflows, jobs and outcomes chosen above change nothing here.',
      noData: 'the last job was fine',
    },
    badSinceSql(),
  )
    // A name of its own for the field would have to stand here, and not the column.
    .reduceOptions(
      new ReduceDataOptionsBuilder().calcs(['lastNotNull']).fields('/^bad_since$/').values(false),
    )
    .unit('dateTimeFromNow')
    .colorScheme(fixedColor(colors.failure));

export const levelPanel = () =>
  statPanel(
    {
      title: 'Level',
      description:
        'Level of the backend in the allowlist as it was last loaded. Failures of L4 block a merge.',
      noData: 'not registered',
    },
    levelSql(),
  )
    .unit('string')
    .reduceOptions(textField())
    .colorMode(BigValueColorMode.None);

export const oncallsPanel = () =>
  statPanel(
    {
      title: 'Oncalls',
      description: 'GitHub logins of the people to call, from the allowlist as it was last loaded.',
      noData: 'nobody is named',
    },
    oncallsSql(),
  )
    .unit('string')
    .reduceOptions(textField())
    .colorMode(BigValueColorMode.None)
    .text(new VizTextDisplayOptionsBuilder().valueSize(18));

export const successRatePanel = () =>
  statPanel(
    {
      title: 'Success rate',
      description: `Jobs (each by its newest attempt) that ended as expected, of those that succeeded, failed or timed out. Green from ${percent(successRate.good)}, amber from ${percent(successRate.fair)}. ${whatIsChosen}`,
      noData: 'nothing counted',
    },
    successRateSql(),
  )
    .unit('percentunit')
    .decimals(1)
    .thresholds(successRateSteps())
    .colorScheme(thresholdColor());

export const queuePanel = () =>
  statPanel(
    {
      title: 'Queue',
      description: `Mean and median over runs of how long a run waited: the longest of its first attempts, from dispatch to start. Re-runs say nothing and are left out. Amber from ${settingText(readiness.meanQueueMinutes)} min. ${whatIsChosen}`,
      noData: 'no queue time known',
    },
    queueSql(),
  )
    .unit('s')
    .decimals(1)
    .thresholds(steps([null, colors.success], [readiness.meanQueueMinutes.default * 60, config.warningColor]))
    .colorScheme(thresholdColor())
    .overrideByName('mean_seconds', [displayName('mean')])
    .overrideByName('median_seconds', [displayName('median')]);

export const executionPanel = () =>
  statPanel(
    {
      title: 'Execution',
      description: `Median and 95th percentile of how long counted jobs took, by their newest attempts. Jobs whose duration is unknown are left out. Amber from ${readiness.overrunHours} h. ${whatIsChosen}`,
      noData: 'no duration known',
    },
    executionSql(),
  )
    .unit('s')
    .decimals(1)
    .thresholds(steps([null, colors.success], [readiness.overrunHours * 3600, config.warningColor]))
    .colorScheme(thresholdColor())
    .overrideByName('median_seconds', [displayName('median')])
    .overrideByName('p95_seconds', [displayName('p95')]);

export const timeoutRatePanel = () =>
  statPanel(
    {
      title: 'Timeout rate',
      description: `Counted jobs that timed out, unless their name announces it, of all counted jobs. Orange from ${settingText(readiness.timeoutRate, percent)}. ${whatIsChosen}`,
      noData: 'nothing counted',
    },
    timeoutRateSql(),
  )
    .unit('percentunit')
    .decimals(1)
    .thresholds(steps([null, colors.success], [readiness.timeoutRate.default, colors.timed_out]))
    .colorScheme(thresholdColor());

export const overrunRatePanel = () =>
  statPanel(
    {
      title: 'Overrun rate',
      description: `Counted jobs that took over ${readiness.overrunHours} h, of the counted jobs whose duration is known. Orange from ${settingText(readiness.overrunRate, percent)}. ${whatIsChosen}`,
      noData: 'no duration known',
    },
    overrunRateSql(),
  )
    .unit('percentunit')
    .decimals(1)
    .thresholds(steps([null, colors.success], [readiness.overrunRate.default, colors.timed_out]))
    .colorScheme(thresholdColor());

export const lastJobsPanel = () =>
  statPanel(
    {
      title: `Last ${largest(state.lastJobs)} jobs, the newest on the right`,
      description: `The newest ${largest(state.lastJobs)} counted jobs of the time range, by when they were received; a click opens the run. A probe job that ended as its name announces is shown as a success. ${whatIsChosen}`,
      noData: 'nothing counted in this time range',
    },
    lastJobsSql(),
  )
    .unit('string')
    .reduceOptions(
      new ReduceDataOptionsBuilder()
        .calcs(['lastNotNull'])
        .fields('/^verdict$/')
        .values(true)
        .limit(largest(state.lastJobs)),
    )
    .orientation(VizOrientation.Vertical)
    .colorMode(BigValueColorMode.Background)
    .textMode(BigValueTextMode.Value)
    .justifyMode(BigValueJustifyMode.Center)
    .text(new VizTextDisplayOptionsBuilder().valueSize(12))
    .mappings([...outcomeMappings, unknownGrey])
    .dataLinks([linkToColumn('Run', 'workflow_run_url')]);
