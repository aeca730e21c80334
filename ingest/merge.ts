import {
  contextFields,
  isAbsent,
  outcomeFields,
  placeholders,
  standInReceivedAt,
  stateOf,
  statesBelow,
  type Item,
  type ItemField,
} from './contract/item';
import type { AttemptRecord } from './record';

/** What a callback did to its item. */
export const writeKinds = ['new', 'advanced', 'filled', 'unchanged', 'conflicting'] as const;

export type WriteKind = (typeof writeKinds)[number];

/** An item as DynamoDB returned it, unread: HUD's own code may have written it. */
export type StoredItem = Partial<Record<keyof Item, unknown>>;

/** Changes to an item. None of `set` and `remove`: there is nothing to write. */
export type Changes = {
  kind: WriteKind;
  set: Partial<Item>;
  remove: ItemField[];
};

/**
 * What a callback changes in the item that is there. Pure, and the definition of invariant 2: applied to an
 * attempt's callbacks in any order, and any number of times, it ends at the same item. (The sweeper's callback
 * is the relay's own copy of in_progress, so these two never differ in context.)
 *
 * - A state only moves forward: running, swept, reported. The first reported outcome stays; a different one
 *   later is `conflicting` and changes no outcome.
 * - A callback that moves the state on has the say in every field it brings, and replaces the outcome whole.
 * - Any other callback only fills in what is absent: context always, outcome fields only of the same outcome
 *   (the sweeper's completion time must not end up in the outcome that the job reported).
 *
 * `nowMs`: our clock, UTC milliseconds.
 */
export function mergeRecord(existing: StoredItem | undefined, record: AttemptRecord, nowMs: number): Changes {
  if (!existing) {
    return {
      kind: 'new',
      set: { ...placeholders, ...advance(record, nowMs), received_at: nowMs },
      remove: [],
    };
  }
  const known = existing as Partial<Item>;
  const state = stateOf(known);
  if (statesBelow(record.state).includes(state)) {
    return {
      kind: 'advanced',
      set: { ...adopted(known, nowMs), ...advance(record, nowMs) },
      remove: staleOutcome(record).filter((field) => Object.hasOwn(existing, field)),
    };
  }
  const outranked = state !== record.state;
  const sameOutcome = !outranked && (state === 'running' || known.conclusion === record.fields.conclusion);
  const fillable: readonly ItemField[] = sameOutcome ? [...contextFields, ...outcomeFields] : contextFields;
  const missing = fillable.filter(
    (field) => !isAbsent(field, record.fields[field]) && isAbsent(field, existing[field]),
  );
  const kind = !outranked && !sameOutcome ? 'conflicting' : missing.length > 0 ? 'filled' : 'unchanged';
  if (missing.length === 0) return { kind, set: {}, remove: [] };
  const filled = Object.fromEntries(missing.map((field) => [field, record.fields[field]]));
  return { kind, set: { ...adopted(known, nowMs), ...filled, updated_at: nowMs }, remove: [] };
}

/** What a callback sets when it moves the state on, or makes the item. */
export function advance(record: AttemptRecord, nowMs: number): Partial<Item> {
  const brought = Object.entries(record.fields).filter(
    ([field, value]) => !isAbsent(field as ItemField, value),
  );
  return {
    ...(Object.fromEntries(brought) as Partial<Item>),
    status: record.status,
    state: record.state,
    updated_at: nowMs,
    ...(record.state !== 'running' && { outcome_at: nowMs }),
  };
}

/** The outcome fields that a callback does not bring, and that an earlier outcome may have left. */
export function staleOutcome(record: AttemptRecord): ItemField[] {
  return outcomeFields.filter((field) => !Object.hasOwn(record.fields, field));
}

/** The first write of ours to an item of HUD's: gives it what ours have. Its place in time stays where it was. */
function adopted(existing: Partial<Item>, nowMs: number): Partial<Item> {
  return {
    ...(existing.received_at === undefined && { received_at: standInReceivedAt(existing) ?? nowMs }),
    ...(existing.state === undefined && { state: stateOf(existing) }),
  };
}
