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
    const written = await deps.sink.write([changeOfQuarantine(entry.record)], entry.source);
    if (written.quarantined > 0) continue;
    const nowMs = deps.now();
    resolved.push({ ...entry, resolved_at: dateTimeOfMs(nowMs), version: nowMs });
  }
  if (resolved.length > 0) {
    await deps.client.insert({ table: tables.quarantine, values: resolved, format: 'JSONEachRow' });
  }
  return { resolved: resolved.length, refused: entries.length - resolved.length };
}
