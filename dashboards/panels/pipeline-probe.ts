import { config } from '../config';
import { steps, thresholdColor } from '../fields';
import { field, linkOut } from '../links';
import { standingDays } from '../queries/nightly';
import { probeRunsSql, probeSummarySql } from '../queries/relay-probe';
import { cellLinks, linkWithin } from './cell-links';
import {
  decimals,
  displayName,
  hidden,
  hours,
  noPullRequest,
  statPanel,
  tablePanel,
  unit,
  width,
} from './base';
import { runCell } from './nightly-tables';
import { agoCell, badCountCell, countCell } from './pr-cells';

const { colors, probe, alerts } = config;

const whatItIs = `${probe.backend} tests the relay, not PyTorch: its jobs end as their names announce.`;
const lookedAt = `of the ${alerts.probe.prDays} days (pull requests) and ${standingDays} days (nightly and periodic runs) before the end of the time range, whatever is chosen above`;

/** Can what backends seem to do be believed? */
export const probeSummary = () =>
  statPanel(
    {
      title: "The relay's probe",
      description:
        `${whatItIs} PRs off: of its last ${probe.lastRuns}, those on which a job ended otherwise, or never. Last nightly: hours since its ` +
        `newest nightly or periodic run began, red over ${probe.maxHoursSinceNightly}. Only runs ${lookedAt}.`,
      noData: 'no run of the probe',
    },
    probeSummarySql,
  )
    .colorScheme(thresholdColor())
    .overrideByName('prs_off', [
      displayName(`PRs off, of ${probe.lastRuns}`),
      { id: 'thresholds', value: steps([null, colors.success], [1, colors.failure]).build() },
    ])
    .overrideByName('hours_since', [
      displayName('Last nightly'),
      unit(hours),
      decimals(1),
      {
        id: 'thresholds',
        value: steps([null, colors.success], [probe.maxHoursSinceNightly, colors.failure]).build(),
      },
    ]);

/** What the summary counts. */
export const probeRuns = () =>
  tablePanel(
    {
      title: 'Last runs of the probe',
      description: `${whatItIs} Its last ${probe.lastRuns} pull requests with a result, and its last ${probe.lastRuns} nightly and periodic runs, ${lookedAt}. Bad: ended otherwise than announced.`,
      noData: 'No run of the probe',
    },
    probeRunsSql,
  )
    .overrideByName('event', [displayName('Event'), width(110)])
    .overrideByName('upstream', [displayName('Upstream'), width(150)])
    .overrideByName('pr', [
      displayName('PR'),
      width(85),
      noPullRequest,
      cellLinks(linkWithin('All backends on this commit', 'change_page_url')),
    ])
    .overrideByName('sha', [
      displayName('Commit'),
      cellLinks(
        linkWithin('All backends on this commit', 'change_page_url'),
        linkOut('Commit on GitHub', `${config.github}/${field('upstream')}/commit/${field('sha')}`),
      ),
    ])
    .overrideByName('verdict', runCell('Run'))
    .overrideByName('jobs', countCell('Jobs'))
    .overrideByName('good_jobs', countCell('Good'))
    .overrideByName('bad_jobs', badCountCell('Bad'))
    .overrideByName('overdue_jobs', badCountCell('Overdue'))
    .overrideByName('running_jobs', countCell('Running'))
    .overrideByName('at', agoCell('When'))
    .overrideByName('change_page_url', [hidden]);
