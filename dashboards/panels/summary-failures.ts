import { config } from '../config';
import { successRateSteps, thresholdColor, steps } from '../fields';
import { field, linkOut, linkTo } from '../links';
import { failuresByBackendSql, failuresByJobSql, sharedBreakageSql, topRows } from '../queries/summary';
import { brokenRule } from '../queries/shared-breakage';
import { cellLinks, linkToColumn, linkWithin } from './cell-links';
import { decimals, displayName, gaugeCell, hidden, tablePanel, unit, width } from './base';

const shared = config.sharedBreakage;

/** A red bar, as long as the count is against the largest. */
const countBar = [
  // Else against the largest number of the whole table.
  { id: 'fieldMinMax', value: true },
  { id: 'thresholds', value: steps([null, config.colors.failure]).build() },
  { id: 'color', value: thresholdColor().build() },
  ...gaugeCell(0, 0).filter(({ id }) => id !== 'max'),
  { id: 'custom.minWidth', value: 120 },
];

const rate = [
  displayName('Success rate'),
  unit('percentunit'),
  decimals(1),
  width(100),
  { id: 'thresholds', value: successRateSteps().build() },
  { id: 'custom.cellOptions', value: { type: 'color-text' } },
];

export const failuresByBackend = () =>
  tablePanel(
    {
      title: 'Failures by backend',
      description: `Counted jobs received in the time range that did not end as expected, by each job's newest attempt; the ${topRows} backends with the most, also those that are not registered.`,
      noData: 'no failure in the time range',
    },
    failuresByBackendSql(),
  )
    .overrideByName('backend', [
      displayName('Backend'),
      { id: 'custom.minWidth', value: 190 },
      cellLinks(linkTo('backend', `Open ${field('backend')}`, { backend: field('backend') })),
    ])
    .overrideByName('bad', [displayName('Failures'), ...countBar])
    .overrideByName('timed_out', [displayName('of these timed out'), width(125)])
    .overrideByName('counted', [displayName('Jobs'), width(60)])
    .overrideByName('success_rate', rate);

export const failuresByJob = () =>
  tablePanel(
    {
      title: 'Failures by job',
      description: `Counted jobs received in the time range that did not end as expected, by backend, workflow and job name; the ${topRows} names with the most. PRs: on how many pull requests.`,
      noData: 'no failure in the time range',
    },
    failuresByJobSql(),
  )
    .overrideByName('backend', [displayName('Backend'), { id: 'custom.minWidth', value: 190 }])
    .overrideByName('workflow', [displayName('Workflow'), width(130)])
    .overrideByName('job', [
      displayName('Job'),
      { id: 'custom.minWidth', value: 150 },
      cellLinks(
        linkTo('backend', `Open ${field('job')}`, {
          backend: field('backend'),
          workflow: field('workflow'),
          job: field('job'),
        }),
      ),
    ])
    .overrideByName('bad', [displayName('Failures'), ...countBar])
    .overrideByName('prs', [displayName('PRs'), width(55)])
    .overrideByName('success_rate', rate)
    .overrideByName('last_bad_at', [displayName('Last'), unit('dateTimeFromNow'), width(110)]);

export const sharedBreakage = () =>
  tablePanel(
    {
      title: 'Breakage shared by backends: the upstream suspects',
      description: `Pull requests and commits on which at least ${shared.minBackends} registered backends of ${shared.levels.join(' or ')} have a counted job received in the time range whose newest attempt did not end as expected; the ${topRows} with the most backends. ${brokenRule}.`,
      noData: `no PR or commit fails on ${shared.minBackends} or more ${shared.levels.join('/')} backends`,
    },
    sharedBreakageSql(),
  )
    // Else a push shows the text for an empty table in place of a PR.
    .overrideByName('pr', [{ id: 'noValue', value: '–' }])
    .overrideByName('upstream_repo', [displayName('Upstream'), width(140)])
    .overrideByName('pr', [
      displayName('PR'),
      unit('none'),
      width(90),
      cellLinks(
        linkWithin('All backends on this commit', 'change_page_url'),
        linkToColumn('On GitHub', 'pull_request_url'),
      ),
    ])
    .overrideByName('sha', [
      displayName('Commit'),
      width(110),
      cellLinks(
        linkWithin('All backends on this commit', 'change_page_url'),
        linkOut('On GitHub', `${config.github}/${field('upstream_repo')}/commit/${field('sha')}`),
      ),
    ])
    .overrideByName('event_type', [displayName('Event'), width(100)])
    .overrideByName('bad_backends', [displayName('Backends failing'), width(125)])
    .overrideByName('counted_backends', [displayName('of'), width(50)])
    .overrideByName('bad_jobs', [displayName('Jobs failing'), width(95)])
    .overrideByName('backends', [displayName('Failing backends'), { id: 'custom.minWidth', value: 260 }])
    .overrideByName('first_bad_at', [displayName('First'), unit('dateTimeFromNow'), width(110)])
    .overrideByName('last_bad_at', [displayName('Last'), unit('dateTimeFromNow'), width(110)])
    .overrideByName('change_page_url', [hidden])
    .overrideByName('pull_request_url', [hidden]);
