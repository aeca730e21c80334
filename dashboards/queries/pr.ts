import { config } from '../config';
import { isNewestIn, sql } from '../sql';
import * as change from './change';
import { blockingLevel, ofVerdicts, shaCondition, upstreamCondition } from './change';
import { headSha, jobCounts, verdictOfCounts } from './pr-verdict';

const { listedDays, listedPrs } = config.pr;

const prNumber = 'toUInt64OrZero(${pr:singlequote})';
/** Of every event: a nightly has no PR, so it never is PR 0's. */
const prCondition = `pr_number > 0 AND pr_number = ${prNumber} AND ${upstreamCondition}
      AND toDate(received_at) IN (SELECT day FROM oot_pr_day WHERE pr_number = ${prNumber})`;

export const prChange: change.Change = {
  condition: prCondition,
  otherPrs: `pr_number > 0 AND pr_number != ${prNumber}`,
  otherPr: 'other PR',
  suspect: 'this PR',
  isBlockable: true,
};

/** "5/8 backends passed, 1 failing, 2 running". No row where no backend has reported. */
export const prSentenceSql = change.sentenceSql(prChange);

/** Each backend's verdict on the commit, worst first, those that block before others. */
export const prBackendsSql = change.backendsSql(prChange);

/** Each workflow of each backend on the commit: its verdict, and how many of its jobs came to what. */
export const prWorkflowsSql = change.workflowsSql(prChange);

/** Every job of the commit, worst first, and beside each bad one whether it fails on other PRs too. */
export const prJobsSql = change.jobsSql(prChange);

/** The same rows with what a panel has no room for. */
export const prJobsInFullSql = change.jobsSql(
  prChange,
  ['event_type', 'started_at', 'completed_at'],
  ['is_counted', 'is_as_expected'],
);

/** "2 of 3 failing jobs also fail on other PRs". No row where no backend has reported. */
export const prElsewhereSql = change.elsewhereSql(prChange);

/** One row a failed test of a job of the commit; a last one a job for those that didn't fit. */
export const prFailedTestsSql = change.failedTestsSql(prChange);

/** Backends that fail and block the PR, by name. No row where no backend has reported. */
export const prBlockingSql = sql`
  WITH ${change.jobsOfCommit(prChange)}, ${change.backendsOfCommit(prChange)}
  SELECT if(countIf(is_blocking) = 0, 'nothing blocks', concat('blocked by ', arrayStringConcat(arraySort(groupArrayIf(downstream_repo, is_blocking)), ', '))) AS blocking
  FROM backends
  HAVING count() > 0`;

/** One row a commit of the PR: when its first attempt was received. The newest is the one received last. */
const commits = sql`
  commits AS (
    SELECT ${headSha} AS sha, min(received_at) AS first_received_at, max(received_at) AS last_received_at
    FROM oot_attempts
    WHERE ${prCondition}
    GROUP BY sha
  )`;

/** Whether the commit that is looked at is the newest of the PR. */
export const prCommitSql = sql`
  WITH ${commits}
  SELECT concat(
      if(startsWith(sha, 'delivery '), sha, substring(sha, 1, 7)),
      multiIf(commits = 1, ' is the only commit', newest_first = 1, ' is the newest of ', ' is not the newest of '),
      if(commits = 1, '', concat(toString(commits), ' commits'))) AS commit
  FROM (
    SELECT sha, row_number() OVER (ORDER BY first_received_at DESC, sha DESC) AS newest_first, count() OVER () AS commits
    FROM commits
  )
  WHERE ${shaCondition}
  LIMIT 1`;

/** As in oot_jobs. */
const isNewest = isNewestIn('toDateTime64(0, 3)', "toDateTime64('2200-01-01 00:00:00', 3)");

/** One row a commit of the PR, newest first. */
export const prCommitsSql = sql`
  WITH verdicts AS (
    SELECT
      ${headSha} AS sha,
      downstream_repo,
      min(received_at) AS first_at,
      max(received_at) AS last_at,
      ${jobCounts(isNewest)},
      ${verdictOfCounts} AS verdict,
      registry.level = '${blockingLevel}' AND verdict = 'failure' AS is_blocking
    FROM oot_attempts
    LEFT JOIN (SELECT repo, level FROM oot_backends) AS registry ON registry.repo = downstream_repo
    WHERE ${prCondition}
    GROUP BY sha, downstream_repo, registry.level
    HAVING jobs > 0
  )
  SELECT
    sha,
    ${ofVerdicts}
  FROM verdicts
  GROUP BY sha
  ORDER BY first_received_at DESC, sha DESC`;

const recently = `oot_jobs_between(from = now64(3) - INTERVAL ${listedDays} DAY, to = now64(3) + INTERVAL 1 MINUTE)`;

/** Upstream repositories with PRs, most PRs first. */
export const prUpstreamsSql = sql`
  SELECT upstream_repo
  FROM ${recently}
  WHERE pr_number > 0
  GROUP BY upstream_repo
  ORDER BY uniqExact(pr_number) DESC, upstream_repo`;

/** PRs, highest number first. */
export const prNumbersSql = sql`
  SELECT toString(pr_number) AS pr
  FROM ${recently}
  WHERE pr_number > 0 AND ${upstreamCondition}
  GROUP BY pr_number
  ORDER BY pr_number DESC
  LIMIT ${listedPrs}`;

/** Commits of the PR, newest first: value, then what is shown. */
export const prShasSql = sql`
  WITH ${commits}
  SELECT sha, concat(if(startsWith(sha, 'delivery '), sha, substring(sha, 1, 7)), formatDateTime(first_received_at, ' (%Y-%m-%d %H:%i UTC)', 'UTC')) AS shown
  FROM commits
  ORDER BY first_received_at DESC, sha DESC`;
