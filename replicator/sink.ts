import type { ClickHouseClient } from '../clickhouse/client';
import { classifyFailure, failureSlug } from '../clickhouse/errors';
import { keptFrom, readRetention } from '../clickhouse/retention';
import { dateTimeOfMs, tables, type RowSource, type WorkflowJobRow } from '../clickhouse/tables';
import type { Change } from './change';
import { decode } from './decode';
import { quarantineRow, type Rejection } from './quarantine';

export type Written = { rows: number; quarantined: number; skipped: number };

/** Where changes end up: the one core behind the poller, the Lambda handler, backfill and replay. */
export type Sink = {
  /**
   * Makes a batch of changes rows, in one insert, and returns when ClickHouse has confirmed every one of them,
   * or it is in quarantine. Throws what @clickhouse/client threw when it can't: then nothing is lost, since
   * the same batch can be written again any number of times (see `revision`). Of a copy, what is older than the
   * retention is skipped: ClickHouse would only drop it again.
   */
  write(changes: readonly Change[], source: RowSource): Promise<Written>;
};

type Decided = { row: WorkflowJobRow; change: Change };

/** For so long a copy goes by the retention that it has read. */
const retentionForMs = 60_000;

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
    async write(changes, source) {
      const decided: Decided[] = [];
      const rejected: Rejection[] = [];
      let skipped = 0;
      const oldest = source === 'backfill' ? await oldestKept() : '';
      for (const change of changes) {
        const decoded = decode(change, source);
        if (decoded.outcome === 'rows') {
          const kept = decoded.rows.filter((row) => row.received_at >= oldest);
          decided.push(...kept.map((row) => ({ row, change })));
          if (kept.length === 0) skipped++;
        } else if (decoded.outcome === 'skip') skipped++;
        else rejected.push({ change, reason: decoded.reason, detail: decoded.detail });
      }
      const refused = await insertRows(decided);
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
  };
}
