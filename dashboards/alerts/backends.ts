import { config } from '../config';
import { percent } from '../fields';
import * as queries from '../queries/alert-backends';
import { evaluatedAt } from '../queries/alert-instances';
import { settingText } from '../settings';
import { inUrl, label, shown, type AlertRule, type RuleGroup } from './rule';

const { state, overdueMinutes, alerts, readiness } = config;

/** Whom an alert is about. */
export const who = `${label('backend')} (${label('level')}, oncall: ${label('oncall')})`;

/** What is the same for every rule about a backend. */
export const aboutBackend = {
  // No row: nobody is registered. A backend with too few jobs has a row, without a number.
  noData: 'OK',
  // OotReplicationStale tells when ClickHouse fails; a dozen of these at once would hide it.
  error: 'KeepLast',
  hasHistory: true,
} as const satisfies Partial<AlertRule>;

const onBackendPage = (id: number): AlertRule['panel'] => ({
  dashboard: 'backend',
  id,
  variables: { backend: inUrl('backend') },
});

/** Is a backend well? By the same decision as its state on the dashboards. */
export const backendRules = (): RuleGroup => ({
  name: 'oot-backends',
  every: '1m',
  rules: [
    {
      ...aboutBackend,
      name: 'OotBackendFailing',
      uid: 'oot-backend-failing',
      summary: 'A backend fails more of its newest jobs than its level allows.',
      description:
        `${who}: ${shown('A', 'share')} of its newest counted jobs ended as expected, its limit is ${shown('B', 'share')}. ` +
        `Looked at: ${settingText(state.lastJobs)} jobs of at most ${settingText(state.maxAgeDays)} days, at least ${settingText(state.minJobs)}.`,
      value: queries.lastJobsRate(),
      limit: queries.failingUnder(),
      comparison: '<',
      for: '10m',
      // Around the limit, every second job would page again.
      keepFiringFor: '1h',
      panel: onBackendPage(10),
    },
    {
      ...aboutBackend,
      name: 'OotBackendBroken',
      uid: 'oot-backend-broken',
      summary: 'Nothing of what a backend ran last ended as expected.',
      description: `${who}: its newest ${shown('A', 'count')} counted jobs all failed; ${shown('B', 'count')} in a row are too many.`,
      value: queries.badStreak(),
      limit: queries.brokenFrom(),
      comparison: '>=',
      // With the wait of its group, heard of within 10 minutes.
      for: '5m',
      keepFiringFor: '30m',
      panel: onBackendPage(1),
    },
    {
      ...aboutBackend,
      name: 'OotBackendSilent',
      uid: 'oot-backend-silent',
      summary: 'A backend that used to report does not any more.',
      description: `${who}: no result for ${shown('A', 'seconds')}; ${shown('B', 'seconds')} without any are too long.`,
      value: queries.secondsSilent(),
      limit: queries.silentFrom(),
      comparison: '>',
      for: '15m',
      // One result ends the silence for good.
      keepFiringFor: '0s',
      panel: { dashboard: 'summary', id: 10, variables: { backend: inUrl('backend') } },
    },
    {
      ...aboutBackend,
      name: 'OotJobsOverdue',
      uid: 'oot-jobs-overdue',
      summary: `Jobs have been running for more than ${overdueMinutes} minutes.`,
      description:
        `${who}: ${shown('A', 'count')} jobs of the last ${alerts.overdue.days} days are overdue, limit ${shown('B', 'count')}. ` +
        'Their end was lost, or their runner hangs.',
      value: queries.overdueJobs(),
      limit: queries.overdueMoreThan(),
      comparison: '>',
      for: '10m',
      keepFiringFor: '30m',
      panel: { ...onBackendPage(70), variables: { backend: inUrl('backend'), outcome: 'overdue' } },
    },
  ],
});

const demotion = (
  name: string,
  uid: string,
  column: 'mean_queue_seconds' | 'timeout_rate' | 'overrun_rate',
  summary: string,
  what: string,
): AlertRule => ({
  ...aboutBackend,
  name,
  uid,
  summary,
  description:
    `${who}: ${what} is ${shown('A', column === 'mean_queue_seconds' ? 'seconds' : 'share')} over ${queries.criterionBasis}, ` +
    `its limit is ${shown('B', column === 'mean_queue_seconds' ? 'seconds' : 'share')}.`,
  value: queries.criterionValue(column),
  pastValue: queries.criterionValue(column, evaluatedAt),
  limit: queries.criterionLimit(column),
  // The criterion is "under": at the limit it is broken.
  comparison: '>=',
  for: '30m',
  keepFiringFor: '6h',
  panel: { dashboard: 'readiness', id: 2, variables: { backend: inUrl('backend') } },
});

/** Does a backend hold what its level asks for? Windows of two weeks: no hurry, and no need to ask each minute. */
export const readinessRules = (): RuleGroup => ({
  name: 'oot-readiness',
  every: '10m',
  rules: [
    demotion(
      'OotQueueTimeHigh',
      'oot-queue-time-high',
      'mean_queue_seconds',
      `Jobs of a backend wait ${settingText(readiness.meanQueueMinutes)} minutes or more for a runner.`,
      'the mean queue time of its runs',
    ),
    demotion(
      'OotTimeoutRateHigh',
      'oot-timeout-rate-high',
      'timeout_rate',
      `${settingText(readiness.timeoutRate, percent)} or more of the jobs of a backend time out.`,
      'the share of counted jobs that timed out',
    ),
    demotion(
      'OotOverrunRateHigh',
      'oot-overrun-rate-high',
      'overrun_rate',
      `${settingText(readiness.overrunRate, percent)} or more of the jobs of a backend run for over ${readiness.overrunHours} hours.`,
      `the share of counted jobs that took over ${readiness.overrunHours} h`,
    ),
  ],
});
