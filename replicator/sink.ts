import { setImmediate } from 'node:timers/promises';
import type { ClickHouseClient } from '../clickhouse/client';
import { classifyFailure, failureSlug } from '../clickhouse/errors';
import {
  computeRuns,
  rankAttempts,
  rankEverything,
  rankUnranked,
  runsComputedAtMs,
  runsInsertedSince,
} from '../clickhouse/rank';
import { keptFrom, readRetention } from '../clickhouse/retention';
import {
  dateTimeOfMs,
  tables,
  type AttemptIdentity,
  type RowSource,
  type WorkflowJobRow,
} from '../clickhouse/tables';
import type { Change } from './change';
import { decode } from './decode';
import { quarantineRow, type Rejection } from './quarantine';

export type Written = { rows: number; quarantined: number; skipped: number };

/** Where changes end up: the one core behind the poller, the Lambda handler, backfill and replay. */
export type Sink = {
  /**
   * Makes a batch of changes rows, in one insert, and returns when ClickHouse has confirmed every one of them,
   * and which attempt of each job is the newest by them, or it is in quarantine. Throws what @clickhouse/client
   * threw when it can't: then nothing is lost, since the same batch can be written again any number of times (see
   * `revision`). Of what a copy brought, what is older than the retention is skipped, since ClickHouse would only drop it
   * again. `ranksNow`, by default for the stream: else the newest attempts are for `settleEverything`.
   */
  write(changes: readonly Change[], source: RowSource, ranksNow?: boolean): Promise<Written>;
  /**
   * Works out the workflow runs of what was written since the last time: runs are looked at over weeks, so they may be
   * some seconds behind their attempts. Also does what others left undone: runs of an earlier process, and attempts of
   * somebody who ranks nothing. Throws like `write`; what was not done then is done the next time.
   */
  settle(): Promise<void>;
  /** Does all of that for all there is, which takes seconds a million rows: after a copy of the whole table. */
  settleEverything(): Promise<void>;
};

type Decided = { row: WorkflowJobRow; change: Change };

/** Changes that are decoded before others get their turn: some 20 ms. */
const changesAtOnce = 500;

/** For so long a copy goes by the retention that it has read. */
const retentionForMs = 60_000;

/** How often it is looked for what somebody inserted who ranks nothing, such as a replicator of the version before. */
const unrankedEveryMs = 10 * 60_000;
/** The first time it is looked for in so much of the past. */
const unrankedForMs = 24 * 3_600_000;
/** For what was under way when it was looked last, and for clocks that disagree. */
const marginMs = 10 * 60_000;

/** `now`: our clock, UTC milliseconds. */
export function createSink(deps: { client: ClickHouseClient; now: () => number }): Sink {
  const { client, now } = deps;

  let retention: { readAtMs: number; keptFrom: string } | undefined;

  /** The oldest received_at that ClickHouse keeps, empty where it keeps all. */
  async function oldestKept(): Promise<string> {
    if (retention === undefined || now() - retention.readAtMs >= retentionForMs) {
      const { days } = await readRetention(client);
      const keptFromMs = days === null ? null : keptFrom(days, now());
      retention = { readAtMs: now(), keptFrom: keptFromMs === null ? '' : dateTimeOfMs(keptFromMs) };
    }
    return retention.keptFrom;
  }

  /** Runs that are to be worked out. */
  const waitingRuns = new Set<string>();
  /** Until when it was looked for what others left undone; null before the first time. */
  let lookedUntilMs: number | null = null;

  const insert = (table: string, values: readonly unknown[]) =>
    client.insert({
      table,
      values: [...values],
      format: 'JSONEachRow',
      // A part for each day: a copy of the table has more of them than ClickHouse lets through unasked (100).
      clickhouse_settings: { max_partitions_per_insert_block: '0' },
    });

  /** Inserts what ClickHouse takes, and returns what it refuses: halves a refused batch until one row is left. */
  async function insertRows(decided: Decided[]): Promise<Rejection[]> {
    if (decided.length === 0) return [];
    try {
      await insert(
        tables.workflowJob,
        decided.map(({ row }) => row),
      );
      return [];
    } catch (error) {
      if (classifyFailure(error) !== 'row') throw error;
      const [first] = decided;
      if (decided.length === 1 && first) {
        return [{ change: first.change, reason: failureSlug(error), detail: 'ClickHouse refused the row' }];
      }
      const middle = decided.length >> 1;
      return [...(await insertRows(decided.slice(0, middle))), ...(await insertRows(decided.slice(middle)))];
    }
  }

  return {
    async write(changes, source, ranksNow = source === 'stream') {
      const decided: Decided[] = [];
      const rejected: Rejection[] = [];
      const formerly: AttemptIdentity[] = [];
      let skipped = 0;
      const oldest = source === 'backfill' ? await oldestKept() : '';
      for (const [index, change] of changes.entries()) {
        // A copy's batch takes longer to decode than others should wait for this thread.
        if (index % changesAtOnce === changesAtOnce - 1) await setImmediate();
        const decoded = decode(change, source);
        if (decoded.outcome === 'rows') {
          const kept = decoded.rows.filter((row) => row.received_at >= oldest);
          decided.push(...kept.map((row) => ({ row, change })));
          if (kept.length === 0) skipped++;
          if (decoded.formerly) formerly.push(decoded.formerly);
        } else if (decoded.outcome === 'skip') skipped++;
        else rejected.push({ change, reason: decoded.reason, detail: decoded.detail });
      }
      const refused = await insertRows(decided);
      // Of a copy, all at once in the end: it brings attempts of every day in no order, and each insert costs by the
      // days that are in it.
      if (ranksNow) {
        const inserted = decided.map(({ row }) => row);
        for (const run of await rankAttempts(client, inserted, formerly)) waitingRuns.add(run);
      }
      const quarantined = [...rejected, ...refused];
      if (quarantined.length > 0) {
        const nowMs = now();
        await insert(
          tables.quarantine,
          quarantined.map((rejection) => quarantineRow(rejection, source, nowMs)),
        );
      }
      return { rows: decided.length - refused.length, quarantined: quarantined.length, skipped };
    },

    async settle() {
      const nowMs = now();
      if (lookedUntilMs === null) {
        for (const run of await runsInsertedSince(client, (await runsComputedAtMs(client)) - marginMs))
          waitingRuns.add(run);
      }
      if (lookedUntilMs === null || nowMs - lookedUntilMs >= unrankedEveryMs) {
        const sinceMs = lookedUntilMs === null ? nowMs - unrankedForMs : lookedUntilMs - marginMs;
        for (const run of await rankUnranked(client, sinceMs)) waitingRuns.add(run);
        lookedUntilMs = nowMs;
      }
      const runs = [...waitingRuns];
      // One that is touched from here on has to be worked out once more.
      waitingRuns.clear();
      try {
        await computeRuns(client, runs);
      } catch (error) {
        for (const run of runs) waitingRuns.add(run);
        throw error;
      }
    },

    async settleEverything() {
      const nowMs = now();
      // What is written meanwhile waits for the next time; where this fails, the copy has to be repeated.
      waitingRuns.clear();
      lookedUntilMs = null;
      await rankEverything(client);
      lookedUntilMs = nowMs;
    },
  };
}
