import { config } from '../config';
import { percent, steps, successRateSteps } from '../fields';
import { field, linkTo } from '../links';
import { successRateByBackendSql } from '../queries/summary';
import { backendsSql } from '../queries/summary-backends';
import { stateRule } from '../queries/backend-states';
import { cellLinks } from './cell-links';
import {
  dashedThresholds,
  decimals,
  displayName,
  gaugeCell,
  tablePanel,
  timeSeriesPanel,
  unit,
  width,
  wordCell,
} from './base';
import { stateWords } from './backend-states';

const rateColors = `green from ${percent(config.successRate.good)}, amber from ${percent(config.successRate.fair)}`;

export const backendsTable = () =>
  tablePanel(
    {
      title: 'Backends, worst first',
      description: [
        'Every registered backend, with results or without.',
        `State: ${stateRule()}`,
        `Success rate: as expected / (success + failure + timed out) by the newest attempt of each job received in the time range (${rateColors}).`,
        'Change: against the period before, of the same length.',
        'Successes, failures, timed out: the jobs of that fraction. PRs: pull requests with a job in the range.',
        'Duration: of those jobs, where it is known. Queue: median over runs, of first attempts, the longest of each run.',
        'Last result and failing since: over all time before the end of the range. Failing since: when the first bad counted job after the newest good one was received; empty while the newest counted job is good.',
      ].join('\n\n'),
      noData: 'no backend registered: load the allowlist with npm run backends',
    },
    backendsSql(),
  )
    // A cell without a value would show the text for an empty table.
    .overrideByName('level', [displayName('Level'), width(60)])
    .overrideByName('backend', [
      displayName('Backend'),
      { id: 'custom.minWidth', value: 210 },
      cellLinks(linkTo('backend', `Open ${field('backend')}`, { backend: field('backend') })),
    ])
    .overrideByName('state', [displayName('State'), width(100), ...wordCell(stateWords)])
    .overrideByName('success_rate', [
      displayName('Success rate'),
      unit('percentunit'),
      decimals(1),
      { id: 'thresholds', value: successRateSteps().build() },
      ...gaugeCell(0, 1),
      { id: 'custom.minWidth', value: 130 },
    ])
    .overrideByName('change', [
      displayName('Change'),
      unit('percentunit'),
      decimals(1),
      width(75),
      { id: 'custom.cellOptions', value: { type: 'color-text' } },
      {
        id: 'thresholds',
        value: steps([null, config.colors.failure], [-0.005, 'text'], [0.005, config.colors.success]).build(),
      },
    ])
    .overrideByName('successes', [displayName('Passed'), width(70)])
    .overrideByName('failures', [displayName('Failed'), width(65), ...colouredFromOne(config.colors.failure)])
    .overrideByName('timed_out', [
      displayName('Timed out'),
      width(80),
      ...colouredFromOne(config.colors.timed_out),
    ])
    .overrideByName('prs', [displayName('PRs'), width(55)])
    .overrideByName('median_seconds', [displayName('Median'), unit('s'), decimals(1), width(75)])
    .overrideByName('p95_seconds', [displayName('p95'), unit('s'), decimals(1), width(75)])
    .overrideByName('median_queue_seconds', [displayName('Queue'), unit('s'), decimals(1), width(75)])
    .overrideByName('last_result_at', [
      displayName('Last result'),
      { id: 'noValue', value: 'never' },
      unit('dateTimeFromNow'),
      width(110),
    ])
    .overrideByName('failing_since', [displayName('Failing since'), unit('dateTimeFromNow'), width(110)])
    .overrideByName('oncalls', [displayName('Oncalls'), { id: 'custom.minWidth', value: 120 }]);

/** The number in this colour, unless it is 0. */
function colouredFromOne(color: string) {
  return [
    { id: 'custom.cellOptions', value: { type: 'color-text' } },
    { id: 'thresholds', value: steps([null, 'text'], [1, color]).build() },
  ];
}

export const successRateOverTime = () =>
  timeSeriesPanel(
    {
      title: 'Success rate by backend',
      description: `As expected / (success + failure + timed out) of the jobs received in each hour (in 6 hours over more than 2 days, in a day over more than 8), UTC. Dashed: ${rateColors}.`,
      noData: 'no counted job in the time range',
    },
    successRateByBackendSql(),
  )
    .unit('percentunit')
    .decimals(1)
    .min(0)
    .max(1)
    .thresholds(successRateSteps())
    .thresholdsStyle(dashedThresholds())
    .displayName('${__field.labels.backend}')
    .dataLinks([
      linkTo('backend', 'Open ${__field.labels.backend}', { backend: '${__field.labels.backend}' }),
    ]);
