import { BigValueColorMode, ReduceDataOptionsBuilder } from '@grafana/grafana-foundation-sdk/common';
import { config } from '../config';
import { linkOut } from '../links';
import { blockingLevel, otherPrsHours } from '../queries/change';
import { prBlockingSql, prCommitSql, prElsewhereSql, prSentenceSql } from '../queries/pr';
import { statPanel, type PanelText } from './base';
import { textColors } from './pr-cells';

const { colors } = config;

/** How a backend's verdict comes about, for descriptions. */
export const verdictText =
  'A backend is failing when any counted job on the commit is not as expected; else it is running while a job runs ' +
  `(overdue after ${config.overdueMinutes} min); it has passed when all its counted jobs are as expected; where all its ` +
  'jobs were cancelled, skipped or neutral it is without a result. Each job by its newest attempt; only backends that ' +
  'reported on the commit.';

/** A sentence, large. The column's name is `column`, its one row the text. */
const sentencePanel = (text: PanelText, rawSql: string, column: string) =>
  statPanel(text, rawSql)
    .reduceOptions(
      new ReduceDataOptionsBuilder().calcs(['lastNotNull']).fields(`/^${column}$/`).values(false),
    )
    .unit('string')
    .colorMode(BigValueColorMode.Value);

const githubLinks = [
  linkOut('Pull request on GitHub', `${config.github}/\${upstream}/pull/\${pr}`),
  linkOut('Checks on GitHub', `${config.github}/\${upstream}/pull/\${pr}/checks`),
  linkOut('Commit on GitHub', `${config.github}/\${upstream}/commit/\${sha}`),
];

/** "5/8 backends passed, 1 failing, 2 running". */
export const prSentence = () =>
  sentencePanel(
    {
      title: 'PR ${pr}: backends',
      description: `Backends on the chosen commit of the PR. ${verdictText} Blocking: of level ${blockingLevel}. Click for GitHub.`,
      noData: 'No backend has reported on this commit',
    },
    prSentenceSql,
    'sentence',
  )
    .mappings(
      textColors(
        ['.* failing.*', colors.failure],
        ['.* overdue.*', colors.overdue],
        ['.* running.*', colors.running],
        ['0/.*', colors.cancelled],
        ['.*', colors.success],
      ),
    )
    .dataLinks(githubLinks);

/** Does anything keep the PR from merging? */
export const prBlocking = () =>
  sentencePanel(
    {
      title: 'Merge',
      description: `Backends of level ${blockingLevel} (allowlist) that are failing on the chosen commit: their results block the merge.`,
      noData: 'No backend has reported on this commit',
    },
    prBlockingSql,
    'blocking',
  ).mappings(textColors(['nothing blocks', colors.success], ['.*', colors.failure]));

/** Is it this PR? */
export const prElsewhere = () =>
  sentencePanel(
    {
      title: 'Is it this PR?',
      description:
        `Of the commit's jobs that are not as expected: how many are also bad on other PRs of the same upstream repository, in the last ${otherPrsHours} h. ` +
        'The same job: same backend, workflow and job name. Each other PR counts by that whose run began last, of those with a counted result.',
      noData: 'No backend has reported on this commit',
    },
    prElsewhereSql,
    'elsewhere',
  ).mappings(
    textColors(
      ['nothing fails', colors.success],
      ['unknown.*', colors.cancelled],
      ['0 of .*', colors.failure],
      ['.*', config.warningColor],
    ),
  );

/** Is this the newest commit? */
export const prCommit = () =>
  sentencePanel(
    {
      title: 'Commit',
      description:
        'Which of the commits that backends reported on is shown. The newest is the one whose first attempt was received last, whatever was re-run since.',
      noData: 'No backend has reported on this commit',
    },
    prCommitSql,
    'commit',
  )
    .mappings(textColors(['.* is not .*', config.warningColor], ['.*', 'text']))
    .dataLinks(githubLinks);
