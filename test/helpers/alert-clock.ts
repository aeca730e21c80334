import { loadBackends, type Backend } from '../../clickhouse/backends';
import { dateTimeOfMs, readinessWriter, tables, type WorkflowJobRow } from '../../clickhouse/tables';
import { allRuleGroups } from '../../dashboards/alerts/all';
import {
  evaluateRule,
  renderAnnotations,
  type Evaluation,
  type Instance,
  type Labels,
} from '../../dashboards/alerts/evaluate';
import { durationMs, type AlertRule } from '../../dashboards/alerts/rule';
import { severityOf, trackRule, type AlertState, type TrackedInstance } from '../../dashboards/alerts/states';
import { startClickHouse, type TestClickHouse } from './engines';
import { attempt, insertAttempts } from './rows';

/*
 * Tests of alert rules in the manner of promtool: a history, a clock, and what fires when. Time is told in minutes
 * from a fixed moment that is past on every machine: what is not past has no "as of".
 */

const minuteMs = 60_000;
const startMs = Date.UTC(2026, 0, 14, 12);

export const hours = (count: number): number => count * 60;
export const days = (count: number): number => count * 24 * 60;
export const msAt = (minute: number): number => startMs + minute * minuteMs;
/** A DateTime64(3) of the minute. */
export const at = (minute: number): string => dateTimeOfMs(msAt(minute));

export const probe = 'pytorch/crcr-test';
const registry: Backend[] = [
  { repo: 'a/four', level: 'L4', device: '', oncalls: ['ann', 'bob'] },
  { repo: 'b/three', level: 'L3', device: 'npu', oncalls: ['cem'] },
  { repo: 'c/three', level: 'L3', device: 'npu', oncalls: [] },
  { repo: 'd/two', level: 'L2', device: '', oncalls: ['dee'] },
  { repo: 'e/one', level: 'L1', device: '', oncalls: ['eve'] },
  { repo: probe, level: 'L2', device: '', oncalls: [] },
];

/** Everything gone, and who is registered there again. ClickHouse measures nothing by itself: its clock is another. */
async function reset({ client }: TestClickHouse, backends = registry): Promise<void> {
  await client.command({ query: `SYSTEM STOP VIEW ${readinessWriter}` });
  for (const table of [...Object.values(tables), 'oot_readiness'])
    await client.command({ query: `TRUNCATE TABLE ${table}` });
  await loadBackends(client, backends, startMs);
}

async function insert({ client }: TestClickHouse, ...rows: WorkflowJobRow[]): Promise<void> {
  await insertAttempts(client, rows, { withRuns: true });
}

/** Readiness, as it is measured at a minute. */
async function measureReadinessAt({ client }: TestClickHouse, minute: number): Promise<void> {
  await client.command({ query: 'TRUNCATE TABLE oot_readiness' });
  await client.command({
    query: `INSERT INTO oot_readiness SELECT * FROM oot_readiness_at(at = '${at(minute)}')`,
  });
}

const marks = {
  s: { conclusion: 'success' },
  f: { conclusion: 'failure' },
  t: { conclusion: 'timed_out' },
  c: { conclusion: 'cancelled' },
  r: { status: 'in_progress', conclusion: '', state: 'running', completed_at: null },
} as const satisfies Record<string, Partial<WorkflowJobRow>>;
export type Mark = keyof typeof marks;

let made = 0;

/**
 * A job of its own PR, received at a minute: success, failure, timed out, cancelled or (still) running. Its outcome
 * came at the minute `outcome`, or together with the job.
 */
export function job(
  backend: string,
  minute: number,
  mark: Mark,
  { outcome = minute, ...overrides }: Omit<Partial<WorkflowJobRow>, 'outcome'> & { outcome?: number } = {},
): WorkflowJobRow {
  const n = ++made;
  return attempt({
    downstream_repo: backend,
    downstream_repo_level: '',
    received_at: at(minute),
    outcome_at: mark === 'r' ? null : at(outcome),
    pr_number: 1_000 + n,
    pytorch_head_sha: `sha-${n}`,
    run_id: `run-${n}`,
    ...marks[mark],
    ...overrides,
  });
}

/** The next attempt of a job. */
export const rerun = (of: WorkflowJobRow, minute: number, mark: Mark, outcome = minute): WorkflowJobRow =>
  job(of.downstream_repo, minute, mark, {
    outcome,
    pr_number: of.pr_number,
    pytorch_head_sha: of.pytorch_head_sha,
    event_type: of.event_type,
    workflow_name: of.workflow_name,
    job_name: of.job_name,
    run_id: of.run_id,
    run_attempt: of.run_attempt + 1,
  });

/** A job a mark, the last one received at `until`: `'ssf'`. */
export const series = (
  backend: string,
  text: string,
  {
    until = -10,
    every = 10,
    ...overrides
  }: Partial<WorkflowJobRow> & { until?: number; every?: number } = {},
): WorkflowJobRow[] =>
  Array.from(text).map((mark, index) =>
    job(backend, until - (text.length - 1 - index) * every, mark as Mark, overrides),
  );

/** What a rule says of one instance, whether it breaches or not. */
export const row = (
  labels: Labels,
  value: number | null,
  limit: number | null,
  isBreaching = false,
): Instance => ({ labels, value, limit, isBreaching });

/** An instance that people hear of; `labels` with the severity of its rule. */
export type Firing = { state: AlertState; labels: Labels; value: number | null; limit: number | null };

export const alerting = (labels: Labels, value: number | null, limit: number | null): Firing => ({
  state: 'Alerting',
  labels,
  value,
  limit,
});
export const recovering = (labels: Labels, value: number | null, limit: number | null): Firing => ({
  ...alerting(labels, value, limit),
  state: 'Recovering',
});

/** The rule and the interval of its group. */
export function ruleOf(name: string, groups = allRuleGroups()): { rule: AlertRule; everyMs: number } {
  const group = groups.find(({ rules }) => rules.some((rule) => rule.name === name));
  const rule = group?.rules.find((one) => one.name === name);
  if (!group || !rule) throw new Error(`no rule ${name}`);
  return { rule, everyMs: durationMs(group.every) };
}

const byLabels = (one: { labels: Labels }, other: { labels: Labels }): number =>
  JSON.stringify(one.labels) < JSON.stringify(other.labels) ? -1 : 1;

/** Every row of a rule at a minute, whether it breaches or not; `isPast: false` asks what Grafana asks. */
async function rowsAt(
  { client }: TestClickHouse,
  name: string,
  minute: number,
  isPast = true,
): Promise<Instance[]> {
  const { instances } = await evaluateRule(client, ruleOf(name).rule, { atMs: msAt(minute), isPast });
  return instances.sort(byLabels);
}

/** The rows that breach at a minute, however long they have: value by the first label. */
async function breachesAt(
  clickHouse: TestClickHouse,
  name: string,
  minute: number,
): Promise<Record<string, number | null>> {
  const rows = await rowsAt(clickHouse, name, minute);
  return Object.fromEntries(
    rows
      .filter(({ isBreaching }) => isBreaching)
      .map(({ labels, value }) => [Object.values(labels)[0] ?? '', value]),
  );
}

/** The texts of each instance that breaches at a minute, as people read them. */
async function textsAt(clickHouse: TestClickHouse, name: string, minute: number) {
  const rows = await rowsAt(clickHouse, name, minute);
  return rows
    .filter(({ isBreaching }) => isBreaching)
    .map((row) => renderAnnotations(ruleOf(name).rule, row, 'https://grafana.example/'));
}

/** What fires from a minute on: an entry for each minute at which that changes, the first one included. */
export type Changes = Record<number, Firing[]>;

/**
 * Follows a rule: each call goes on after the one before, looks as often as Grafana would, and returns the changes.
 * Rows may come between two calls, and a stretch in which nothing happens may be left out.
 */
function follow({ client }: TestClickHouse, name: string) {
  const { rule, everyMs } = ruleOf(name);
  const track = trackRule(rule);
  let last: string | undefined;
  return async (from: number, to: number): Promise<Changes> => {
    const evaluations: Evaluation[] = [];
    const moments = Array.from(
      { length: Math.floor(((to - from) * minuteMs) / everyMs) + 1 },
      (_, index) => msAt(from) + index * everyMs,
    );
    // Four at once: nothing is written meanwhile, and the engine has more than one core.
    while (moments.length > 0) {
      const batch = moments.splice(0, 4).map((ms) => evaluateRule(client, rule, { atMs: ms, isPast: true }));
      evaluations.push(...(await Promise.all(batch)));
    }
    const changes: Changes = {};
    for (const evaluation of evaluations) {
      const firing = firingOf(rule, track(evaluation));
      const shown = JSON.stringify(firing.map(({ state, labels }) => [state, labels]));
      if (shown !== last) changes[(evaluation.atMs - startMs) / minuteMs] = firing;
      last = shown;
    }
    return changes;
  };
}

/** The changes of one rule over one or more stretches of minutes, bounds included. */
async function changesOf(
  clickHouse: TestClickHouse,
  name: string,
  ...stretches: [from: number, to: number][]
): Promise<Changes> {
  const go = follow(clickHouse, name);
  const changes: Changes = {};
  for (const [from, to] of stretches) Object.assign(changes, await go(from, to));
  return changes;
}

const firingOf = (rule: AlertRule, tracked: TrackedInstance[]): Firing[] =>
  tracked
    .filter(({ state }) => state === 'Alerting' || state === 'Recovering')
    .map(({ state, labels, value, limit }) => ({
      state,
      labels: { ...labels, severity: severityOf(rule, labels) },
      value,
      limit,
    }))
    .sort(byLabels);

export const runbook = 'https://github.com/pytorch/oot-ci-health/blob/main/dashboards/runbook.md#';

/**
 * A ClickHouse for a file's tests, in which nothing is but who is registered when a test begins. Minutes are 0 where a
 * test does not say them.
 */
export function useAlertClock() {
  let clickHouse: TestClickHouse;
  beforeAll(async () => {
    clickHouse = await startClickHouse();
  });
  afterAll(() => clickHouse.stop());
  beforeEach(() => reset(clickHouse));
  return {
    engine: () => clickHouse,
    reset: (backends?: Backend[]) => reset(clickHouse, backends),
    add: (...rows: WorkflowJobRow[]) => insert(clickHouse, ...rows),
    measureReadiness: (minute = 0) => measureReadinessAt(clickHouse, minute),
    rows: (name: string, minute = 0, isPast = true) => rowsAt(clickHouse, name, minute, isPast),
    breaches: (name: string, minute = 0) => breachesAt(clickHouse, name, minute),
    texts: (name: string, minute = 0) => textsAt(clickHouse, name, minute),
    follow: (name: string) => follow(clickHouse, name),
    changes: (name: string, ...stretches: [number, number][]) => changesOf(clickHouse, name, ...stretches),
  };
}
