import { config } from '../config';
import { isBad, isScheduled, sql } from '../sql';
import { evaluatedAt, oneLimit } from './alert-instances';
import { changesFrom } from './shared-breakage';

const { sharedBreakage, probe, alerts } = config;

/** How many backends each change of the last hours broke; of those changes where anything was bad or run again. */
export const brokenBackends = () => sql`
    SELECT
      upstream_repo AS upstream,
      if(pr_number = 0, 'none', toString(pr_number)) AS pr,
      sha,
      event_type AS event,
      bad_backends AS value
    FROM (
    ${changesFrom(
      `oot_jobs_as_of(from = ${evaluatedAt} - INTERVAL ${sharedBreakage.knownToFail.days} DAY, to = ${evaluatedAt}, at = ${evaluatedAt})`,
      `${evaluatedAt} - INTERVAL ${alerts.sharedBreakageHours} HOUR`,
      '1',
    )}
    )
    WHERE noticed_jobs > 0
    ORDER BY upstream, pr, sha, event`;

export const sharedFrom = () => oneLimit(sharedBreakage.minBackends);

const pullRequests = 'pull requests';
/** The label `check` of the probe's scheduled runs. */
export const nightlyCheck = 'nightly';

const ofProbe = (days: number) => sql`
      FROM oot_jobs_as_of(from = ${evaluatedAt} - INTERVAL ${days} DAY, to = ${evaluatedAt}, at = ${evaluatedAt})
      WHERE downstream_repo = '${probe.backend}'`;

/**
 * Two rows. Of the probe's last PRs, how many had a job that ended otherwise than announced, or never: the relay is
 * what it tests. And hours since its newest nightly or periodic run began. No PR at all counts as all of them bad, no
 * run at all as one before the first day that is looked at: here, no data is what one has to hear of.
 */
export const probeHealth = () => sql`
    SELECT '${pullRequests}' AS check, toFloat64(if(count() = 0, ${probe.lastPrs}, countIf(is_unexpected))) AS value
    FROM (
      SELECT countIf(${isBad} OR is_overdue) > 0 AS is_unexpected
      ${ofProbe(alerts.probe.prDays)}
        AND pr_number > 0
      GROUP BY upstream_repo, pr_number
      HAVING countIf(is_counted OR is_overdue) > 0
      ORDER BY max(received_at) DESC
      LIMIT ${probe.lastPrs}
    )
    UNION ALL
    SELECT '${nightlyCheck}' AS check, dateDiff('second', ifNull(maxOrNull(received_at), ${evaluatedAt} - INTERVAL ${alerts.probe.nightlyDays} DAY), ${evaluatedAt}) / 3600 AS value
    ${ofProbe(alerts.probe.nightlyDays)}
      AND ${isScheduled}`;

/** The same two rows: no PR may be off, and a nightly has to come in time. */
export const probeLimits = () => sql`
    SELECT '${pullRequests}' AS check, toFloat64(0) AS value
    UNION ALL
    SELECT '${nightlyCheck}' AS check, toFloat64(${probe.maxHoursSinceNightly}) AS value`;
