import { config } from '../config';
import { percent, successRateSteps } from '../fields';
import { bucket } from '../queries/backend';
import { durationOverTimeSql, queueOverTimeSql, successRateOverTimeSql } from '../queries/backend-trends';
import { settingText } from '../settings';
import { dashedThresholds, timeSeriesPanel } from './base';

const points = `A point stands for at least ${bucket}, by when the jobs were received.`;
const whatIsChosen = 'Follows the workflows, jobs and event types chosen above.';

export const successRateOverTimePanel = () =>
  timeSeriesPanel(
    {
      title: 'Success rate by job',
      description: `Of each job of a workflow: those that ended as expected, of those that succeeded, failed or timed out, each by its newest attempt. Dashed: good from ${percent(config.successRate.good)}, fair from ${percent(config.successRate.fair)}. ${points} ${whatIsChosen}`,
      noData: 'No job that counts was received in this time range',
    },
    successRateOverTimeSql(),
  )
    .interval(bucket)
    .unit('percentunit')
    .decimals(1)
    .min(0)
    .max(1)
    .thresholds(successRateSteps())
    .thresholdsStyle(dashedThresholds())
    .displayName('${__field.labels.job}');

export const durationOverTimePanel = () =>
  timeSeriesPanel(
    {
      title: 'Duration by job, p50 and p95',
      description: `How long the counted jobs took, by their newest attempts: the median, and dashed the 95th percentile. Jobs whose duration is unknown are left out. ${points} ${whatIsChosen}`,
      noData: 'No duration is known in this time range',
    },
    durationOverTimeSql(),
  )
    .interval(bucket)
    .unit('s')
    .min(0)
    .displayName('${__field.labels.job} ${__field.name}')
    .overrideByRegexp('/ p95$/', [
      { id: 'custom.lineStyle', value: { fill: 'dash', dash: [6, 6] } },
      { id: 'custom.lineWidth', value: 1 },
    ]);

export const queueOverTimePanel = () =>
  timeSeriesPanel(
    {
      title: 'Queue time of runs',
      description: `How long runs waited from dispatch to start: of a run, the longest of its first attempts. Re-runs say nothing and are left out. Upstream asks for a mean under ${settingText(config.readiness.meanQueueMinutes)} min. ${points} ${whatIsChosen}`,
      noData: 'No queue time is known in this time range',
    },
    queueOverTimeSql(),
  )
    .interval(bucket)
    .unit('s')
    .min(0);
