import { config } from '../config';
import { isBad, jobNumbered, oneValue, shownOutcome, sql } from '../sql';
import { headSha, jobCounts, verdictOfCounts, verdictRank } from './pr-verdict';

export const { blockingLevel, otherPrsHours, rerunDays } = config.pr;

/*
 * What the page of a pull request and that of a commit without one show alike: the jobs of one commit.
 */

/** What was tested. Conditions are on rows of oot_attempts, and on their `sha`. */
export type Change = {
  /** Whether an attempt belongs to what the page is about. */
  condition: string;
  /** Which PRs are others. */
  otherPrs: string;
  /** How one of them is called. */
  otherPr: string;
  /** What to suspect, where something fails here alone. */
  suspect: string;
  /** Whether failing backends of a level keep it from merging. */
  isBlockable: boolean;
};

export const upstreamCondition = 'upstream_repo IN (${upstream:singlequote})';
export const shaCondition = `sha = ${oneValue('sha')}`;

const columns = `downstream_repo, workflow_name, job_name, job_id, outcome, expected_outcome, is_counted,
    is_as_expected, is_overdue, ${isBad} AS is_bad, ${headSha} AS sha`;

/** Jobs of the commit that was chosen, of all time. */
export const jobsOfCommit = ({ condition }: Change, more = '') => sql`
  jobs AS (
    SELECT ${columns}${more}
    FROM oot_jobs
    WHERE ${condition}
      AND ${shaCondition}
  )`;

const isBlockingLevel = ({ isBlockable }: Change) =>
  isBlockable ? `registry.level = '${blockingLevel}'` : '0';

/** Each backend that reported on the commit, its verdict, and whether that blocks it. */
export const backendsOfCommit = (change: Change) => sql`
  backends AS (
    SELECT
      downstream_repo,
      ${jobCounts()},
      ${verdictOfCounts} AS verdict,
      registry.level AS level,
      ${isBlockingLevel(change)} AND verdict = 'failure' AS is_blocking
    FROM jobs
    LEFT JOIN (SELECT repo, level FROM oot_backends) AS registry ON registry.repo = downstream_repo
    GROUP BY downstream_repo, registry.level
  )`;

const part = (count: string, words: string) =>
  `if(${count} > 0, concat(', ', toString(${count}), ${words}), '')`;

/** The sentence on backends that a row of verdicts comes to. */
const sentence = `concat(
      toString(countIf(verdict = 'success')), '/', toString(count()), ' backends passed',
      ${part(`countIf(verdict = 'failure')`, `' failing'`)},
      if(countIf(is_blocking) > 0, concat(' (', toString(countIf(is_blocking)), ' blocking)'), ''),
      ${part(`countIf(verdict IN ('running', 'overdue'))`, `' running'`)},
      if(countIf(verdict = 'overdue') > 0, concat(' (', toString(countIf(verdict = 'overdue')), ' overdue)'), ''),
      ${part(`countIf(verdict = 'none')`, `' without a result'`)})`;

/** What the rows of a commit, a verdict a backend, come to. */
export const ofVerdicts = `if(${shaCondition}, 'shown', '') AS shown,
    min(first_at) AS first_received_at,
    max(last_at) AS last_received_at,
    ${sentence} AS sentence,
    countIf(verdict = 'success') AS backends_passed,
    countIf(verdict = 'failure') AS backends_failing,
    countIf(verdict IN ('running', 'overdue')) AS backends_running,
    sum(good_jobs) AS good,
    sum(bad_jobs) AS bad,
    sum(running_jobs) AS running,
    sum(uncounted_jobs) AS uncounted`;

/** "5/8 backends passed, 1 failing, 2 running". No row where no backend has reported. */
export const sentenceSql = (change: Change) => sql`
  WITH ${jobsOfCommit(change)}, ${backendsOfCommit(change)}
  SELECT ${sentence} AS sentence
  FROM backends
  HAVING count() > 0`;

/** Each backend's verdict on the commit, worst first, those that block before others. */
export const backendsSql = (change: Change) => sql`
  WITH ${jobsOfCommit(change, ', duration_seconds, queue_seconds, received_at')}
  SELECT
    downstream_repo AS backend,
    if(registry.level = '', 'not registered', registry.level) AS level,
    ${verdictOfCounts} AS verdict,
    if(${isBlockingLevel(change)}, if(verdict = 'failure', 'blocks', if(verdict = 'success', 'passed', 'required')), '') AS merge,
    arrayStringConcat(arrayMap(job -> tupleElement(job, 3), arraySort(groupArray((workflow_name, job_name, ${outcomeSquare()}))))) AS strip,
    ${jobCounts()},
    max(duration_seconds) AS longest_seconds,
    max(queue_seconds) AS queue_seconds,
    max(received_at) AS last_received_at
  FROM jobs
  LEFT JOIN (SELECT repo, level FROM oot_backends) AS registry ON registry.repo = downstream_repo
  GROUP BY downstream_repo, registry.level
  ORDER BY merge = 'blocks' DESC, ${verdictRank('verdict')}, registry.level DESC, backend`;

/** Each workflow of each backend on the commit: its verdict, and how many of its jobs came to what. */
export const workflowsSql = (change: Change) => sql`
  WITH ${jobsOfCommit(change, ', duration_seconds, received_at, workflow_run_url, attempt_id')}
  SELECT
    downstream_repo AS backend,
    if(registry.level = '', 'not registered', registry.level) AS level,
    workflow_name AS workflow,
    ${verdictOfCounts} AS verdict,
    concat(
      toString(good_jobs), '/', toString(jobs), ' passed',
      ${part('bad_jobs', `' failing'`)},
      ${part('running_jobs', `' running'`)},
      if(overdue_jobs > 0, concat(' (', toString(overdue_jobs), ' overdue)'), ''),
      ${part('uncounted_jobs', `' not counted'`)}) AS sentence,
    longest_seconds, last_received_at, run_url
  FROM (
    SELECT
      downstream_repo, workflow_name,
      ${jobCounts()},
      max(duration_seconds) AS longest_seconds,
      max(received_at) AS last_received_at,
      argMax(workflow_run_url, (is_bad, received_at, attempt_id)) AS run_url
    FROM jobs
    GROUP BY downstream_repo, workflow_name
  ) AS workflows
  LEFT JOIN (SELECT repo, level FROM oot_backends) AS registry ON registry.repo = downstream_repo
  ORDER BY ${verdictRank('verdict')}, registry.level DESC, backend, workflow`;

/** A square in the outcome's colour; green for whatever is as expected. */
function outcomeSquare(): string {
  return `multiIf(is_as_expected, '🟩', outcome = 'failure', '🟥', outcome = 'timed_out', '🟧', is_overdue, '🟪', outcome = 'running', '🟦', is_counted, '🟥', '⬜')`;
}

/**
 * For each job: on how many other PRs the same one (backend, workflow, name) had a counted result within the window, and on
 * how many of those it is bad. Of a PR that counts whose run began last, so an old commit's re-run doesn't beat a new commit's
 * first attempt.
 */
const others = ({ otherPrs }: Change) => sql`
  others AS (
    SELECT same_job, count() AS other_prs, countIf(is_bad_there) AS other_prs_failing
    FROM (
      SELECT same_job, other_pr, argMax(is_bad, (if(begun.run_key = 0, recent.received_at, begun.began_at), recent.received_at, job_id)) AS is_bad_there
      FROM (
        SELECT ${jobNumbered} AS same_job, pr_number AS other_pr, job_id, run_key, received_at, ${isBad} AS is_bad
        FROM oot_jobs_between(from = now64(3) - INTERVAL ${otherPrsHours} HOUR, to = now64(3) + INTERVAL 1 MINUTE)
        WHERE is_counted AND ${otherPrs} AND ${upstreamCondition}
      ) AS recent
      LEFT JOIN (
        SELECT run_key, received_at AS began_at
        FROM oot_runs_between(from = now64(3) - INTERVAL ${rerunDays} DAY - INTERVAL ${otherPrsHours} HOUR, to = now64(3) + INTERVAL 1 MINUTE)
      ) AS begun USING (run_key)
      GROUP BY same_job, other_pr
    )
    GROUP BY same_job
  )`;

const othersOfJob = `LEFT JOIN others ON others.same_job = ${jobNumbered}`;

const githubLog = `if(startsWith(workflow_run_url, '${config.github}/') AND match(run_id, '^[0-9]+$') AND match(check_run_id, '^[0-9]+$'),
      concat('${config.github}/', jobs.downstream_repo, '/actions/runs/', run_id, '/job/', check_run_id), '')`;

const jobDetails = `,
      ${shownOutcome} AS shown_outcome, run_id, check_run_id, run_attempt, duration_seconds, queue_seconds,
      failed_tests, total_tests, workflow_run_url, artifact_url, received_at`;

const listed = (columns: string[]) => columns.map((column) => `,\n    ${column}`).join('');

/**
 * Every job of the commit, worst first, and beside each bad one whether it fails on other PRs too. `details` are further
 * columns of the jobs, `judged` some that are read anyway; both are shown behind the others.
 */
export const jobsSql = (change: Change, details: string[] = [], judged: string[] = []) => sql`
  WITH ${jobsOfCommit(change, jobDetails + listed(details))}, ${others(change)}
  SELECT
    jobs.downstream_repo AS backend,
    if(registry.level = '', 'not registered', registry.level) AS level,
    jobs.workflow_name AS workflow,
    jobs.job_name AS job,
    shown_outcome AS outcome,
    if(is_bad AND ${isBlockingLevel(change)}, 'blocks', '') AS merge,
    if(expected_outcome = 'success', '', concat('expects ', expected_outcome)) AS expected,
    if(is_bad, others.other_prs_failing, NULL) AS other_prs_failing,
    if(is_bad, others.other_prs, NULL) AS other_prs,
    multiIf(
      NOT is_bad, '',
      others.other_prs = 0, 'ran on no ${change.otherPr}',
      others.other_prs_failing = 0, concat('only here: passes on ', toString(others.other_prs), if(others.other_prs = 1, ' ${change.otherPr}', ' ${change.otherPr}s')),
      concat('also failing on ', toString(others.other_prs_failing), ' of ', toString(others.other_prs), if(others.other_prs = 1, ' ${change.otherPr}', ' ${change.otherPr}s'))) AS elsewhere,
    failed_tests,
    total_tests,
    run_attempt,
    duration_seconds,
    queue_seconds,
    received_at,
    workflow_run_url AS run_url,
    ${githubLog} AS log_url,
    artifact_url${listed([...details, ...judged])}
  FROM jobs
  ${othersOfJob}
  LEFT JOIN (SELECT repo, level FROM oot_backends) AS registry ON registry.repo = jobs.downstream_repo
  ORDER BY
    merge = 'blocks' DESC,
    multiIf(is_bad, 0, is_overdue, 1, jobs.outcome = 'running', 2, NOT is_counted, 3, 4),
    registry.level DESC, backend, workflow, job`;

/** "2 of 3 failing jobs also fail on other PRs". No row where no backend has reported. */
export const elsewhereSql = (change: Change) => sql`
  WITH ${jobsOfCommit(change)}, ${others(change)}
  SELECT multiIf(
      countIf(is_bad) = 0, 'nothing fails',
      countIf(is_bad AND others.other_prs > 0) = 0, 'unknown: ran on no ${change.otherPr}',
      concat(toString(countIf(is_bad AND others.other_prs_failing > 0)), ' of ', toString(countIf(is_bad)),
        if(countIf(is_bad) = 1, ' failing job', ' failing jobs'), ' also on ${change.otherPr}s')) AS elsewhere
  FROM jobs
  ${othersOfJob}
  HAVING count() > 0`;

/** One row a failed test of a job of the commit; a last one a job for those that didn't fit. */
export const failedTestsSql = (change: Change) => sql`
  WITH ${jobsOfCommit(change, ', failed_tests_json, failed_tests_cut, workflow_run_url')},
  failed AS (
    SELECT
      downstream_repo, workflow_name, job_name, workflow_run_url,
      entry.1 AS test,
      entry.2 AS is_rest,
      JSONExtractString(test, 'name') AS name,
      multiIf(is_rest, concat('and ', toString(failed_tests_cut), ' more that did not fit'), name = '', test, name) AS test_name,
      JSONExtractString(test, 'message') AS message
    FROM jobs
    ARRAY JOIN arrayConcat(
      arrayMap(sent -> (sent, false), JSONExtractArrayRaw(failed_tests_json)),
      if(failed_tests_cut > 0, [('', true)], [])) AS entry
  )
  SELECT
    downstream_repo AS backend,
    workflow_name AS workflow,
    job_name AS job,
    test_name AS test,
    message,
    if(is_rest, NULL, uniqExact(downstream_repo) OVER (PARTITION BY is_rest, test_name)) AS backends,
    workflow_run_url AS run_url
  FROM failed
  ORDER BY is_rest, backends DESC, test, backend, workflow, job
  LIMIT 500`;
