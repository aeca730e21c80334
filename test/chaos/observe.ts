import type { ClickHouseClient } from '../../clickhouse/client';
import { verify, type Verdict } from '../../replicator/verify';
import { sleep } from '../../runtime/retry';
import type { Bundle } from './bundle';
import type { Observed } from './check';
import { judgedColumns, type Row } from './oracle';

const times = ['started_at', 'completed_at'];

/** What ClickHouse shows now, read past every proxy. */
export async function observe(
  { clickHouse, unexplained, streams }: Pick<Bundle, 'clickHouse' | 'unexplained' | 'streams'>,
  verdict: Verdict | null,
): Promise<Observed> {
  const columns = judgedColumns.map((column) =>
    times.includes(column) ? `toString(${column}) AS ${column}` : column,
  );
  return {
    rows: await read<Row>(
      clickHouse,
      `SELECT dynamoKey, status, state, conclusion, ${columns.join(', ')},
        toUnixTimestamp64Milli(received_at) AS received_at
      FROM oot_workflow_job FINAL`,
    ),
    outcomes: await read(clickHouse, 'SELECT dynamoKey, outcome FROM oot_attempts'),
    quarantine: await readQuarantine(clickHouse),
    verdict,
    unexplained: [
      ...unexplained,
      ...streams.violations.map((shardId) => `shard ${shardId} was read before its parent's end`),
    ],
  };
}

/**
 * Waits until ClickHouse shows what DynamoDB has, and quarantine has `poison` entries; at most `limitMs`.
 * Returns when it did, UTC milliseconds, or null, with the last comparison that could be made. While callbacks
 * still come in, `settleMs` must be longer than a change takes to get through.
 */
export async function waitUntilEqual(
  { clickHouse, dynamo, tableName }: Pick<Bundle, 'clickHouse' | 'dynamo' | 'tableName'>,
  { poison, limitMs, settleMs }: { poison: number; limitMs: number; settleMs: number },
  signal: AbortSignal,
): Promise<{ equalMs: number | null; verdict: Verdict | null }> {
  const deadlineMs = Date.now() + limitMs;
  let verdict: Verdict | null = null;
  while (Date.now() < deadlineMs && !signal.aborted) {
    try {
      verdict = await verify({ client: dynamo, tableName, clickHouse, settleMs, signal });
      const { attempts, runs } = verdict.stale;
      const isEqual =
        attempts + runs === 0 && verdict.differences.every(({ kind }) => kind === 'quarantined');
      if (isEqual && (await readQuarantine(clickHouse)).length >= poison) {
        return { equalMs: Date.now(), verdict };
      }
    } catch {
      // An engine is still coming back.
    }
    await sleep(100, signal);
  }
  return { equalMs: null, verdict };
}

const readQuarantine = (client: ClickHouseClient) =>
  read<{ dynamoKey: string; reason: string }>(
    client,
    'SELECT dynamoKey, reason FROM oot_quarantine WHERE resolved_at IS NULL',
  );

async function read<T>(client: ClickHouseClient, query: string): Promise<T[]> {
  const result = await client.query({
    query,
    format: 'JSONEachRow',
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  return result.json<T>();
}
