import type { Severity } from '../config';
import type { DashboardName } from '../links';

/** Durations as Grafana writes them: `0s`, `5m`, `36h`. */
export type Duration = `${number}${'s' | 'm' | 'h' | 'd'}`;

/** How a value is compared with its limit for an instance to be in alert. */
export type Comparison = '<' | '>' | '>=';

/**
 * A rule of Grafana: each row of `value` is an instance, its text columns are its labels; it is in alert when its
 * number compares so with that of the row of `limit` with the same labels (or with its only row, without any).
 */
export type AlertRule = {
  /** In CamelCase, at most 40 characters; the heading of its section in the runbook. */
  name: string;
  /** Never given to another rule: silences and links are by it. */
  uid: string;
  /** One static sentence. */
  summary: string;
  /** Go template: `$labels`, and `$values.A` (the value) and `$values.B` (the limit) by {@link shown}. */
  description: string;
  /** SQL; see queries/alert-instances.ts. */
  value: string;
  /** What says the same of an earlier moment, where `value` reads what ClickHouse keeps of now alone. */
  pastValue?: string;
  limit: string;
  comparison: Comparison;
  /** How long it has to be so before anybody hears of it. */
  for: Duration;
  /** How long it stays in alert after it is no more so: what flaps is said once. Grafana 12.1.2 or newer; before, ignored. */
  keepFiringFor: Duration;
  /** What it means that `value` has no row at all. */
  noData: 'OK' | 'Alerting';
  /** What it means that a query fails. */
  error: 'KeepLast' | 'Alerting';
  /** Where it is the same for every instance; else a label of each. */
  severity?: Severity;
  /** Where to look, and what to choose there: variable to Go template. */
  panel: { dashboard: DashboardName; id: number; variables: Record<string, string> };
  /** False where ClickHouse only keeps the newest state, so that nothing can be said of an earlier moment. */
  hasHistory: boolean;
};

/** Rules that are evaluated together, so often. */
export type RuleGroup = { name: string; every: Duration; rules: AlertRule[] };

/** Milliseconds. */
export function durationMs(duration: Duration): number {
  const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  return Number(duration.slice(0, -1)) * units[duration.slice(-1) as keyof typeof units];
}

/** A label's value in a text. */
export const label = (name: string): string => `{{ $labels.${name} }}`;

/** The same inside a URL. */
export const inUrl = (name: string): string => `{{ urlquery $labels.${name} }}`;

/** How a number is written: `35%`, `1d 6h 0m 0s`, `3`. */
const formats = {
  share: 'humanizePercentage .Value',
  seconds: 'humanizeDuration .Value',
  count: 'printf "%.0f" .Value',
} as const;

/** The value (A) or the limit (B) in a text. Where there is none, since a query failed or had no row, `otherwise`. */
export const shown = (refId: 'A' | 'B', format: keyof typeof formats, otherwise = 'unknown'): string =>
  `{{ with $values.${refId} }}{{ ${formats[format]} }}{{ else }}${otherwise}{{ end }}`;
