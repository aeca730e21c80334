import { config } from '../config';
import { linkOut } from '../links';
import { blockingLevel } from '../queries/change';
import { prBlockingSql, prChange, prCommitSql, prElsewhereSql, prSentenceSql } from '../queries/pr';
import {
  backendsSentence,
  elsewhereSentence,
  nothingReported,
  sentencePanel,
  verdictText,
} from './change-head';
import { textColors } from './pr-cells';

const { colors } = config;

const githubLinks = [
  linkOut('Pull request on GitHub', `${config.github}/\${upstream}/pull/\${pr}`),
  linkOut('Checks on GitHub', `${config.github}/\${upstream}/pull/\${pr}/checks`),
  linkOut('Commit on GitHub', `${config.github}/\${upstream}/commit/\${sha}`),
];

/** "5/8 backends passed, 1 failing, 2 running". */
export const prSentence = () =>
  backendsSentence(
    {
      title: 'PR ${pr}: backends',
      description: `Backends on the chosen commit of the PR. ${verdictText} Blocking: of level ${blockingLevel}. Click for GitHub.`,
    },
    prSentenceSql,
    githubLinks,
  );

/** Does anything keep the PR from merging? */
export const prBlocking = () =>
  sentencePanel(
    {
      title: 'Merge',
      description: `Backends of level ${blockingLevel} (allowlist) that are failing on the chosen commit: their results block the merge.`,
      noData: nothingReported,
    },
    prBlockingSql,
    'blocking',
  ).mappings(textColors(['nothing blocks', colors.success], ['.*', colors.failure]));

/** Is it this PR? */
export const prElsewhere = () => elsewhereSentence(prChange, 'Is it this PR?', prElsewhereSql);

/** Is this the newest commit? */
export const prCommit = () =>
  sentencePanel(
    {
      title: 'Commit',
      description:
        'Which of the commits that backends reported on is shown. The newest is the one whose first attempt was received last, whatever was re-run since.',
      noData: nothingReported,
    },
    prCommitSql,
    'commit',
  )
    .mappings(textColors(['.* is not .*', config.warningColor], ['.*', 'text']))
    .dataLinks(githubLinks);
