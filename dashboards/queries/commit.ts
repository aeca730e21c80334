import { config } from '../config';
import { isNewestIn, isSafe, oneValue, sql } from '../sql';
import * as change from './change';
import { ofVerdicts, shaCondition, upstreamCondition, type Change } from './change';
import { headSha, jobCounts, verdictOfCounts } from './pr-verdict';

const { listedDays, listed } = config.commit;

/** Whatever tested no pull request: pushes, nightly and periodic runs. */
const hasNoPr = `pr_number = 0 AND ${upstreamCondition}`;
const eventCondition = '$__conditionalAll(event_type IN (${event:singlequote}), $event)';
const onItsDays = `toDate(received_at) IN (SELECT day FROM oot_commit_day WHERE ${shaCondition})`;

export const commitChange: Change = {
  condition: `${hasNoPr} AND ${eventCondition}
      AND ${onItsDays}`,
  otherPrs: 'pr_number > 0',
  otherPr: 'PR',
  suspect: 'this commit, or one shortly before it',
  isBlockable: false,
};

/** "5/8 backends passed, 1 failing, 2 running". No row where no backend has reported. */
export const commitSentenceSql = change.sentenceSql(commitChange);

/** "2 of 3 failing jobs also on PRs". No row where no backend has reported. */
export const commitElsewhereSql = change.elsewhereSql(commitChange);

/** Each backend's verdict on the commit, worst first. */
export const commitBackendsSql = change.backendsSql(commitChange);

/** Each workflow of each backend on the commit: its verdict, and how many of its jobs came to what. */
export const commitWorkflowsSql = change.workflowsSql(commitChange);

/** Every job of the commit, worst first, and beside each bad one whether it fails on PRs too. */
export const commitJobsSql = change.jobsSql(commitChange, ['event_type']);

/** One row a failed test of a job of the commit; a last one a job for those that didn't fit. */
export const commitFailedTestsSql = change.failedTestsSql(commitChange);

const shortSha = `if(startsWith(sha, 'delivery '), sha, substring(sha, 1, 7))`;
const eventsInWords = `arrayStringConcat(arraySort(groupUniqArray(event_type)), ', ')`;

/** "1234567: nightly, push". No row where no backend has reported. */
export const commitEventsSql = sql`
  SELECT concat(${shortSha}, ': ', events) AS commit
  FROM (
    SELECT ${headSha} AS sha, ${eventsInWords} AS events
    FROM oot_attempts
    WHERE ${hasNoPr} AND ${onItsDays}
      AND ${shaCondition}
    GROUP BY sha
  )
  LIMIT 1`;

/** One row a commit without a PR and event, of the jobs received in the range; the commit last heard of for the first time first. */
export const commitsSql = sql`
  WITH verdicts AS (
    SELECT
      ${headSha} AS sha,
      event_type,
      downstream_repo,
      min(received_at) AS first_at,
      max(received_at) AS last_at,
      ${jobCounts('is_newest')},
      ${verdictOfCounts} AS verdict,
      0 AS is_blocking
    FROM (
      SELECT *, ${isNewestIn('$__fromTime_ms', '$__toTime_ms')} AS is_newest
      FROM oot_attempts
      WHERE received_at >= $__fromTime_ms AND received_at < $__toTime_ms AND ${hasNoPr} AND ${eventCondition}
    )
    GROUP BY sha, event_type, downstream_repo
    HAVING jobs > 0
  )
  SELECT
    sha,
    event_type AS event,
    -- What a link can choose: the event, or All.
    if(${isSafe('event_type')}, event_type, concat(char(36), '__all')) AS event_choice,
    ${ofVerdicts}
  FROM verdicts
  GROUP BY sha, event_type
  ORDER BY first_received_at DESC, sha DESC, event
  LIMIT ${config.rows.commits}`;

const recently = `oot_jobs_between(from = now64(3) - INTERVAL ${listedDays} DAY, to = now64(3) + INTERVAL 1 MINUTE)`;

/** Upstream repositories with commits that were tested without a PR, most jobs first. */
export const commitUpstreamsSql = sql`
  SELECT upstream_repo
  FROM ${recently}
  WHERE pr_number = 0
  GROUP BY upstream_repo
  ORDER BY count() DESC, upstream_repo`;

/** Such commits, newest first: value, then what is shown. */
export const commitShasSql = sql`
  SELECT sha, concat(${shortSha}, ' ', events, formatDateTime(first_received_at, ' (%Y-%m-%d %H:%i UTC)', 'UTC')) AS shown
  FROM (
    SELECT ${headSha} AS sha, ${eventsInWords} AS events, min(received_at) AS first_received_at
    FROM oot_attempts
    WHERE received_at >= now64(3) - INTERVAL ${listedDays} DAY AND ${hasNoPr}
    GROUP BY sha
    ORDER BY first_received_at DESC, sha DESC
    LIMIT ${listed}
  )`;

/** Events for which the commit was tested. */
export const commitEventListSql = sql`
  SELECT DISTINCT event_type
  FROM oot_attempts
  WHERE ${hasNoPr} AND ${onItsDays}
    AND ${headSha} = ${oneValue('sha')}
    AND ${isSafe('event_type')}
  ORDER BY event_type`;
