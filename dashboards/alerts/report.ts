import type { ClickHouseClient } from '../../clickhouse/client';
import type { Severity } from '../config';
import { evaluateRule, renderAnnotations, type Moment } from './evaluate';
import { durationMs, type AlertRule, type RuleGroup } from './rule';
import { severityOf, trackRule, type AlertState, type TrackedInstance } from './states';

export type ReportedInstance = {
  rule: string;
  severity: string;
  state: AlertState;
  labels: Record<string, string>;
  value: number | null;
  limit: number | null;
  description: string;
};

export type AlertReport = {
  atMs: number;
  rules: number;
  /** Worst first: in alert before pending, critical before warning. */
  instances: ReportedInstance[];
  /** Rules of which nothing is known at that moment: ClickHouse keeps no history of what they look at. */
  notKnown: string[];
};

/**
 * Where every rule is at a moment. A breach is followed back over the time it has to last (`for`), at the moments at
 * which Grafana would have looked; what a rule keeps in alert afterwards (`keepFiringFor`) is not: what is over, is.
 */
export async function reportAlerts(
  client: ClickHouseClient,
  groups: RuleGroup[],
  moment: Moment,
): Promise<AlertReport> {
  const { atMs, isPast } = moment;
  const rules = groups.flatMap(({ every, rules: own }) => own.map((rule) => ({ rule, every })));
  const known = rules.filter(({ rule }) => rule.hasHistory || !isPast);
  const instances = await Promise.all(
    known.map(async ({ rule, every }) =>
      (await statesOf(client, rule, durationMs(every), moment)).map((instance) => reported(rule, instance)),
    ),
  );
  return {
    atMs,
    rules: known.length,
    instances: instances.flat().sort((a, b) => rank(a) - rank(b)),
    notKnown: rules.filter((one) => !known.includes(one)).map(({ rule }) => rule.name),
  };
}

async function statesOf(
  client: ClickHouseClient,
  rule: AlertRule,
  everyMs: number,
  moment: Moment,
): Promise<TrackedInstance[]> {
  const last = await evaluateRule(client, rule, moment);
  const [now] = [trackRule(rule)(last)];
  const forMs = rule.hasHistory ? durationMs(rule.for) : 0;
  if (!now.some(({ isBreaching }) => isBreaching)) return now;
  const track = trackRule({ ...rule, for: rule.hasHistory ? rule.for : '0s' });
  for (let beforeMs = forMs; beforeMs > 0; beforeMs -= everyMs) {
    track(await evaluateRule(client, rule, { atMs: moment.atMs - beforeMs, isPast: true }));
  }
  // What a breach before the last look left behind is over.
  return track(last).map((instance) =>
    instance.state === 'Recovering' ? { ...instance, state: 'Normal' } : instance,
  );
}

const reported = (rule: AlertRule, instance: TrackedInstance): ReportedInstance => ({
  rule: rule.name,
  severity: severityOf(rule, instance.labels),
  state: instance.state,
  labels: instance.labels,
  value: instance.value,
  limit: instance.limit,
  description: instance.isMissing
    ? instance.isBreaching
      ? `No row at all. ${rule.summary}`
      : 'No row at all, which is fine for this rule.'
    : (renderAnnotations(rule, instance).description ?? ''),
});

const severities: Severity[] = ['critical', 'warning', 'info'];
const states: AlertState[] = ['Alerting', 'Recovering', 'Pending', 'Normal'];
const rank = ({ state, severity }: ReportedInstance): number =>
  states.indexOf(state) * 10 + severities.indexOf(severity as Severity);

const words: Record<AlertState, string> = {
  Alerting: 'FIRING',
  Recovering: 'recovering',
  Pending: 'pending',
  Normal: 'ok',
};

/** Names come from strangers, and this goes to a terminal. */
const printable = (text: string): string => text.replace(/\p{Cc}/gu, '?');

/** Lines to print: what fires and why, then a summary. `all`: what is well, too. */
export function linesOf({ atMs, rules, instances, notKnown }: AlertReport, all: boolean): string[] {
  const shown = instances.filter(({ state }) => all || state !== 'Normal');
  const count = (wanted: AlertState, severity?: string) =>
    instances.filter((instance) => instance.state === wanted && (!severity || instance.severity === severity))
      .length;
  return [
    ...shown.map(
      ({ rule, severity, state, description }) =>
        `${words[state].padEnd(8)} ${severity.padEnd(8)} ${rule.padEnd(22)} ${printable(description)}`,
    ),
    ...notKnown.map(
      (name) => `unknown  ${''.padEnd(8)} ${name.padEnd(22)} ClickHouse keeps no history of it`,
    ),
    `${new Date(atMs).toISOString()}: ${rules} rules, ${instances.length} instances, ` +
      `${count('Alerting')} firing (${count('Alerting', 'critical')} critical), ${count('Pending')} pending`,
  ];
}

export const isCriticalFiring = ({ instances }: AlertReport): boolean =>
  instances.some(({ state, severity }) => state === 'Alerting' && severity === 'critical');
