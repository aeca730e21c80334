import { config } from '../config';
import { isScheduled, sql } from '../sql';
import { hoursSinceNewest, runsBetween, standingDays } from './nightly';
import { headSha, jobCounts, changePageUrl, verdictOfCounts } from './pr-verdict';

/*
 * What the relay is tested by: a backend whose jobs end as their names announce. The panel that shows it and the alert
 * rule that tells count the same.
 */

const { probe, alerts } = config;
const ofProbe = `downstream_repo = '${probe.backend}'`;

/** The probe's last PRs by a moment, newest first, each with its jobs by how they ended; only those with a result, or overdue. */
export const probePullRequests = (at: string): string => sql`
    SELECT
      upstream_repo,
      pr_number,
      argMax(${headSha}, received_at) AS sha,
      max(received_at) AS last_received_at,
      ${jobCounts()}
    FROM oot_jobs_as_of(from = ${at} - INTERVAL ${alerts.probe.prDays} DAY, to = ${at}, at = ${at})
    WHERE ${ofProbe} AND pr_number > 0
    GROUP BY upstream_repo, pr_number
    HAVING countIf(is_counted OR is_overdue) > 0
    ORDER BY last_received_at DESC
    LIMIT ${probe.lastRuns}`;

/** How many of these are off: a job ended otherwise than announced, or never. */
export const countOff = 'countIf(bad_jobs + overdue_jobs > 0)';

const scheduled = `${isScheduled} AND ${ofProbe}`;

/** Hours since a nightly or periodic run of it began, as the nightly page has them; NULL where there is none. */
export const probeHoursSince = sql`
      SELECT minOrNull(hours_since)
      FROM (
      ${hoursSinceNewest(scheduled)}
      )`;

const to = '$__toTime_ms';

/** Two numbers: PRs that are off, and hours since a scheduled run began; NULL where there is none. */
export const probeSummarySql = sql`
  SELECT
    (
      SELECT if(count() = 0, NULL, ${countOff})
      FROM (
      ${probePullRequests(to)}
      )
    ) AS prs_off,
    (
    ${probeHoursSince}
    ) AS hours_since`;

/** One row a PR and a scheduled run, the last of each, newest first. */
export const probeRunsSql = sql`
  WITH ${runsBetween(`${to} - INTERVAL ${standingDays} DAY`, to, scheduled)}
  SELECT
    event, upstream_repo AS upstream, pr_number AS pr, sha, verdict, jobs, good_jobs, bad_jobs, overdue_jobs, running_jobs, at,
    ${changePageUrl('sha', 'event')} AS change_page_url
  FROM (
    SELECT
      'pull_request' AS event, upstream_repo, pr_number, sha, ${verdictOfCounts} AS verdict,
      jobs, good_jobs, bad_jobs, overdue_jobs, running_jobs, last_received_at AS at
    FROM (
    ${probePullRequests(to)}
    )
    UNION ALL
    SELECT * FROM (
      SELECT
        event_type AS event, upstream_repo, toUInt64(0) AS pr_number, sha, verdict,
        jobs, good_jobs, bad_jobs, overdue_jobs, running_jobs, began_at AS at
      FROM runs
      ORDER BY at DESC, event, upstream_repo, sha
      LIMIT ${probe.lastRuns}
    )
  )
  ORDER BY pr > 0 DESC, at DESC, event, upstream, pr, sha`;
