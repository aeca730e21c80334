import { BatchWriteItemCommand, type DynamoDBClient, type WriteRequest } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { Item } from '../../ingest/contract/item';
import { sleep } from '../../runtime/retry';

/** DynamoDB's bound on a batch. */
const batchSize = 25;
const batchesInFlight = 8;
/** The waits between them add up to some 13 s. */
const maxTries = 8;
const firstWaitMs = 100;

/** DynamoDB took less than all of a batch, again and again. */
export class LoadError extends Error {
  override readonly name = 'LoadError';
  readonly code = 'DEMO_LOAD';
}

/**
 * Writes the items into an empty table, replacing any of the same key. Loading the same again is safe.
 *
 * `onProgress` is told after each batch how many items are written so far. Throws {@link LoadError}, and what
 * the SDK throws once its own retries are used up; some items are then written and some are not.
 */
export async function loadHistory(options: {
  client: DynamoDBClient;
  tableName: string;
  items: readonly Item[];
  onProgress?: (written: number, total: number) => void;
}): Promise<void> {
  const { client, tableName, items, onProgress } = options;
  let next = 0;
  let written = 0;
  let failed = false;

  async function writeBatch(batch: readonly Item[]): Promise<void> {
    let requests: WriteRequest[] = batch.map((item) => ({
      PutRequest: { Item: marshall(item, { removeUndefinedValues: true }) },
    }));
    for (let tries = 1; ; tries++) {
      const { UnprocessedItems } = await client.send(
        new BatchWriteItemCommand({ RequestItems: { [tableName]: requests } }),
      );
      requests = UnprocessedItems?.[tableName] ?? [];
      if (requests.length === 0) return;
      if (tries === maxTries) {
        throw new LoadError(`DynamoDB left ${requests.length} items unwritten after ${maxTries} tries`);
      }
      await sleep(firstWaitMs * 2 ** (tries - 1));
    }
  }

  async function work(): Promise<void> {
    while (next < items.length && !failed) {
      const batch = items.slice(next, next + batchSize);
      next += batch.length;
      try {
        await writeBatch(batch);
      } catch (error) {
        failed = true;
        throw error;
      }
      written += batch.length;
      onProgress?.(written, items.length);
    }
  }

  const outcomes = await Promise.allSettled(Array.from({ length: batchesInFlight }, work));
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure) throw failure.reason;
}
