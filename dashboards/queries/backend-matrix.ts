import { config } from '../config';
import { filters, isNewestIn, sql } from '../sql';
import { attemptInRange, chosen, verdict, workflowAndJob } from './backend';
import { changePageUrl } from './pr-verdict';

/** Rows of the matrix: newest commits. */
export const matrixCommits = config.rows.commits;

/** Where a link goes that has no run: to the backend's runs. */
const runsUrl = `concat('${config.github}/', \${backend:singlequote}, '/actions')`;
const runUrl = `if(workflow_run_url = '', ${runsUrl}, workflow_run_url)`;

/** What tells commits apart; a commit that nobody named counts as one a delivery, as it does in the views. */
const commit = "if(pytorch_head_sha = '', delivery_id, pytorch_head_sha)";

/**
 * One row a cell of the matrix commit x job, long, for Grafana to turn: newest commit first, jobs in the order of
 * their names. Every commit has every job, or the columns would stand in the order in which they happen to
 * appear. After turning, a cell knows nothing but its own value, so a value carries its link: `cell` is the URL
 * of the run and, after `#`, the verdict; `pull_request` that of the page of the PR or commit and, after `#`,
 * what to show. How new a commit is goes by its first attempt: a re-run does not make it newer.
 */
export const matrixSql = () => sql`
  SELECT
    concat(
      ${changePageUrl("if(sha = '', concat('delivery ', head), sha)")},
      '#',
      if(pr_number > 0, toString(pr_number), ''),
      if(pr_number > 0 AND event_type = 'pull_request', '', concat(if(pr_number > 0, ' ', ''), event_type)),
      ' ', left(head, 8)) AS pull_request,
    ${workflowAndJob} AS job,
    -- Of a job that the commit has and of the gap that stands for it, the job.
    if(empty(max(known.3)), concat(${runsUrl}, '#none'), max(known.3)) AS cell
  FROM
  (
    SELECT *, groupUniqArrayArray(arrayMap(one -> (one.1, one.2, ''), jobs)) OVER () AS gaps
    FROM
    (
      SELECT
        upstream_repo, pr_number, event_type, ${commit} AS head,
        min(received_at) AS first_received_at,
        any(pytorch_head_sha) AS sha,
        groupArrayIf(
          (workflow_name, job_name, concat(${runUrl}, '#', ${verdict})),
          ${isNewestIn('$__fromTime_ms', '$__toTime_ms')} AND ${filters.outcome}) AS jobs
      FROM oot_attempts
      WHERE ${attemptInRange} AND ${chosen}
      GROUP BY upstream_repo, pr_number, event_type, head
      HAVING notEmpty(jobs)
      ORDER BY first_received_at DESC, upstream_repo, pr_number DESC, event_type, head
      LIMIT ${matrixCommits}
    )
  )
  ARRAY JOIN arrayConcat(jobs, gaps) AS known
  GROUP BY upstream_repo, pr_number, event_type, head, first_received_at, sha, known.1 AS workflow_name, known.2 AS job_name
  ORDER BY first_received_at DESC, upstream_repo, pr_number DESC, event_type, head, workflow_name, job_name`;
