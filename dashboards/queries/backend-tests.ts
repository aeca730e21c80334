import { config } from '../config';
import { jobsInRange, prNumbered, sql } from '../sql';
import { chosen, workflowAndJob } from './backend';

/** As many rows as the table of failing tests shows. */
export const testRows = config.rows.tests;

const text = (key: string) => `JSONExtractString(entry, '${key}')`;

/** A failed test's name; else what of its file and class is there. */
const testName = `multiIf(
        ${text('name')} != '', ${text('name')},
        ${text('classname')} != '' AND ${text('file')} != '', concat(${text('file')}, '::', ${text('classname')}),
        ${text('classname')} != '', ${text('classname')},
        ${text('file')} != '', ${text('file')},
        'unnamed test')`;

/** Tests that the newest attempts named as failed, by the number of jobs that did. */
export const failingTestsSql = () => sql`
  SELECT
    test,
    uniqExact(job_id) AS jobs,
    uniqExactIf(${prNumbered}, pr_number > 0) AS pull_requests,
    min(received_at) AS first_seen,
    max(received_at) AS last_seen,
    argMaxIf(message, (received_at, dynamoKey, message), message != '') AS newest_message,
    arrayStringConcat(arraySort(groupUniqArray(job)), ', ') AS in_jobs,
    argMax(workflow_run_url, (received_at, dynamoKey)) AS newest_run_url
  FROM
  (
    SELECT
      job_id,
      dynamoKey,
      upstream_repo,
      pr_number,
      received_at,
      workflow_run_url,
      ${workflowAndJob} AS job,
      ${testName} AS test,
      ${text('message')} AS message
    FROM
    (
      SELECT *, arrayJoin(JSONExtractArrayRaw(failed_tests_json)) AS entry
      FROM ${jobsInRange}
      WHERE ${chosen}
    )
  )
  GROUP BY test
  ORDER BY jobs DESC, pull_requests DESC, last_seen DESC, test
  LIMIT ${testRows}`;
