import { config } from '../config';
import { sql } from '../sql';
import { evaluatedAt, oneLimit } from './alert-instances';
import { standingDays } from './nightly';
import { countOff, probeHoursSince, probePullRequests } from './relay-probe';
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

/**
 * Two rows. Of the probe's last PRs, how many had a job that ended otherwise than announced, or never: the relay is
 * what it tests. And hours since its newest nightly or periodic run began. No PR at all counts as all of them bad, no
 * run at all as one before the first day that is looked at: here, no data is what one has to hear of.
 */
export const probeHealth = () => sql`
    SELECT '${pullRequests}' AS check, toFloat64(if(count() = 0, ${probe.lastRuns}, ${countOff})) AS value
    FROM (
    ${probePullRequests(evaluatedAt)}
    )
    UNION ALL
    SELECT '${nightlyCheck}' AS check, ifNull((
    ${probeHoursSince}
    ), toFloat64(${standingDays * 24})) AS value`;

/** The same two rows: no PR may be off, and a nightly has to come in time. */
export const probeLimits = () => sql`
    SELECT '${pullRequests}' AS check, toFloat64(0) AS value
    UNION ALL
    SELECT '${nightlyCheck}' AS check, toFloat64(${probe.maxHoursSinceNightly}) AS value`;
