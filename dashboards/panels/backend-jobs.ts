import { config } from '../config';
import { steps, successRateSteps } from '../fields';
import { field, linkOut } from '../links';
import {
  attemptRows,
  attemptsSql,
  environmentsSql,
  flakiestJobsSql,
  jobRows,
  slowestJobsSql,
} from '../queries/backend-jobs';
import {
  decimals,
  displayName,
  gaugeCell,
  hidden,
  noPullRequest,
  outcomeCell,
  tablePanel,
  unit,
  width,
} from './base';
import { cellLinks, linkToColumn, linkWithin } from './cell-links';

const { overrunHours } = config.readiness;
const whatIsChosen = 'Follows the workflows, jobs and event types chosen above.';

const seconds = (name: string) => [displayName(name), unit('s'), decimals(1), width(100)];
const thresholds = (value: ReturnType<typeof steps>) => ({ id: 'thresholds', value: value.build() });
const byThreshold = { id: 'color', value: { mode: 'thresholds' } };

export const slowestJobsPanel = () =>
  tablePanel(
    {
      title: 'Slowest jobs',
      description: `Of counted jobs, by their newest attempts, whose duration is known; the highest median first, at most ${jobRows}. Overruns took over ${overrunHours} h. The longest links to its run. ${whatIsChosen}`,
      noData: 'No duration is known in this time range',
    },
    slowestJobsSql(),
  )
    .overrideByName('workflow_name', [displayName('Workflow')])
    .overrideByName('job_name', [displayName('Job')])
    .overrideByName('median_seconds', seconds('Median'))
    .overrideByName('p95_seconds', seconds('p95'))
    .overrideByName('longest_seconds', [
      ...seconds('Longest'),
      cellLinks(linkToColumn('The longest run', 'longest_run_url')),
    ])
    .overrideByName('jobs', [displayName('Jobs'), width(70)])
    .overrideByName('overruns', [displayName('Overruns'), width(90)])
    .overrideByName('longest_run_url', [hidden]);

export const flakiestJobsPanel = () =>
  tablePanel(
    {
      title: 'Flakiest jobs',
      description: `Jobs of which attempts on one commit had different outcomes; only success, failure and timed out count. Flaky: such commits, of all on which the job has an outcome. Of re-runs: such commits, of those on which it has more than one. At most ${jobRows} jobs. Attempts received in the time range; ${whatIsChosen.toLowerCase()}`,
      noData: 'No job changed its outcome between attempts on one commit',
    },
    flakiestJobsSql(),
  )
    .overrideByName('workflow_name', [displayName('Workflow')])
    .overrideByName('job_name', [displayName('Job')])
    .overrideByName('flaky_commits', [displayName('Flaky commits'), width(110)])
    .overrideByName('rerun_commits', [displayName('Re-run commits'), width(120)])
    .overrideByName('commits', [displayName('Commits'), width(80)])
    .overrideByName('flaky_rate', [
      displayName('Flaky'),
      unit('percentunit'),
      decimals(1),
      width(110),
      ...gaugeCell(0, 1),
      byThreshold,
      thresholds(
        steps(
          [null, config.colors.success],
          [0.01, config.warningColor],
          [1 - config.successRate.good, config.colors.failure],
        ),
      ),
    ])
    .overrideByName('flaky_rerun_rate', [
      displayName('Of re-runs'),
      unit('percentunit'),
      decimals(0),
      width(90),
    ])
    .overrideByName('last_flaky_at', [
      displayName('Last'),
      unit('dateTimeFromNow'),
      width(120),
      cellLinks(linkToColumn('The newest such run', 'last_flaky_run_url')),
    ])
    .overrideByName('last_flaky_run_url', [hidden]);

export const environmentsPanel = () =>
  tablePanel(
    {
      title: 'Environments',
      description: `Where the jobs ran, as they say themselves (JSON), by their newest attempts; the most used first, at most ${jobRows}. Success rate of those that count. ${whatIsChosen}`,
      noData: 'No job was received in this time range',
    },
    environmentsSql(),
  )
    .overrideByName('environment', [
      displayName('Environment'),
      { id: 'mappings', value: [{ type: 'value', options: { '': { text: 'not reported', index: 0 } } }] },
      { id: 'custom.inspect', value: true },
    ])
    .overrideByName('jobs', [displayName('Jobs'), width(80)])
    .overrideByName('success_rate', [
      displayName('Success rate'),
      unit('percentunit'),
      decimals(1),
      width(160),
      ...gaugeCell(0, 1),
      byThreshold,
      thresholds(successRateSteps()),
    ])
    .overrideByName('first_seen', [displayName('First seen'), unit('dateTimeAsIso'), width(170)])
    .overrideByName('last_seen', [displayName('Last seen'), unit('dateTimeFromNow'), width(130)]);

export const attemptsPanel = () =>
  tablePanel(
    {
      title: 'Attempts',
      description: `Every check run received in the time range, the newest ${attemptRows.toLocaleString('en')} first; not only the newest attempt of a job. Queue time of first attempts only. Empty: not known. Overdue: running for over ${config.overdueMinutes} min. Follows the workflows, jobs, outcomes and event types chosen above.`,
      noData: 'No attempt was received in this time range with what is chosen above',
    },
    attemptsSql(),
  )
    .overrideByName('received_at', [displayName('Received'), width(165)])
    .overrideByName('pr_number', [
      displayName('PR'),
      width(85),
      noPullRequest,
      cellLinks(
        linkWithin('All backends on this commit', 'change_page_url'),
        linkToColumn('Pull request', 'pull_request_url'),
      ),
    ])
    .overrideByName('sha8', [
      displayName('Commit'),
      width(90),
      cellLinks(
        linkWithin('All backends on this commit', 'change_page_url'),
        linkOut('Commit', `${config.github}/${field('upstream_repo')}/commit/${field('pytorch_head_sha')}`),
      ),
    ])
    .overrideByName('event_type', [displayName('Event'), width(105)])
    .overrideByName('workflow_name', [displayName('Workflow')])
    .overrideByName('job_name', [displayName('Job')])
    .overrideByName('run_attempt', [displayName('Attempt'), width(75)])
    .overrideByName('shown_outcome', [displayName('Outcome'), width(95), ...outcomeCell])
    .overrideByName('duration_seconds', [displayName('Duration'), unit('s'), decimals(1), width(95)])
    .overrideByName('queue_seconds', [displayName('Queue'), unit('s'), decimals(1), width(95)])
    .overrideByName('passed_tests', [displayName('Tests passed'), width(105)])
    .overrideByName('total_tests', [displayName('of'), width(80)])
    .overrideByName('run', [
      displayName('Run'),
      width(60),
      cellLinks(linkToColumn('Run', 'workflow_run_url')),
    ])
    .overrideByName('artifacts', [
      displayName('Artifacts'),
      width(85),
      cellLinks(linkToColumn('Artifacts', 'artifact_url')),
    ])
    .overrideByName('change_page_url', [hidden])
    .overrideByName('pull_request_url', [hidden])
    .overrideByName('upstream_repo', [hidden])
    .overrideByName('pytorch_head_sha', [hidden])
    .overrideByName('workflow_run_url', [hidden])
    .overrideByName('artifact_url', [hidden]);
