import { config } from '../dashboards/config';
import { successRateSql } from '../dashboards/queries/backend-card';
import type { BackendState as StateWord } from '../dashboards/queries/backend-states';
import { stateSql } from '../dashboards/queries/backend-streaks';
import type { ReadRows } from './read';

/** What the dashboard of a backend says first. `state` is null where it isn't registered, the rate where nothing counts. */
export type BackendState = { state: StateWord | null; successRate: number | null };

const dayMs = 86_400_000;

/** The time range in which dashboards open. Throws where it is no number of days up to now. */
export function lengthOfRangeMs({ from, to }: { from: string; to: string }): number {
  const days = /^now-(\d+)d$/.exec(from)?.[1];
  if (days === undefined || to !== 'now') throw new Error(`not a number of days: ${from} to ${to}`);
  return Number(days) * dayMs;
}

const windowMs = lengthOfRangeMs(config.time);

/** Reads the two panels as they are when their page opens. Throws what `read` throws. */
export async function readBackendState(read: ReadRows, backend: string): Promise<BackendState> {
  const toMs = Date.now();
  const page = { fromMs: toMs - windowMs, toMs, variables: { backend } };
  const [[state], [rate]] = await Promise.all([
    read<{ state: StateWord }>(stateSql(), page),
    read<{ success_rate: number | null }>(successRateSql(), page),
  ]);
  return { state: state?.state ?? null, successRate: rate?.success_rate ?? null };
}
