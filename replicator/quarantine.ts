import { createHash } from 'node:crypto';
import { dateTimeOfMs, type QuarantineRow, type RowSource } from '../clickhouse/tables';
import type { Change } from './change';
import { keyOf } from './decode';

/** Why a change is put aside: a slug for counting, and a word on the field, never its value. */
export type Rejection = { change: Change; reason: string; detail: string };

/**
 * A change as a row of the quarantine, from which {@link changeOfQuarantine} makes the change again.
 * Its id is that of its content, so that a stream that is read twice, or a scan that finds the same item,
 * adds no second entry.
 */
export function quarantineRow(
  { change, reason, detail }: Rejection,
  source: RowSource,
  nowMs: number,
): QuarantineRow {
  const { kind, image, before } = change;
  return {
    id: createHash('sha256').update(stableJson({ kind, image })).digest('hex'),
    dynamoKey: keyOf(image).toWellFormed(),
    reason,
    detail,
    source,
    record: stableJson({ kind, image, ...(before && { before }) }),
    quarantined_at: dateTimeOfMs(nowMs),
    resolved_at: null,
    version: nowMs,
  };
}

export function changeOfQuarantine(record: string): Change {
  const { kind, image, before } = JSON.parse(record) as Pick<Change, 'kind' | 'image' | 'before'>;
  return { kind, image, ...(before && { before }), sequenceNumber: '', changedAtMs: null };
}

/** JSON with sorted keys: equal content gives equal text. */
function stableJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
