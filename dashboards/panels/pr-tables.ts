import { config } from '../config';
import { field, linkOut, linkTo } from '../links';
import {
  prChange,
  prBackendsSql,
  prCommitsSql,
  prFailedTestsSql,
  prJobsSql,
  prWorkflowsSql,
} from '../queries/pr';
import { displayName, width } from './base';
import { cellLinks } from './cell-links';
import { verdictText } from './change-head';
import { backendsTable, commitsTable, failedTestsTable, jobsTable, workflowsTable } from './change-tables';

export const prBackends = () => backendsTable(prChange, prBackendsSql);
export const prWorkflows = () => workflowsTable(prWorkflowsSql);
export const prJobs = () => jobsTable(prChange, prJobsSql);
export const prFailedTests = () => failedTestsTable(prChange, prFailedTestsSql);

/** One row a commit of the PR, newest first. */
export const prCommits = () =>
  commitsTable(
    {
      title: 'Commits of this PR, newest first',
      description: `Every commit of the PR that a backend reported on, by when its first attempt was received. ${verdictText} Good, bad, running, not counted: jobs.`,
      noData: 'No backend has reported on this PR',
    },
    prCommitsSql,
  ).overrideByName('sha', [
    displayName('Commit'),
    width(330),
    cellLinks(
      linkTo('pr', 'Show this commit', { upstream: '${upstream}', pr: '${pr}', sha: field('sha') }),
      linkOut('Commit on GitHub', `${config.github}/\${upstream}/commit/${field('sha')}`),
    ),
  ]);
