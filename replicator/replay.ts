import type { ClickHouseClient } from '../clickhouse/client';
import { dateTimeOfMs, tables, type QuarantineRow } from '../clickhouse/tables';
import { changeOfQuarantine } from './quarantine';
import type { Sink } from './sink';

/** What lies in quarantine and was not replayed yet, oldest first. */
export async function listQuarantine(client: ClickHouseClient): Promise<QuarantineRow[]> {
  const result = await client.query({
    query: `SELECT * FROM ${tables.quarantine} FINAL WHERE resolved_at IS NULL ORDER BY quarantined_at, id`,
    format: 'JSONEachRow',
  });
  return result.json<QuarantineRow>();
}

/**
 * Tries every change in quarantine again with today's code. What becomes a row, or nothing on purpose, is
 * marked resolved; what is refused again stays. Safe at any time: an old revision never wins over a newer.
 */
export async function replayQuarantine(deps: {
  client: ClickHouseClient;
  sink: Sink;
  now: () => number;
}): Promise<{ resolved: number; refused: number }> {
  const entries = await listQuarantine(deps.client);
  const resolved: QuarantineRow[] = [];
  for (const entry of entries) {
    // Ranked at once, however it came: no copy ends after it.
    const written = await deps.sink.write([changeOfQuarantine(entry.record)], entry.source, true);
    if (written.quarantined > 0) continue;
    resolved.push(entry);
  }
  await deps.sink.settle();
  await markResolved(deps.client, resolved, deps.now());
  return { resolved: resolved.length, refused: entries.length - resolved.length };
}

/**
 * Takes every change of an item out of quarantine without a row: a person has decided that it never was one. What is
 * still in DynamoDB comes back with the next copy. Returns how many there were.
 */
export async function discardQuarantine(
  deps: { client: ClickHouseClient; now: () => number },
  dynamoKey: string,
): Promise<number> {
  const entries = (await listQuarantine(deps.client)).filter((entry) => entry.dynamoKey === dynamoKey);
  await markResolved(deps.client, entries, deps.now());
  return entries.length;
}

async function markResolved(
  client: ClickHouseClient,
  entries: QuarantineRow[],
  nowMs: number,
): Promise<void> {
  if (entries.length === 0) return;
  const values = entries.map((entry) => ({
    ...entry,
    resolved_at: dateTimeOfMs(nowMs),
    version: nowMs,
  }));
  await client.insert({ table: tables.quarantine, values, format: 'JSONEachRow' });
}
