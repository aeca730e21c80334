import { setImmediate } from 'node:timers/promises';
import {
  ScanCommand,
  type AttributeValue,
  type DynamoDBClient,
  type ScanCommandOutput,
} from '@aws-sdk/client-dynamodb';
import { changeOfItem, type Change } from './change';
import type { Sink, Written } from './sink';

export type ScanDeps = {
  client: DynamoDBClient;
  tableName: string;
  /** Parallel parts of the scan. */
  segments?: number;
  signal?: AbortSignal;
  /** Tries to read a page until it is there, or the signal aborts; without it, what the SDK gives up is thrown. */
  retry?: <T>(page: () => Promise<T>, signal: AbortSignal) => Promise<T>;
};

/**
 * Scans the table in parallel segments and hands on each page, at most 1 MB. A segment reads its next page
 * while the one before is worked on, and no further: memory stays flat. Throws {@link DOMException} AbortError
 * when the signal aborts, and what a segment throws; then the others end too.
 */
export async function scanTable(
  deps: ScanDeps,
  onPage: (items: Record<string, AttributeValue>[]) => Promise<void>,
): Promise<void> {
  const { client, tableName, segments = 4 } = deps;
  const retry = deps.retry ?? (<T>(page: () => Promise<T>) => page());
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, ...(deps.signal ? [deps.signal] : [])]);
  const readPage = (
    segment: number,
    from: Record<string, AttributeValue> | undefined,
  ): Promise<ScanCommandOutput> => {
    const command = new ScanCommand({
      TableName: tableName,
      Segment: segment,
      TotalSegments: segments,
      ConsistentRead: true,
      ...(from && { ExclusiveStartKey: from }),
    });
    const page = retry(() => client.send(command, { abortSignal: signal }), signal);
    // Its failure is met when it is awaited; until then it must not count as unhandled.
    page.catch(() => undefined);
    return page;
  };
  async function scanSegment(segment: number): Promise<void> {
    let next: Promise<ScanCommandOutput> | undefined = readPage(segment, undefined);
    while (next) {
      signal.throwIfAborted();
      const { Items = [], LastEvaluatedKey }: ScanCommandOutput = await next;
      next = LastEvaluatedKey && readPage(segment, LastEvaluatedKey);
      // Working on a page keeps this thread: let the request for the next one out first.
      await setImmediate();
      if (Items.length > 0) await onPage(Items);
    }
  }
  await Promise.all(
    Array.from({ length: segments }, (_, segment) =>
      scanSegment(segment).catch((error: unknown) => {
        failed.abort();
        throw error;
      }),
    ),
  );
}

/**
 * Pages that are written at once, of at most 1 MB each: about 10,000 items as most are. A scan has them in no order of time,
 * so each insert makes a part for nearly every day there is: few large inserts, or ClickHouse does nothing but make parts
 * and merge them. But an item takes several times its size in memory, and the poller that copies also does all else: 24
 * pages are no faster, and take 300 MB more.
 */
const batchPages = 12;

/**
 * Copies every item of the table to ClickHouse. Safe at any time, also while the stream is being replicated,
 * any number of times: a row's `revision` decides, not when it was inserted. One batch is written while the next is
 * read, and no further.
 *
 * `onProgress`: what has been written so far.
 */
export async function backfill(
  deps: ScanDeps & { sink: Sink; onProgress?: (sofar: Written) => void },
): Promise<Written> {
  const total: Written = { rows: 0, quarantined: 0, skipped: 0 };
  let waiting: Change[] = [];
  let waitingPages = 0;
  /** The batch before, whose failure is met where it is awaited; until then it must not count as unhandled. */
  let writing = Promise.resolve();

  async function write(batch: readonly Change[]): Promise<void> {
    const written = await deps.sink.write(batch, 'backfill');
    total.rows += written.rows;
    total.quarantined += written.quarantined;
    total.skipped += written.skipped;
    deps.onProgress?.(total);
  }
  function start(): void {
    writing = write(waiting);
    writing.catch(() => undefined);
    waiting = [];
    waitingPages = 0;
  }
  await scanTable(deps, async (items) => {
    for (const item of items) waiting.push(changeOfItem(item));
    waitingPages += 1;
    while (waitingPages >= batchPages) {
      await writing;
      // Of the segments that waited, the first starts the next batch.
      if (waitingPages >= batchPages) start();
    }
  });
  await writing;
  if (waiting.length > 0) await write(waiting);
  await deps.sink.settleEverything();
  return total;
}
