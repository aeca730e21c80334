import { config } from '../config';
import { field, linkOut, linkTo } from '../links';
import { blockingLevel, otherPrsHours } from '../queries/change';
import { prBackendsSql, prCommitsSql, prFailedTestsSql, prJobsSql, prWorkflowsSql } from '../queries/pr';
import { displayName, hidden, outcomeCell, tablePanel, width } from './base';
import { cellLinks } from './cell-links';
import { agoCell, backendCell, badCountCell, coloredText, countCell, secondsCell, urlCell } from './pr-cells';
import { verdictText } from './pr-head';

const { colors } = config;
const nothing = 'No backend has reported on this commit';

const mergeCell = [
  displayName('Merge'),
  width(90),
  ...coloredText(['blocks', colors.failure], ['passed', colors.success], ['required', colors.running]),
];

/** One row a backend, worst first. */
export const prBackends = () =>
  tablePanel(
    {
      title: 'Backends, worst first',
      description:
        `${verdictText} Merge says what ${blockingLevel} backends mean for it: blocks (failing), required (not through yet), passed. ` +
        'Each square is a job, by workflow and name: green as expected, red failed, orange timed out, blue running, purple overdue, white not counted.',
      noData: nothing,
    },
    prBackendsSql,
  )
    .overrideByName('backend', backendCell)
    .overrideByName('level', [displayName('Level'), width(110)])
    .overrideByName('verdict', [displayName('Verdict'), width(100), ...outcomeCell])
    .overrideByName('merge', mergeCell)
    .overrideByName('strip', [displayName('Jobs, one square each')])
    .overrideByName('jobs', countCell('Jobs'))
    .overrideByName('good_jobs', countCell('Good'))
    .overrideByName('bad_jobs', badCountCell('Bad'))
    .overrideByName('running_jobs', countCell('Running'))
    .overrideByName('overdue_jobs', countCell('Overdue'))
    .overrideByName('uncounted_jobs', [displayName('Not counted'), width(100)])
    .overrideByName('longest_seconds', secondsCell('Longest job'))
    .overrideByName('queue_seconds', secondsCell('Queue'))
    .overrideByName('last_received_at', agoCell('Newest job'));

const sentenceColors = coloredText(
  ['.* failing.*', colors.failure],
  ['.* running.*', colors.running],
  ['0/.*', colors.cancelled],
  ['.*', colors.success],
);

/** One row a workflow of a backend, worst first. */
export const prWorkflows = () =>
  tablePanel(
    {
      title: 'Workflows, worst first',
      description: `Each workflow of each backend on the commit: how many of its jobs are as expected, of all of them, each by its newest attempt. The verdict as for a backend. The link goes to a bad job's run where there is one.`,
      noData: nothing,
    },
    prWorkflowsSql,
  )
    .overrideByName('backend', backendCell)
    .overrideByName('level', [displayName('Level'), width(110)])
    .overrideByName('workflow', [displayName('Workflow')])
    .overrideByName('verdict', [displayName('Verdict'), width(100), ...outcomeCell])
    .overrideByName('sentence', [displayName('Jobs'), width(260), ...sentenceColors])
    .overrideByName('longest_seconds', secondsCell('Longest job'))
    .overrideByName('last_received_at', agoCell('Newest job'))
    .overrideByName('run_url', urlCell('Run', 'run'));

/** One row a job, worst first, and whether it fails elsewhere. */
export const prJobs = () =>
  tablePanel(
    {
      title: 'Jobs, worst first, and whether they fail on other PRs',
      description:
        'Every job of the commit, by its newest attempt (of a run the highest attempt, of several runs the latest received). On other PRs: how many other PRs had a ' +
        `counted result of the same job (backend, workflow, name) in the last ${otherPrsHours} h, and on how many of them that whose run began last is bad. ` +
        '"Only here" points at this PR, "also failing" at the backend or at upstream. Probes expect what their name announces.',
      noData: nothing,
    },
    prJobsSql,
  )
    .overrideByName('backend', backendCell)
    .overrideByName('level', [displayName('Level'), width(110)])
    .overrideByName('workflow', [displayName('Workflow'), width(140)])
    .overrideByName('job', [displayName('Job'), width(200)])
    .overrideByName('outcome', [displayName('Outcome'), width(100), ...outcomeCell])
    .overrideByName('merge', mergeCell)
    .overrideByName('expected', [displayName('Expected'), width(130)])
    .overrideByName('other_prs_failing', [hidden])
    .overrideByName('other_prs', [hidden])
    .overrideByName('elsewhere', [
      displayName('On other PRs'),
      width(240),
      ...coloredText(
        ['only here.*', colors.failure],
        ['also failing.*', config.warningColor],
        ['ran on no.*', colors.cancelled],
      ),
    ])
    .overrideByName('failed_tests', [displayName('Failed tests'), width(100)])
    .overrideByName('total_tests', [displayName('Tests'), width(80)])
    .overrideByName('run_attempt', countCell('Attempt'))
    .overrideByName('duration_seconds', secondsCell('Duration'))
    .overrideByName('queue_seconds', secondsCell('Queue'))
    .overrideByName('received_at', agoCell('Received'))
    .overrideByName('run_url', urlCell('Run', 'run'))
    .overrideByName('log_url', urlCell('Log', 'log'))
    .overrideByName('artifact_url', urlCell('Artifacts', 'artifacts'));

/** One row a failed test, those that fail on most backends first. */
export const prFailedTests = () =>
  tablePanel(
    {
      title: 'Failed tests',
      description:
        'Failed tests that the newest attempt of each job of the commit sent along, those that fail on most backends first: a test that fails on several ' +
        'backends points at the PR. At most 500 rows. A job can fail without naming a test; how many it sent but did not fit stands in a last row.',
      noData: 'No job of this commit sent a failed test; a job may still have failed',
    },
    prFailedTestsSql,
  )
    .overrideByName('backend', backendCell)
    .overrideByName('workflow', [displayName('Workflow'), width(140)])
    .overrideByName('job', [displayName('Job'), width(200)])
    .overrideByName('test', [displayName('Test'), { id: 'custom.inspect', value: true }])
    .overrideByName('message', [displayName('Message'), { id: 'custom.inspect', value: true }])
    .overrideByName('backends', countCell('Backends'))
    .overrideByName('run_url', urlCell('Run', 'run'));

/** One row a commit of the PR, newest first. */
export const prCommits = () =>
  tablePanel(
    {
      title: 'Commits of this PR, newest first',
      description: `Every commit of the PR that a backend reported on, by when its first attempt was received. ${verdictText} Good, bad, running, not counted: jobs.`,
      noData: 'No backend has reported on this PR',
    },
    prCommitsSql,
  )
    .overrideByName('sha', [
      displayName('Commit'),
      width(330),
      cellLinks(
        linkTo('pr', 'Show this commit', { upstream: '${upstream}', pr: '${pr}', sha: field('sha') }),
        linkOut('Commit on GitHub', `${config.github}/\${upstream}/commit/${field('sha')}`),
      ),
    ])
    .overrideByName('shown', [displayName(' '), width(70)])
    .overrideByName('first_received_at', agoCell('First result'))
    .overrideByName('last_received_at', agoCell('Newest job'))
    .overrideByName('sentence', [displayName('Backends'), ...sentenceColors])
    .overrideByName('backends_passed', [displayName('Passed'), width(80)])
    .overrideByName('backends_failing', badCountCell('Failing'))
    .overrideByName('backends_running', countCell('Running'))
    .overrideByName('good', [displayName('Good jobs'), width(95)])
    .overrideByName('bad', badCountCell('Bad jobs'))
    .overrideByName('running', [displayName('Running jobs'), width(110)])
    .overrideByName('uncounted', [displayName('Not counted'), width(105)]);
