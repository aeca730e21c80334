import { config } from '../config';
import { settingSql } from '../settings';
import { sql } from '../sql';
import { byBackend, evaluatedAt, joinedToBackends, limitByBackend } from './alert-instances';
import { backendsPerPullRequest, registeredBackends, silenceAt } from './backend-results';
import { lastJobsAtEnd } from './backend-states';
import { atEnd } from './moments';
import { countedEvent, type CriterionColumn, criteria } from './readiness-criteria';
import { currentMeasure } from './readiness-measures';

const { state, silentHours, alerts } = config;
const { perPullRequest, nightlyOnly } = silentHours;
const { backendSeverity, signalSeverity, overdue, readiness } = alerts;

/** What decides whether a backend is silent, as on the dashboards. */
const silences = silenceAt(atEnd, []);

/** Share of the newest counted jobs that ended as expected, 0 to 1; NULL with fewer than it takes to judge. */
export const lastJobsRate = () =>
  byBackend(
    backendSeverity,
    `if(last_count >= ${settingSql(state.minJobs)}, last_rate, NULL)`,
    lastJobsAtEnd,
  );

export const failingUnder = () => limitByBackend(backendSeverity, state.failingUnder);

/** How many of the newest counted jobs in a row did not end as expected. */
export const badStreak = () => byBackend(backendSeverity, 'bad_streak', lastJobsAtEnd);

export const brokenFrom = () => limitByBackend(backendSeverity, state.brokenJobs);

/** Seconds since a backend's newest result; no row for one that never had any. */
export const secondsSilent = () =>
  byBackend(backendSeverity, '(at - last_result_ms) / 1000', silences, { condition: 'last_result_ms > 0' });

/** Seconds; less for a backend that only runs by the clock. A row more, of one without a result, is compared with nothing. */
export const silentFrom = () =>
  byBackend(
    backendSeverity,
    `if(downstream_repo IN (${backendsPerPullRequest(evaluatedAt)}), ${settingSql(perPullRequest)}, ${settingSql(nightlyOnly)}) * 3600`,
    registeredBackends,
  );

/** Jobs of the last days that are overdue. */
export const overdueJobs = () =>
  byBackend(
    signalSeverity,
    'overdue_jobs',
    joinedToBackends(sql`
    SELECT downstream_repo, countIf(is_overdue) AS overdue_jobs
    FROM oot_jobs_as_of(from = ${evaluatedAt} - INTERVAL ${overdue.days} DAY, to = ${evaluatedAt}, at = ${evaluatedAt})
    GROUP BY downstream_repo`),
  );

export const overdueMoreThan = () => limitByBackend(signalSeverity, overdue.moreThan);

const { levels } = readiness;

/**
 * A criterion of readiness over the window that ends now, as ClickHouse measures it each minute, or at another time; NULL
 * where too little is known to judge.
 */
export const criterionValue = (column: CriterionColumn, at?: string) =>
  byBackend(
    signalSeverity,
    `if(basis >= ${settingSql(readiness.minSamples)}, measured, NULL)`,
    joinedToBackends(currentMeasure(column, at)),
    { only: levels },
  );

export const criterionLimit = (column: CriterionColumn) => {
  const criterion = criteria.find((one) => one.column === column);
  if (!criterion) throw new Error(`${column} is no criterion`);
  return limitByBackend(signalSeverity, criterion.limit, levels);
};

/** What the criteria count, in words. */
export const criterionBasis = `${countedEvent} events of the last ${config.readiness.windowDays} days`;
