import { config } from '../config';
import { field, linkOut, linkTo } from '../links';
import {
  commitBackendsSql,
  commitChange,
  commitElsewhereSql,
  commitEventsSql,
  commitFailedTestsSql,
  commitJobsSql,
  commitsSql,
  commitSentenceSql,
  commitWorkflowsSql,
} from '../queries/commit';
import { displayName, hidden, width } from './base';
import { cellLinks } from './cell-links';
import {
  backendsSentence,
  elsewhereSentence,
  nothingReported,
  sentencePanel,
  verdictText,
} from './change-head';
import { backendsTable, commitsTable, failedTestsTable, jobsTable, workflowsTable } from './change-tables';

const githubLinks = [linkOut('Commit on GitHub', `${config.github}/\${upstream}/commit/\${sha}`)];

/** "5/8 backends passed, 1 failing, 2 running". */
export const commitSentence = () =>
  backendsSentence(
    {
      title: 'Backends',
      description: `Backends on the chosen commit, for the chosen events. ${verdictText} Click for GitHub.`,
    },
    commitSentenceSql,
    githubLinks,
  );

/** Do its failures show on PRs as well? */
export const commitElsewhere = () => elsewhereSentence(commitChange, 'Do PRs fail, too?', commitElsewhereSql);

/** Which commit, and what it was tested for. */
export const commitEvents = () =>
  sentencePanel(
    {
      title: 'Commit',
      description:
        'The chosen commit, and each event other than a pull request for which backends reported on it.',
      noData: nothingReported,
    },
    commitEventsSql,
    'commit',
  ).dataLinks(githubLinks);

export const commitBackends = () => backendsTable(commitChange, commitBackendsSql);
export const commitWorkflows = () => workflowsTable(commitWorkflowsSql);
export const commitJobs = () =>
  jobsTable(commitChange, commitJobsSql).overrideByName('event_type', [displayName('Event'), width(100)]);
export const commitFailedTests = () => failedTestsTable(commitChange, commitFailedTestsSql);

/** One row a commit and event, newest first. */
export const commitsWithoutPr = () =>
  commitsTable(
    {
      title: 'Commits without a pull request, newest first',
      description: `What was pushed, and what ran by the clock: a row for each commit and event of which jobs were received in the time range, the newest ${config.rows.commits} by when the first of these was. ${verdictText} Good, bad, running, not counted: jobs, each by its newest attempt in the range.`,
      noData: 'No backend reported on a commit without a pull request in the time range',
    },
    commitsSql,
  )
    .overrideByName('sha', [
      displayName('Commit'),
      width(330),
      cellLinks(
        linkTo('commit', 'Show this commit', {
          upstream: '${upstream}',
          event: field('event_choice'),
          sha: field('sha'),
        }),
        linkOut('Commit on GitHub', `${config.github}/\${upstream}/commit/${field('sha')}`),
      ),
    ])
    .overrideByName('event', [displayName('Event'), width(100)])
    .overrideByName('event_choice', [hidden]);
