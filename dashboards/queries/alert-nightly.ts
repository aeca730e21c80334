import { config } from '../config';
import { isBad, isScheduled, sql } from '../sql';
import { byBackend, evaluatedAt, joinedToBackends, limitByBackend } from './alert-instances';
import { hoursSinceNewest, newsHours } from './nightly';

const { signalSeverity, nightly } = config.alerts;

/**
 * Hours since the newest nightly or periodic run of a backend began, as on the nightly page: a row for each event and upstream
 * repository that it ran for, none where it never ran by the clock.
 */
export const hoursSinceRun = () =>
  byBackend(
    signalSeverity,
    'hours_since',
    joinedToBackends(sql`
    SELECT backend AS downstream_repo, event, upstream, hours_since
    FROM (
    ${hoursSinceNewest(isScheduled)}
    )`),
    { condition: `event != ''`, labels: ['event', 'upstream'] },
  );

/** A row a backend fits those of all its events. */
export const lateAfter = () => limitByBackend(signalSeverity, nightly.lateHours);

/** Nightly and periodic jobs of the last hours that did not end as expected. */
export const unexpectedJobs = () =>
  byBackend(
    signalSeverity,
    'unexpected_jobs',
    joinedToBackends(sql`
    SELECT downstream_repo, countIf(${isBad}) AS unexpected_jobs
    FROM oot_jobs_as_of(from = ${evaluatedAt} - INTERVAL ${newsHours} HOUR, to = ${evaluatedAt}, at = ${evaluatedAt})
    WHERE ${isScheduled}
    GROUP BY downstream_repo`),
  );

export const unexpectedMoreThan = () => limitByBackend(signalSeverity, nightly.unexpectedMoreThan);
