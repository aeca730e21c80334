import { config } from '../config';
import { blockingLevel, otherPrsHours, type Change } from '../queries/change';
import { displayName, hidden, outcomeCell, tablePanel, width, type PanelText } from './base';
import { nothingReported, verdictText } from './change-head';
import { agoCell, backendCell, badCountCell, coloredText, countCell, secondsCell, urlCell } from './pr-cells';

const { colors } = config;

const mergeCell = [
  displayName('Merge'),
  width(90),
  ...coloredText(['blocks', colors.failure], ['passed', colors.success], ['required', colors.running]),
];

/** One row a backend, worst first. */
export const backendsTable = ({ isBlockable }: Change, rawSql: string) =>
  tablePanel(
    {
      title: 'Backends, worst first',
      description:
        `${verdictText} ` +
        (isBlockable
          ? `Merge says what ${blockingLevel} backends mean for it: blocks (failing), required (not through yet), passed. `
          : '') +
        'Each square is a job, by workflow and name: green as expected, red failed, orange timed out, blue running, purple overdue, white not counted.',
      noData: nothingReported,
    },
    rawSql,
  )
    .overrideByName('backend', backendCell)
    .overrideByName('level', [displayName('Level'), width(110)])
    .overrideByName('verdict', [displayName('Verdict'), width(100), ...outcomeCell])
    .overrideByName('merge', isBlockable ? mergeCell : [hidden])
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
export const workflowsTable = (rawSql: string) =>
  tablePanel(
    {
      title: 'Workflows, worst first',
      description: `Each workflow of each backend on the commit: how many of its jobs are as expected, of all of them, each by its newest attempt. The verdict as for a backend. The link goes to a bad job's run where there is one.`,
      noData: nothingReported,
    },
    rawSql,
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
export const jobsTable = ({ isBlockable, otherPr, suspect }: Change, rawSql: string) =>
  tablePanel(
    {
      title: `Jobs, worst first, and whether they fail on ${otherPr}s`,
      description:
        'Every job of the commit, by its newest attempt (of a run the highest attempt, of several runs the latest received). ' +
        `On ${otherPr}s: how many ${otherPr}s had a counted result of the same job (backend, workflow, name) in the last ${otherPrsHours} h, and on how many of them that whose run began last is bad. ` +
        `"Only here" points at ${suspect}, "also failing" at the backend or at upstream. Probes expect what their name announces.`,
      noData: nothingReported,
    },
    rawSql,
  )
    .overrideByName('backend', backendCell)
    .overrideByName('level', [displayName('Level'), width(110)])
    .overrideByName('workflow', [displayName('Workflow'), width(140)])
    .overrideByName('job', [displayName('Job'), width(200)])
    .overrideByName('outcome', [displayName('Outcome'), width(100), ...outcomeCell])
    .overrideByName('merge', isBlockable ? mergeCell : [hidden])
    .overrideByName('expected', [displayName('Expected'), width(130)])
    .overrideByName('other_prs_failing', [hidden])
    .overrideByName('other_prs', [hidden])
    .overrideByName('elsewhere', [
      displayName(`On ${otherPr}s`),
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
export const failedTestsTable = ({ suspect }: Change, rawSql: string) =>
  tablePanel(
    {
      title: 'Failed tests',
      description:
        'Failed tests that the newest attempt of each job of the commit sent along, those that fail on most backends first: a test that fails on several ' +
        `backends points at ${suspect}. At most 500 rows. A job can fail without naming a test; how many it sent but did not fit stands in a last row.`,
      noData: 'No job of this commit sent a failed test; a job may still have failed',
    },
    rawSql,
  )
    .overrideByName('backend', backendCell)
    .overrideByName('workflow', [displayName('Workflow'), width(140)])
    .overrideByName('job', [displayName('Job'), width(200)])
    .overrideByName('test', [displayName('Test'), { id: 'custom.inspect', value: true }])
    .overrideByName('message', [displayName('Message'), { id: 'custom.inspect', value: true }])
    .overrideByName('backends', countCell('Backends'))
    .overrideByName('run_url', urlCell('Run', 'run'));

/** One row a commit, and what its backends come to. `sha` and what else tells it are the caller's columns. */
export const commitsTable = (text: PanelText, rawSql: string) =>
  tablePanel(text, rawSql)
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
