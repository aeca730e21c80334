import { setting, type Setting } from './settings';
import type { State } from './states';

const maxHoursSinceLast = 30;

/**
 * Every uid, threshold, window and colour, once. Panels, their texts, and (next to them) alert rules read these.
 * What is a `setting` can differ for a level or for one backend. Sources of the thresholds: the HUD's pages, and
 * the promotion criteria that its users agreed on.
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
  /**
   * Of rules from files. Grafana looks for it by title and for that of dashboards by uid, and makes what it does not find: with
   * one title there would be two folders of it.
   */
  rulesFolder: { title: 'OOT CI alerts' },
  tag: 'oot-ci',
  dashboards: {
    summary: { uid: 'oot-summary', title: 'OOT backends' },
    backend: { uid: 'oot-backend', title: 'OOT backend' },
    pr: { uid: 'oot-pr', title: 'OOT pull request' },
    commit: { uid: 'oot-commit', title: 'OOT commit' },
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
  /** Worth a look, not yet bad: a fair rate, a partial run, an unstable backend. */
  warningColor: 'yellow',

  /** Share of counted jobs that ended as expected, 0 to 1. The HUD's colours. */
  successRate: { good: 0.95, fair: 0.8 },
  /** A state in a word is taken from this many of the newest counted jobs, if there are at least so many. */
  state: {
    lastJobs: setting(20),
    minJobs: setting(5),
    brokenJobs: setting(5),
    maxAgeDays: setting(7),
    /** Under this share a backend is failing. L4 blocks merges: it has to hold what the promotion to L3 asks for. */
    failingUnder: setting(0.8, { levels: { L4: 0.9 } }),
  },
  /** Minutes after which a running job is overdue; the views decide by the same number (a test compares). */
  overdueMinutes: 375,
  /** Hours without a result after which a backend that used to report is silent. */
  silentHours: { perPullRequest: setting(36), nightlyOnly: setting(30) },
  nightly: {
    maxHoursSinceLast,
    /** How far before the range runs are read, so that its first run has one before it to compare with. */
    lookBackDays: 7,
    /** Hours, streaks and the newest run are looked for in so many days before the end of the range. */
    standingDays: 30,
    /** Results in so many hours before the end of the range are news. */
    newsHours: 24,
  },
  pr: {
    /** Failing jobs of backends at this level block the merge of the PR (RFC of the OOT CI). */
    blockingLevel: 'L4',
    /** What "right now" means on other PRs. */
    otherPrsHours: 24,
    /** GitHub lets people re-run a run for so many days: no first attempt is further from a re-run of it. */
    rerunDays: 30,
    /** PRs to choose from: those that had a result in so many days, at most so many. Any other can be typed. */
    listedDays: 30,
    listedPrs: 1000,
  },
  /** Commits without a PR to choose from: as with PRs. */
  commit: { listedDays: 30, listed: 1000 },
  /** So many backends of these levels that break on one PR or commit at once make upstream the suspect. */
  sharedBreakage: {
    minBackends: 2,
    levels: ['L3', 'L4'],
    /** A job that fails on more than this share of other changes (so many or more) in so many days says nothing
     *  about this one. */
    knownToFail: { share: 0.5, days: 3, minOthers: 3 },
  },
  /**
   * The relay's own check: a backend that fails on purpose, as its jobs' names announce. The views know it, too.
   * `lastRuns`: of its PRs, and of its scheduled runs.
   */
  probe: { backend: 'pytorch/crcr-test', lastRuns: 5, maxHoursSinceNightly: 30 },
  /** Most rows of a table. */
  rows: { top: 20, tests: 200, jobs: 50, attempts: 1000, commits: 50, entries: 100 },

  /** L2 to L3: all of them over the window, for a backend that has been at L2 and has sent data long enough. */
  readiness: {
    windowDays: 14,
    successRate: setting(0.9),
    meanQueueMinutes: setting(30),
    medianEndToEndHours: setting(3),
    timeoutRate: setting(0.01),
    overrunRate: setting(0.01),
    overrunHours: 3,
    monthAtLevelDays: 30,
    dataDays: 14,
  },

  pipeline: {
    delayTargetSeconds: 60,
    delayGoodSeconds: 5,
    /** A poller reads each second; Lambda is only run when something was written. */
    heartbeatStaleMinutes: { poller: 5, lambda: 60 },
    /** ClickHouse measures readiness each minute; what is older than this is shown to nobody. */
    readinessStaleMinutes: 10,
    /** "Now" of the delay: rows that were written in this many hours. */
    currentHours: 1,
    /** How far back the newest result of a backend is looked for. */
    lookBackDays: 90,
  },

  alerts: {
    /** For L1 the relay forwards nothing, so there is nothing to wait for. */
    levels: ['L2', 'L3', 'L4'],
    /** Whom a rule tells: the contact point of provisioning/. A rule names it, so nobody's own routing is replaced. */
    receiver: 'OOT CI',
    receiverUid: 'oot-ci',
    /** How long a first message waits for others of its rule, and when one that goes on is said again. */
    wait: { groupWait: '1m', groupInterval: '5m', repeatInterval: '12h' },
    /** Where the runbook can be read; a fork sets its own. */
    runbook: 'https://github.com/pytorch/oot-ci-health/blob/main/dashboards/runbook.md',
    /** When nothing is sent: Alertmanager's time intervals, UTC. A year that is over stands for never; put yours here. */
    muteTiming: 'OOT CI maintenance',
    maintenance: [{ years: ['2000'] }] as TimeInterval[],

    /** Of a backend that fails: an L4 blocks merges, an L2 nobody. */
    backendSeverity: setting('info', { levels: { L3: 'warning', L4: 'critical' } }) as Setting<Severity>,
    /** Of what need not be looked at in the night. */
    signalSeverity: setting('info', { levels: { L3: 'warning', L4: 'warning' } }) as Setting<Severity>,
    overdue: { days: 2, moreThan: setting(0) },
    /** Hours: as the nightly page colours them. Who does not run on weekends gets more of them here. */
    nightly: { lateHours: setting(maxHoursSinceLast), unexpectedMoreThan: setting(0) },
    /** Levels that are measured against the criteria for L3, over their window, with so many jobs or runs at least. */
    readiness: { levels: ['L3', 'L4'], minSamples: setting(20) },
    /** Changes that had a result in so many hours. */
    sharedBreakageHours: 24,
    /** How far back the probe's PRs are looked for. */
    probe: { prDays: 7 },
    quarantineHours: 1,
  },
} as const;

/** Alertmanager's form of a time interval; every key narrows it down. */
export type TimeInterval = {
  times?: { start_time: string; end_time: string }[];
  weekdays?: string[];
  days_of_month?: string[];
  months?: string[];
  years?: string[];
};

/** How much it hurries; the habit of Prometheus' mixins. */
export type Severity = 'critical' | 'warning' | 'info';
