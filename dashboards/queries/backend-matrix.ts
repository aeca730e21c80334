import { config } from '../config';
import { filters, jobsInRange, sql } from '../sql';
import { attemptInRange, chosen, verdict, workflowAndJob } from './backend';
import { prPageUrl } from './pr-verdict';

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
 * of the run and, after `#`, the verdict; `pull_request` that of the page of the PR or, without one, of the commit on
 * GitHub and, after `#`, what to show. How new a commit is goes by its first attempt: a re-run does not make it newer.
 */
export const matrixSql = () => sql`
  WITH
    jobs AS
    (
      SELECT
        upstream_repo, pr_number, event_type, ${commit} AS head, workflow_name, job_name,
        ${verdict} AS verdict,
        concat(${runUrl}, '#', verdict) AS linked
      FROM ${jobsInRange}
      WHERE ${chosen} AND ${filters.outcome}
    ),
    -- A value, which is found once; a list of rows would be found wherever it is named.
    (
      SELECT groupArray((upstream_repo, pr_number, event_type, head, first_received_at, sha))
      FROM
      (
        SELECT upstream_repo, pr_number, event_type, ${commit} AS head, min(received_at) AS first_received_at, any(pytorch_head_sha) AS sha
        FROM oot_attempts
        WHERE ${attemptInRange} AND ${chosen}
        GROUP BY upstream_repo, pr_number, event_type, head
        HAVING (upstream_repo, pr_number, event_type, head) IN (SELECT upstream_repo, pr_number, event_type, head FROM jobs)
        ORDER BY first_received_at DESC, upstream_repo, pr_number DESC, event_type, head
        LIMIT ${matrixCommits}
      )
    ) AS newest_commits,
    commits AS
    (
      SELECT
        newest.1 AS upstream_repo, newest.2 AS pr_number, newest.3 AS event_type, newest.4 AS head,
        newest.5 AS first_received_at, newest.6 AS sha
      FROM (SELECT arrayJoin(newest_commits) AS newest)
    ),
    shown AS
    (
      SELECT * FROM jobs
      WHERE (upstream_repo, pr_number, event_type, head) IN (SELECT upstream_repo, pr_number, event_type, head FROM commits)
    )
  SELECT
    concat(
      multiIf(
        pr_number > 0, ${prPageUrl("if(sha = '', concat('delivery ', head), sha)")},
        sha != '', concat('${config.github}/', upstream_repo, '/commit/', sha),
        ${runsUrl}),
      '#',
      if(pr_number > 0, toString(pr_number), ''),
      if(pr_number > 0 AND event_type = 'pull_request', '', concat(if(pr_number > 0, ' ', ''), event_type)),
      ' ', left(head, 8)) AS pull_request,
    ${workflowAndJob} AS job,
    if(empty(shown.linked), concat(${runsUrl}, '#none'), shown.linked) AS cell
  FROM (SELECT * FROM commits CROSS JOIN (SELECT DISTINCT workflow_name, job_name FROM shown) AS names) AS cells
  LEFT JOIN shown USING (upstream_repo, pr_number, event_type, head, workflow_name, job_name)
  ORDER BY first_received_at DESC, upstream_repo, pr_number DESC, event_type, head, workflow_name, job_name`;
