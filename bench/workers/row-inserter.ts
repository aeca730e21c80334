import { createClickHouse } from '../../clickhouse/client';
import { tables, type WorkflowJobRow } from '../../clickhouse/tables';
import { decode } from '../../replicator/decode';
import { changesOf } from '../callbacks';
import type { BenchClickHouse } from '../engines';
import { serveRequests } from './serve-requests';

/* Inserts the rows that the stream's records become, all of them in one batch, with the replicator's own client. */

export type RowInsert = { clickHouse: BenchClickHouse['env']; rows: number };

let made: WorkflowJobRow[] = [];

/** Answers with rows a second; making them is not counted. */
serveRequests(async ({ clickHouse, rows }: RowInsert): Promise<number> => {
  if (made.length !== rows) {
    made = changesOf(rows).flatMap((change) => {
      const decoded = decode(change, 'stream');
      return decoded.outcome === 'rows' ? decoded.rows : [];
    });
  }
  const client = createClickHouse({ ...clickHouse, CLICKHOUSE_CLUSTER: undefined });
  const startedMs = performance.now();
  await client.insert({ table: tables.workflowJob, values: made, format: 'JSONEachRow' });
  const seconds = (performance.now() - startedMs) / 1_000;
  await client.close();
  return made.length / seconds;
});
