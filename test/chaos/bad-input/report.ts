import type { Attack, Outcome } from './attack';
import { median, laterThirds } from './figures';

export type KindRow = {
  kind: string;
  sent: number;
  /** How many answers of each status; `none` counts connections that ended without one. */
  byStatus: Record<string, number>;
  slowestMs: number;
};

export type Report = {
  requests: number;
  seed: number;
  seconds: number;
  rows: KindRow[];
  /** p99 of the calm stream in each window, milliseconds. */
  quietP99Ms: number[];
  stormP99Ms: number[];
  calmSent: number;
  /** Bytes, sampled while bad requests came. */
  rssBytes: number[];
  heapBytes: number[];
  /** In each quiet stretch; empty where the system does not tell. */
  openFiles: number[];
  items: { victims: number; accepted: number; inTable: number };
  logLines: number;
  /** Everything that was not as it must be, in words, with how often. None: it held. */
  breaches: Map<string, number>;
};

/** Counts outcomes by kind. */
export function createTally() {
  const rows = new Map<string, KindRow>();
  return {
    add({ kind }: Attack, { answers }: Outcome): void {
      const row = rows.get(kind) ?? { kind, sent: 0, byStatus: {}, slowestMs: 0 };
      rows.set(kind, row);
      row.sent++;
      const statuses = answers.length === 0 ? ['none'] : answers.map(({ status }) => String(status));
      for (const status of statuses) row.byStatus[status] = (row.byStatus[status] ?? 0) + 1;
      row.slowestMs = Math.max(row.slowestMs, ...answers.map(({ ms }) => ms));
    },
    rows: () => [...rows.values()],
  };
}

/** How many times the quiet p99 the one among bad requests is; medians over windows. */
export const p99Ratio = ({ quietP99Ms, stormP99Ms }: Report): number =>
  median(stormP99Ms) / median(quietP99Ms);

const megabytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(0)} MB`;
const milliseconds = (values: number[]) => values.map((ms) => ms.toFixed(1)).join(' ');

/** A report for people: a table, what was measured, every breach, and one line that says it all. */
export function formatReport(report: Report): string {
  const { rows, breaches, items, openFiles } = report;
  const answersOf = (row: KindRow) =>
    Object.entries(row.byStatus)
      .map(([status, count]) => `${status}: ${count}`)
      .join(', ');
  const wide = Math.max(...rows.map(({ kind }) => kind.length)) + 2;
  const line = (kind: string, sent: string, slowest: string, answers: string) =>
    `${kind.padEnd(wide)}${sent.padStart(7)}  ${slowest.padStart(8)}  ${answers}`;
  const memory = (values: number[]) => {
    const { middle, last } = laterThirds(values);
    return `${megabytes(middle)} -> ${megabytes(last)}`;
  };
  const p99 = `${median(report.quietP99Ms).toFixed(1)} ms quiet, ${median(report.stormP99Ms).toFixed(1)} ms among bad ones`;
  return [
    line('kind', 'sent', 'slowest', 'answers'),
    ...rows.map((row) => line(row.kind, String(row.sent), `${Math.round(row.slowestMs)} ms`, answersOf(row))),
    '',
    `calm stream: ${report.calmSent} valid callbacks; p99 by window: quiet ${milliseconds(report.quietP99Ms)} ms; among bad ones ${milliseconds(report.stormP99Ms)} ms`,
    `memory of ingest, medians of the second and the last third: RSS ${memory(report.rssBytes)}, heap ${memory(report.heapBytes)}; open files ${openFiles.join(' ')}`,
    `table: ${items.victims} items that nothing may change, ${items.accepted} accepted, ${items.inTable} in it; log: ${report.logLines} lines`,
    ...[...breaches].map(([breach, count]) => `BREACH (${count} times): ${breach}`),
    `${breaches.size === 0 ? 'HELD' : 'BROKEN'}: ${report.requests} requests (seed ${report.seed}) in ${Math.round(report.seconds)} s; p99 of valid callbacks ${p99} (${p99Ratio(report).toFixed(2)} times)`,
  ].join('\n');
}
