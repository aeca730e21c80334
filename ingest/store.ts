import {
  ConditionalCheckFailedException,
  DescribeTableCommand,
  UpdateItemCommand,
  type AttributeValue,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { placeholders, statesBelow } from './contract/item';
import { advance, mergeRecord, staleOutcome, type Changes, type StoredItem, type WriteKind } from './merge';
import type { AttemptRecord } from './record';
import { isTransientAwsError } from '../runtime/aws-errors';
import { StoreUnavailableError } from './store-errors';

export type ResultStore = {
  /**
   * Makes what a callback brings durable, then says what it changed.
   *
   * Throws {@link StoreUnavailableError} for what may work when tried again (throttled, unreachable, too slow,
   * or `signal` aborted); anything else is a defect or a wrong setup. After a throw the write may or may not
   * have happened; sending the callback again is always safe.
   */
  write(record: AttemptRecord, signal?: AbortSignal): Promise<WriteKind>;
  /** Resolves when DynamoDB answers for the table. Throws like {@link ResultStore.write}. */
  ping(signal?: AbortSignal): Promise<void>;
};

/** How often a write may lose the race against another callback of the same attempt before it gives up. */
const maxRaces = 8;

/**
 * How the SDK's client should behave under a deadline of 8 s: notice a dead endpoint within a second, try
 * three times, and wait for a slow answer as long as there is time. All writes of the store are safe to repeat.
 */
export const storeClientOptions = {
  maxAttempts: 3,
  requestHandler: {
    connectionTimeout: 1_000,
    requestTimeout: 8_000,
    throwOnRequestTimeout: true,
    httpAgent: { maxSockets: 256, keepAlive: true },
    httpsAgent: { maxSockets: 256, keepAlive: true },
  },
};

/** `now`: our clock, UTC milliseconds. */
export function createResultStore(deps: {
  client: DynamoDBClient;
  tableName: string;
  now: () => number;
}): ResultStore {
  const { client, tableName, now } = deps;

  /** Sends an update. Returns the item that made its condition fail, or null when it was written. */
  async function update(write: ConditionalWrite, dynamoKey: string, signal?: AbortSignal) {
    try {
      const { Attributes } = await client.send(
        new UpdateItemCommand({
          TableName: tableName,
          Key: { dynamoKey: { S: dynamoKey } },
          ...write,
          ReturnValues: 'UPDATED_OLD',
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
        { ...(signal && { abortSignal: signal }) },
      );
      return { written: true as const, existed: Attributes !== undefined };
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) {
        return { written: false as const, item: error.Item && (unmarshall(error.Item) as StoredItem) };
      }
      throw asStoreError(error, signal);
    }
  }

  return {
    async write(record, signal) {
      const first = await update(optimisticWrite(record, now()), record.dynamoKey, signal);
      if (first.written) return first.existed ? 'advanced' : 'new';
      let existing = first.item;
      for (let race = 0; race < maxRaces; race++) {
        const changes = mergeRecord(existing, record, now());
        if (Object.keys(changes.set).length === 0) return changes.kind;
        const next = await update(mergedWrite(changes, existing, now()), record.dynamoKey, signal);
        if (next.written) return changes.kind;
        existing = next.item;
      }
      throw new StoreUnavailableError(new Error('lost every race for the item'));
    },

    async ping(signal) {
      try {
        await client.send(new DescribeTableCommand({ TableName: tableName }), {
          ...(signal && { abortSignal: signal }),
        });
      } catch (error) {
        throw asStoreError(error, signal);
      }
    },
  };
}

type ConditionalWrite = {
  UpdateExpression: string;
  ConditionExpression: string;
  ExpressionAttributeNames: Record<string, string>;
  ExpressionAttributeValues: Record<string, AttributeValue>;
};

/**
 * The usual case in one request: the item is new, or this callback moves its state on. Says the same as
 * {@link mergeRecord} without having seen the item; items that HUD's own code wrote (no `state`) are left
 * to it.
 */
function optimisticWrite(record: AttemptRecord, nowMs: number): ConditionalWrite {
  const below = statesBelow(record.state);
  const expression = createExpression();
  const brought = advance(record, nowMs);
  const sets = expression.assign(brought);
  const stays = Object.entries({ ...placeholders, received_at: nowMs })
    .filter(([field]) => !Object.hasOwn(brought, field))
    .map(([field, value]) => {
      const name = expression.name(field);
      return `${name} = if_not_exists(${name}, ${expression.value(value)})`;
    });
  const removes = below.length > 0 ? staleOutcome(record).map((field) => expression.name(field)) : [];
  const isNew = `attribute_not_exists(${expression.name('dynamoKey')})`;
  const isBelow = `${expression.name('state')} IN (${below.map((state) => expression.value(state)).join(', ')})`;
  return expression.build({
    sets: [...sets, ...stays, nextRevision(expression, nowMs)],
    removes,
    condition: below.length > 0 ? `${isNew} OR ${isBelow}` : isNew,
  });
}

/** Writes what {@link mergeRecord} found, unless the item has changed since. */
function mergedWrite(changes: Changes, seen: StoredItem | undefined, nowMs: number): ConditionalWrite {
  const expression = createExpression();
  const sets = expression.assign(changes.set);
  const revision = expression.name('revision');
  const unchangedSince = (): string => {
    if (seen?.revision !== undefined) return `${revision} = ${expression.value(seen.revision)}`;
    // An item of HUD's own code has no revision; one that was deleted meanwhile must not be made again in part.
    const key = expression.name('dynamoKey');
    return seen
      ? `attribute_exists(${key}) AND attribute_not_exists(${revision})`
      : `attribute_not_exists(${key})`;
  };
  return expression.build({
    sets: [...sets, nextRevision(expression, nowMs)],
    removes: changes.remove.map((field) => expression.name(field)),
    condition: unchangedSince(),
  });
}

type Expression = ReturnType<typeof createExpression>;

/** One more than before; the first is the time in milliseconds (why: see the item's docstring). */
function nextRevision(expression: Expression, nowMs: number): string {
  const name = expression.name('revision');
  return `${name} = if_not_exists(${name}, ${expression.value(nowMs)}) + ${expression.value(1)}`;
}

/** Collects the placeholders of one expression: every name as #name, since many are reserved words. */
function createExpression() {
  const names: Record<string, string> = {};
  const values: Record<string, unknown> = {};
  const name = (field: string) => {
    names[`#${field}`] = field;
    return `#${field}`;
  };
  const value = (content: unknown) => {
    const placeholder = `:v${Object.keys(values).length}`;
    values[placeholder] = content;
    return placeholder;
  };
  return {
    name,
    value,
    assign: (fields: Record<string, unknown>) =>
      Object.entries(fields).map(([field, content]) => `${name(field)} = ${value(content)}`),
    build: (parts: { sets: string[]; removes: string[]; condition: string }): ConditionalWrite => ({
      UpdateExpression: `SET ${parts.sets.join(', ')}${parts.removes.length > 0 ? ` REMOVE ${parts.removes.join(', ')}` : ''}`,
      ConditionExpression: parts.condition,
      ExpressionAttributeNames: names,
      ExpressionAttributeValues: marshall(values),
    }),
  };
}

const asStoreError = (error: unknown, signal?: AbortSignal): unknown =>
  signal?.aborted || isTransientAwsError(error) ? new StoreUnavailableError(error) : error;
