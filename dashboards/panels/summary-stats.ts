import { ReduceDataOptionsBuilder } from '@grafana/grafana-foundation-sdk/common';
import type { DashboardLinkBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { config } from '../config';
import { fixedColor, percent, steps, successRateSteps, thresholdColor } from '../fields';
import { linkTo } from '../links';
import { freshnessSql, jobConditions, jobCountSql, successRateSql } from '../queries/summary';
import { failingBackendsSql, silentBackendsSql, stateRule } from '../queries/backend-states';
import { settingText } from '../settings';
import { statPanel, type PanelText } from './base';

const { colors, silentHours } = config;

/** The newest value of a time series, with its line. */
const newest = (text: PanelText, rawSql: string, ...links: DashboardLinkBuilder[]) =>
  statPanel(text, rawSql, 'sparkline').dataLinks(links).decimals(0);

/** The sum of a time series of counts, with its line. */
const total = (text: PanelText, rawSql: string, ...links: DashboardLinkBuilder[]) =>
  newest(text, rawSql, ...links)
    .unit('short')
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['sum']).fields('').values(false));

export const failingStat = () =>
  newest(
    {
      title: 'Backends failing now',
      description: `Registered backends that are broken or failing at the end of the time range. ${stateRule()}`,
      noData: 'no backend registered',
    },
    failingBackendsSql(),
  )
    .unit('short')
    .colorScheme(thresholdColor())
    .thresholds(steps([null, colors.success], [1, colors.failure]));

export const successRateStat = () =>
  newest(
    {
      title: 'Success rate',
      description: `Jobs that ended as expected / (success + failure + timed out), by each job's newest attempt received in the time range. Cancelled, skipped and neutral don't count. Green from ${percent(config.successRate.good)}, amber from ${percent(config.successRate.fair)}. The line is the rate of each interval, its end that of the whole range: the number.`,
      noData: 'no counted job',
    },
    successRateSql(),
    linkTo('readiness', 'Success rate against the criteria', {}),
  )
    .unit('percentunit')
    .decimals(1)
    .colorScheme(thresholdColor())
    .thresholds(successRateSteps());

export const jobsStat = () =>
  total(
    {
      title: 'Jobs',
      description:
        'Jobs received in the time range, whatever their outcome; re-runs of a job are one job. The line: jobs of each interval.',
      noData: 'no job received',
    },
    jobCountSql(jobConditions.jobs, 'jobs'),
    linkTo('pipeline', 'How they arrived', {}),
  ).colorScheme(fixedColor('text'));

export const runningStat = () =>
  total(
    {
      title: 'Running',
      description: `Jobs received in the time range that are running now, for at most ${config.overdueMinutes} minutes. The line: when they were received.`,
      noData: 'no job received',
    },
    jobCountSql(jobConditions.running, 'running'),
  ).colorScheme(fixedColor(colors.running));

export const overdueStat = () =>
  total(
    {
      title: 'Overdue',
      description: `Jobs received in the time range that are still running after ${config.overdueMinutes} minutes: their end was probably lost. The line: when they were received.`,
      noData: 'no job received',
    },
    jobCountSql(jobConditions.overdue, 'overdue'),
    linkTo('pipeline', 'The jobs that never completed', {}),
  )
    .colorScheme(thresholdColor())
    .thresholds(steps([null, colors.success], [1, colors.overdue]));

export const silentStat = () =>
  newest(
    {
      title: 'Silent backends',
      description: `Registered backends that used to report and have had no result for ${settingText(silentHours.perPullRequest)} hours (${settingText(silentHours.nightlyOnly)} if all they ever ran is nightly and periodic) at the end of the time range.`,
      noData: 'no backend registered',
    },
    silentBackendsSql(),
    linkTo('nightly', 'Hours since the last nightly', {}),
  )
    .unit('short')
    .colorScheme(thresholdColor())
    .thresholds(steps([null, colors.success], [1, colors.overdue]));

export const freshnessStat = () =>
  newest(
    {
      title: 'Newest result',
      description: `Age of the newest result of any backend at the end of the time range: since ingest took the outcome. Orange from an hour, red from ${silentHours.nightlyOnly.default} hours. The line: the same at 24 moments of the range.`,
      noData: 'never a result',
    },
    freshnessSql(),
    linkTo('pipeline', 'Is the pipeline fresh and complete?', {}),
  )
    .unit('s')
    .decimals(1)
    .colorScheme(thresholdColor())
    .thresholds(
      steps(
        [null, colors.success],
        [3_600, 'orange'],
        [silentHours.nightlyOnly.default * 3_600, colors.failure],
      ),
    );
