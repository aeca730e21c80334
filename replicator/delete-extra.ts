import type { ClickHouseClient } from '../clickhouse/client';
import { tables } from '../clickhouse/tables';
import type { ScanDeps } from './backfill';
import type { Sink } from './sink';
import { readItem } from './verify';

/** A row that may not go by itself; `message` says what to do instead. */
export class DeleteExtraError extends Error {
  override readonly name = 'DeleteExtraError';
  readonly code = 'DELETE_EXTRA';
}

/**
 * Deletes the row of an item that is gone from DynamoDB, as the stream would have: with a tombstone, from which
 * everything learns of it that was made of the row. `ALTER TABLE ... DELETE` would leave the others of its job hidden
 * behind it, and the days on which its backend has results would be wrong for good. Returns the number of rows that
 * went, 0 where there was none. Throws {@link DeleteExtraError} where DynamoDB has the item, since the next copy would
 * bring it back.
 */
export async function deleteExtra(
  deps: Pick<ScanDeps, 'client' | 'tableName'> & { clickHouse: ClickHouseClient; sink: Sink },
  dynamoKey: string,
): Promise<number> {
  const { clickHouse, sink } = deps;
  if (await readItem(deps, dynamoKey)) {
    throw new DeleteExtraError(`${dynamoKey}: DynamoDB has this item; delete it there, and its row goes`);
  }
  const rows = `FROM ${tables.workflowJob} FINAL WHERE dynamoKey = {dynamoKey:String}`;
  const query_params = { dynamoKey };
  const counted = await clickHouse.query({
    query: `SELECT toUInt32(count()) AS rows ${rows}`,
    query_params,
    format: 'JSONEachRow',
  });
  const [{ rows: count } = { rows: 0 }] = await counted.json<{ rows: number }>();
  if (count > 0)
    await clickHouse.command({
      query: `
      INSERT INTO ${tables.workflowJob}
      SELECT * REPLACE (
        '' AS failed_tests_json, '' AS environment, revision + 1 AS revision, 1 AS is_deleted,
        now64(3) AS _inserted_at, 0 AS ranking, '' AS source)
      ${rows}`,
      query_params,
    });
  await sink.settle();
  return count;
}
