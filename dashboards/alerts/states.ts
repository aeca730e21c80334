import type { Evaluation, Instance, Labels } from './evaluate';
import { durationMs, type AlertRule } from './rule';

/** As Grafana calls them; `Recovering` still is in alert, for people: nothing new is sent. */
export type AlertState = 'Normal' | 'Pending' | 'Alerting' | 'Recovering';

/** An instance and since when it is in its state. `isMissing`: the rule had no row at all, and takes that as breach. */
export type TrackedInstance = Instance & { state: AlertState; sinceMs: number; isMissing: boolean };

/**
 * Follows a rule over moments in order, as Grafana does: a breach is pending until it has lasted for `for`, then in
 * alert; when it is over it stays so for `keepFiringFor`. Give it each evaluation; it returns where all instances are.
 */
export function trackRule(rule: AlertRule): (evaluation: Evaluation) => TrackedInstance[] {
  const [forMs, keepMs] = [durationMs(rule.for), durationMs(rule.keepFiringFor)];
  let tracked = new Map<string, TrackedInstance>();
  return ({ atMs, instances }) => {
    const next = new Map<string, TrackedInstance>();
    for (const instance of withMissing(rule, instances)) {
      const key = keyOf(instance);
      const before = tracked.get(key) ?? { state: 'Normal' as const, sinceMs: atMs };
      next.set(key, { ...instance, ...nextState(before, instance.isBreaching, atMs) });
    }
    tracked = next;
    return [...next.values()];
  };

  function nextState(
    { state, sinceMs }: { state: AlertState; sinceMs: number },
    isBreaching: boolean,
    atMs: number,
  ): { state: AlertState; sinceMs: number } {
    if (isBreaching) {
      if (state === 'Alerting') return { state, sinceMs };
      if (state === 'Recovering') return { state: 'Alerting', sinceMs: atMs };
      const beganMs = state === 'Pending' ? sinceMs : atMs;
      return atMs - beganMs >= forMs
        ? { state: 'Alerting', sinceMs: atMs }
        : { state: 'Pending', sinceMs: beganMs };
    }
    if (state === 'Alerting' && keepMs > 0) return { state: 'Recovering', sinceMs: atMs };
    if (state === 'Recovering' && atMs - sinceMs < keepMs) return { state, sinceMs };
    return { state: 'Normal', sinceMs: state === 'Normal' ? sinceMs : atMs };
  }
}

const keyOf = ({ labels, isMissing }: { labels: Labels; isMissing: boolean }): string =>
  isMissing ? 'no row' : JSON.stringify(labels);

/** The instances, and where there is none, the one that stands for the rule. */
const withMissing = ({ noData }: AlertRule, instances: Instance[]): (Instance & { isMissing: boolean })[] =>
  instances.length > 0
    ? instances.map((instance) => ({ ...instance, isMissing: false }))
    : [{ labels: {}, value: null, limit: null, isBreaching: noData === 'Alerting', isMissing: true }];

/** Its own label, or that of its rule. */
export const severityOf = (rule: AlertRule, labels: Labels): string =>
  rule.severity ?? labels.severity ?? 'info';
