import { parseCallback } from '../../ingest/contract/callback';
import type { Item } from '../../ingest/contract/item';
import { mergeRecord } from '../../ingest/merge';
import { createRecord } from '../../ingest/record';
import { historyCallbacks, type HistoryOptions } from './history';
import type { TimedCallback } from './jobs';

/** A callback of the demo that ingest would refuse: a defect of the demo. */
export class RefusedCallbackError extends Error {
  override readonly name = 'RefusedCallbackError';
}

/**
 * The items that DynamoDB would hold had the history's callbacks arrived one by one, in the order in which
 * they were first seen. Throws {@link RefusedCallbackError}.
 */
export function buildHistory(options: HistoryOptions): { items: Item[]; callbacks: number } {
  return foldCallbacks(historyCallbacks(options));
}

/** Folds callbacks, in order of arrival, through the code that handles them in ingest. */
export function foldCallbacks(timed: Iterable<TimedCallback>): { items: Item[]; callbacks: number } {
  const items = new Map<string, Item>();
  let callbacks = 0;
  for (const { atMs, body } of timed) {
    callbacks++;
    const parsed = parseCallback(body);
    if (!parsed.ok) {
      const issues = parsed.issues.map(({ path, message }) => `${path} ${message}`).join(', ');
      throw new RefusedCallbackError(`callback ${callbacks}: ${issues}`);
    }
    const record = createRecord(parsed.callback);
    const { dynamoKey } = record;
    const existing = items.get(dynamoKey);
    const { set, remove } = mergeRecord(existing, record, atMs);
    if (Object.keys(set).length === 0) continue;
    // As the store does it: from the first write's time, one more with every write.
    const item = { ...existing, ...set, dynamoKey, revision: (existing?.revision ?? atMs) + 1 } as Item;
    for (const field of remove) Reflect.deleteProperty(item, field);
    items.set(dynamoKey, item);
  }
  return { items: [...items.values()], callbacks };
}
