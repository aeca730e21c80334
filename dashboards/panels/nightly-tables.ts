import { type DynamicConfigValue, type ValueMapping } from '@grafana/grafana-foundation-sdk/dashboard';
import { config } from '../config';
import { outcomeMappings } from '../fields';
import { field, linkOut, linkTo } from '../links';
import {
  newsHours,
  nightlyRunsSql,
  nightlyStandingSql,
  nightlyUnexpectedSql,
  standingDays,
} from '../queries/nightly';
import { cellLinks } from './cell-links';
import { displayName, hours, outcomeCell, tablePanel, unit, width, wordCell } from './base';
import { agoCell, backendCell, badCountCell, countCell, urlCell } from './pr-cells';
import { runText } from './nightly-stats';

const { colors, nightly, successRate } = config;

/** Outcomes, and what only a run can be. */
export const runMappings: ValueMapping[] = [
  ...outcomeMappings,
  {
    type: 'value' as never,
    options: { partial: { text: 'partial', color: config.warningColor, index: 20 } },
  },
];

/** What a run came to, in its colour. */
export const runCell = (header: string): DynamicConfigValue[] => [
  ...wordCell(runMappings),
  displayName(header),
  width(100),
];

const thresholds = (...values: [value: number | null, color: string][]): DynamicConfigValue[] => [
  {
    id: 'thresholds',
    value: { mode: 'absolute', steps: values.map(([value, color]) => ({ value, color })) },
  },
  { id: 'color', value: { mode: 'thresholds' } },
  { id: 'custom.cellOptions', value: { type: 'color-text' } },
];

const commitCell: DynamicConfigValue[] = [
  displayName('Commit'),
  width(140),
  cellLinks(
    linkTo('commit', 'All backends on this commit', {
      upstream: field('upstream'),
      event: field('event'),
      sha: field('sha'),
    }),
    linkOut('Commit on GitHub', `${config.github}/${field('upstream')}/commit/${field('sha')}`),
  ),
];

const eventCell = [displayName('Event'), width(90)];
const upstreamCell = [displayName('Upstream'), width(140)];
const missingCell: DynamicConfigValue[] = [
  displayName('Missing'),
  width(85),
  ...thresholds([null, colors.none], [1, config.warningColor]),
];

/** One row a backend and event, worst first. */
export const nightlyStanding = () =>
  tablePanel(
    {
      title: 'Where each backend stands, worst first',
      description:
        `${runText} Streak: how many runs in a row came to the same (good, bad or partial; running and uncounted ones aside), and since when; looks back ${standingDays} days. ` +
        `Hours: from the first result of the newest workflow run, be it on the commit of the one before, to the end of the time range, red over ${nightly.maxHoursSinceLast}. Registered backends without any run in ${standingDays} days come last, with empty cells.`,
      noData: 'No backend is registered, and none has run',
    },
    nightlyStandingSql,
  )
    .overrideByName('backend', backendCell)
    .overrideByName('level', [displayName('Level'), width(110)])
    .overrideByName('event', eventCell)
    .overrideByName('upstream', upstreamCell)
    .overrideByName('verdict', [
      ...runCell('Newest run'),
      { id: 'noValue', value: `none in ${standingDays} days` },
    ])
    .overrideByName('hours_since', [
      displayName('Last run ago'),
      width(110),
      unit(hours),
      { id: 'decimals', value: 1 },
      ...thresholds([null, colors.success], [nightly.maxHoursSinceLast, colors.failure]),
    ])
    .overrideByName('streak', runCell('Streak'))
    .overrideByName('streak_runs', [displayName('Runs'), width(70)])
    .overrideByName('streak_since', agoCell('Since'))
    .overrideByName('jobs', countCell('Jobs'))
    .overrideByName('good', countCell('Good'))
    .overrideByName('bad', badCountCell('Bad'))
    .overrideByName('running', countCell('Running'))
    .overrideByName('missing', missingCell)
    .overrideByName('sha', commitCell)
    .overrideByName('run_url', urlCell('Run', 'run'));

/** One row a run, newest first. */
export const nightlyRuns = () =>
  tablePanel(
    {
      title: 'Runs, newest first',
      description: `Runs whose first result came within the time range, at most 500. ${runText} Missing: how many fewer jobs than the run before; empty where there is none to compare with. The link goes to a bad job's run where there is one.`,
      noData: 'No nightly or periodic run began in the time range',
    },
    nightlyRunsSql,
  )
    .overrideByName('began_at', agoCell('First result'))
    .overrideByName('backend', backendCell)
    .overrideByName('event', eventCell)
    .overrideByName('verdict', runCell('Run'))
    .overrideByName('jobs', countCell('Jobs'))
    .overrideByName('good', countCell('Good'))
    .overrideByName('bad', badCountCell('Bad'))
    .overrideByName('running', countCell('Running'))
    .overrideByName('uncounted', [displayName('Not counted'), width(105)])
    .overrideByName('missing', missingCell)
    .overrideByName('success_rate', [
      displayName('Success rate'),
      width(110),
      unit('percentunit'),
      { id: 'decimals', value: 1 },
      ...thresholds(
        [null, colors.failure],
        [successRate.fair, config.warningColor],
        [successRate.good, colors.success],
      ),
    ])
    .overrideByName('last_received_at', agoCell('Newest job'))
    .overrideByName('upstream', upstreamCell)
    .overrideByName('sha', commitCell)
    .overrideByName('run_url', urlCell('Run', 'run'));

/** One row a job that ended otherwise than expected lately. */
export const nightlyUnexpected = () =>
  tablePanel(
    {
      title: `Unexpected outcomes in the last ${newsHours} h`,
      description: `Counted nightly and periodic jobs, by their newest attempt, that were not as expected, among those received in the ${newsHours} h before the end of the time range, newest first. Probes expect what their name announces.`,
      noData: `Every nightly and periodic job of the last ${newsHours} h was as expected, or none reported`,
    },
    nightlyUnexpectedSql,
  )
    .overrideByName('backend', backendCell)
    .overrideByName('event', eventCell)
    .overrideByName('workflow', [displayName('Workflow'), width(150)])
    .overrideByName('job', [displayName('Job')])
    .overrideByName('outcome', [displayName('Outcome'), width(100), ...outcomeCell])
    .overrideByName('expected_outcome', [displayName('Expected'), width(100)])
    .overrideByName('received_at', agoCell('Received'))
    .overrideByName('failed_tests', [displayName('Failed tests'), width(105)])
    .overrideByName('upstream', upstreamCell)
    .overrideByName('sha', commitCell)
    .overrideByName('run_url', urlCell('Run', 'run'))
    .overrideByName('artifact_url', urlCell('Artifacts', 'artifacts'));
