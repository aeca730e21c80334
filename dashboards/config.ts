import type { State } from './states';

/**
 * Every uid, threshold, window and colour, once. Panels, their texts, and (next to them) alert rules read these.
 * Sources of the thresholds: the HUD's pages, and the promotion criteria that its users agreed on.
 */
export const config = {
  datasource: {
    type: 'grafana-clickhouse-datasource',
    /** Of the provisioned data source; dashboards use the variable `datasource`, alert rules this. */
    uid: 'oot-clickhouse',
    name: 'OOT ClickHouse',
    pluginVersion: '4.20.0',
  },
  folder: { uid: 'oot', title: 'OOT CI' },
  tag: 'oot-ci',
  dashboards: {
    summary: { uid: 'oot-summary', title: 'OOT backends' },
    backend: { uid: 'oot-backend', title: 'OOT backend' },
    pr: { uid: 'oot-pr', title: 'OOT pull request' },
    nightly: { uid: 'oot-nightly', title: 'OOT nightly' },
    readiness: { uid: 'oot-readiness', title: 'OOT readiness' },
    pipeline: { uid: 'oot-pipeline', title: 'OOT pipeline' },
  },
  time: { from: 'now-7d', to: 'now', refresh: '1m' },
  /** Where a link to an upstream PR or commit goes. */
  github: 'https://github.com',

  colors: {
    success: 'green',
    failure: 'red',
    timed_out: 'orange',
    cancelled: '#8e8e8e',
    skipped: '#b0b0b0',
    neutral: '#c9c9c9',
    running: 'blue',
    overdue: 'purple',
    /** Nothing is known: no jobs, never reported. */
    none: 'text',
  } satisfies Record<State, string>,

  /** Share of counted jobs that ended as expected, 0 to 1. The HUD's colours. */
  successRate: { good: 0.95, fair: 0.8 },
  /** A state in a word is taken from this many of the newest counted jobs, if there are at least so many. */
  state: { lastJobs: 20, minJobs: 5, brokenJobs: 5, maxAgeDays: 7 },
  /** Minutes after which a running job is overdue; the views decide by the same number (a test compares). */
  overdueMinutes: 375,
  /** Hours without a result after which a backend that used to report is silent. */
  silentHours: { perPullRequest: 36, nightlyOnly: 30 },
  nightly: { maxHoursSinceLast: 30 },

  /** L2 to L3: all of them over the window, for a backend that has been at L2 and has sent data long enough. */
  readiness: {
    windowDays: 14,
    successRate: 0.9,
    meanQueueMinutes: 30,
    medianEndToEndHours: 3,
    timeoutRate: 0.01,
    overrunRate: 0.01,
    overrunHours: 3,
    monthAtLevelDays: 30,
    dataDays: 14,
  },

  pipeline: { delayTargetSeconds: 60, delayGoodSeconds: 5, heartbeatStaleMinutes: 5 },
} as const;
