import { config } from '../config';
import { isBad, isOfLevels, jobNumbered, quoted, sql } from '../sql';

const { levels, knownToFail } = config.sharedBreakage;

/** What makes a bad job say something about the change it ran on, in words. */
export const brokenRule = `A job that fails on more than ${knownToFail.share * 100} % of the other changes of ${knownToFail.days} days (${knownToFail.minOthers} or more) is left out: it fails by itself`;

/**
 * One row a PR's commit, or commit, on which a backend of the levels had a job received at or after `listFrom`: how
 * many backends it broke. It broke one when a counted job of it is not as expected, unless that job is known to fail:
 * without that, two broken backends would accuse every PR. `jobs` reaches further back, to know what fails anyway.
 */
export const changesFrom = (jobs: string, listFrom: string, condition: string) => {
  const judged = sql`
            FROM ${jobs}
            WHERE ${isOfLevels(quoted(levels))}
              AND (pr_number > 0 OR pytorch_head_sha != '')
              AND ${condition}`;
  return sql`
        SELECT
            upstream_repo,
            pr_number,
            pytorch_head_sha AS sha,
            event_type,
            uniqExactIf(downstream_repo, is_broken) AS bad_backends,
            uniqExactIf(downstream_repo, is_counted) AS counted_backends,
            countIf(is_broken) AS bad_jobs,
            countIf(is_bad OR run_attempt > 1) AS noticed_jobs,
            arrayStringConcat(arraySort(groupUniqArrayIf(downstream_repo, is_broken)), ', ') AS backends,
            toDateTime(minIf(received_at, is_broken)) AS first_bad_at,
            toDateTime(maxIf(received_at, is_broken)) AS last_bad_at
        FROM (
            SELECT
                *,
                ${isBad} AS is_bad,
                is_bad AND (${sameJob}, ${sameChange}) NOT IN (
                ${failingAnyway(judged)}
                ) AS is_broken
            ${judged}
              AND received_at >= ${listFrom}
        )
        GROUP BY upstream_repo, pr_number, pytorch_head_sha, event_type`;
};

const sameJob = `cityHash64(cityHash64(upstream_repo), ${jobNumbered})`;
/** All commits of a pull request are one change, or its own failures would excuse it. */
const sameChange = "cityHash64(pr_number, if(pr_number = 0, pytorch_head_sha, ''))";

/** Jobs, and the changes on which they are bad without that saying anything. */
const failingAnyway = (judged: string) => sql`
                    SELECT job, change
                    FROM (
                        SELECT
                            ${sameJob} AS job,
                            ${sameChange} AS change,
                            countIf(is_counted) AS counted,
                            countIf(${isBad}) AS bad,
                            sum(counted) OVER same_job - counted AS others,
                            sum(bad) OVER same_job - bad AS bad_others
                        ${judged}
                        GROUP BY job, change
                        WINDOW same_job AS (PARTITION BY job)
                    )
                    WHERE bad > 0 AND others >= ${knownToFail.minOthers} AND bad_others > ${knownToFail.share} * others`;
