import { createHash } from 'node:crypto';
import { ScanCommand, type AttributeValue, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { parseCallback } from '../../../ingest/contract/callback';
import { mergeRecord, type StoredItem } from '../../../ingest/merge';
import { createRecord } from '../../../ingest/record';

/** The fields that our clock fills in: everything else of an item follows from its callbacks. */
const clockFields = new Set(['received_at', 'updated_at', 'outcome_at', 'revision']);

export type Items = Map<string, Record<string, unknown>>;

/** The whole table. */
export async function scan(client: DynamoDBClient, tableName: string): Promise<Items> {
  const items: Items = new Map();
  let from: Record<string, AttributeValue> | undefined;
  do {
    const page = await client.send(
      new ScanCommand({
        TableName: tableName,
        ConsistentRead: true,
        ...(from && { ExclusiveStartKey: from }),
      }),
    );
    for (const raw of page.Items ?? []) {
      const item = unmarshall(raw);
      items.set(String(item.dynamoKey), item);
    }
    from = page.LastEvaluatedKey;
  } while (from);
  return items;
}

/** What must be in the table: told callback by callback, compared once at the end. */
export function createLedger() {
  /** Digest of the item that a key must hold; null where several were accepted, in an order that nobody knows. */
  const due = new Map<string, string | null>();
  /** Keys that may be there: the callback arrived whole, and its answer was never seen. */
  const possible = new Set<string>();

  return {
    /** A callback was answered 200 with this key. Returns what is wrong with that, if anything is. */
    accept(body: string, dynamoKey: string): string[] {
      const item = itemOf(body);
      if (!item) return ['200 for what the contract refuses'];
      if (item.dynamoKey !== dynamoKey) return [`200 with the key ${dynamoKey}, not ${item.dynamoKey}`];
      due.set(dynamoKey, due.has(dynamoKey) ? null : digest(item));
      return [];
    },
    /** A callback was sent whole, and not answered. */
    suspect(body: string): void {
      const item = itemOf(body);
      if (item) possible.add(item.dynamoKey);
    },
    accepted: () => due.size,
    /** What is in the table and should not be, is not and should be, or is another. `before` must be as it was. */
    compare(before: Items, after: Items): string[] {
      const wrong: string[] = [];
      for (const [key, item] of before) {
        const now = after.get(key);
        if (!now) wrong.push(`an item is gone: ${key}`);
        else if (canonical(now) !== canonical(item)) wrong.push(`an item was changed: ${key}`);
      }
      for (const [key, expected] of due) {
        const now = after.get(key);
        if (!now) wrong.push(`answered 200, and not in the table: ${key}`);
        else if (expected !== null && digest(now) !== expected) wrong.push(`not what was sent: ${key}`);
      }
      for (const key of after.keys()) {
        if (before.has(key) || due.has(key) || possible.has(key)) continue;
        wrong.push(`in the table, and never answered 200: ${key}`);
      }
      return wrong;
    },
  };
}

export type Ledger = ReturnType<typeof createLedger>;

/** The item that callbacks leave behind, applied in this order; undefined where one of them is none. */
export function itemOf(...bodies: string[]): { dynamoKey: string } | undefined {
  let item: StoredItem | undefined;
  for (const body of bodies) {
    const value: unknown = JSON.parse(body);
    const parsed = parseCallback(typeof value === 'string' ? JSON.parse(value) : value);
    if (!parsed.ok) return undefined;
    const record = createRecord(parsed.callback);
    const { set, remove } = mergeRecord(item, record, 0);
    const kept = Object.entries({ ...item, ...set }).filter(
      ([field]) => !remove.some((gone) => gone === field),
    );
    item = { ...Object.fromEntries(kept), dynamoKey: record.dynamoKey };
  }
  return item as { dynamoKey: string } | undefined;
}

/** A digest of an item without what our clock filled in. */
export const digest = (item: object): string =>
  createHash('sha256')
    .update(canonical(Object.fromEntries(Object.entries(item).filter(([field]) => !clockFields.has(field)))))
    .digest('base64');

const canonical = (item: object): string =>
  JSON.stringify(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)));
