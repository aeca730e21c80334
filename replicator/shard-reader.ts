import {
  ExpiredIteratorException,
  GetRecordsCommand,
  GetShardIteratorCommand,
  ResourceNotFoundException,
  TrimmedDataAccessException,
  type DynamoDBStreamsClient,
} from '@aws-sdk/client-dynamodb-streams';
import { retry, sleep, StoppedError } from '../runtime/retry';
import { isTransientAwsError } from '../runtime/aws-errors';
import { changeOfRecord, type Change } from './change';
import { StreamError } from './shards';

export type Page = {
  changes: Change[];
  /** Position after this page's last record; null where it has none. */
  position: string | null;
};

export type ShardReaderDeps = {
  streams: DynamoDBStreamsClient;
  signal: AbortSignal;
  /** Between two reads of a shard that has nothing more to give; twice that once it has been idle for a while. */
  pollIntervalMs: number;
  /** Records a read, 1,000 at most. */
  pageLimit: number;
  onRetry: (error: unknown, tries: number, delayMs: number) => void;
  /** The stream no longer has the records after the position: there is a gap that only a resync fills. */
  onTrimmed: (shardId: string) => Promise<void>;
};

/**
 * Reads one shard from a position (null: from its oldest record) to its end, in pages; empty ones come too,
 * as a sign of life. Ends early when the signal aborts. Never skips in silence: see `onTrimmed`.
 *
 * AWS allows five reads a second and two readers a shard, so it waits between reads unless a page was full.
 */
export async function* readShard(
  deps: ShardReaderDeps,
  streamArn: string,
  shardId: string,
  position: string | null,
): AsyncGenerator<Page, void> {
  const { streams, signal, pageLimit, pollIntervalMs } = deps;
  const options = { isRetryable: isTransientAwsError, onRetry: deps.onRetry, signal };
  let after = position;
  let idleReads = 0;

  const openIterator = () =>
    retry(async () => {
      const { ShardIterator } = await streams.send(
        new GetShardIteratorCommand({
          StreamArn: streamArn,
          ShardId: shardId,
          ...(after === null
            ? { ShardIteratorType: 'TRIM_HORIZON' }
            : { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: after }),
        }),
        { abortSignal: signal },
      );
      return ShardIterator;
    }, options);

  let iterator: string | undefined;
  while (!signal.aborted) {
    try {
      iterator ??= await openIterator();
      // A shard that was trimmed whole has no iterator either: nothing of it is left to read.
      if (iterator === undefined) return;
      const current = iterator;
      const { Records = [], NextShardIterator } = await retry(
        () =>
          streams.send(new GetRecordsCommand({ ShardIterator: current, Limit: pageLimit }), {
            abortSignal: signal,
          }),
        options,
      );
      const changes = Records.map((record) => {
        const change = changeOfRecord(record);
        if (!change)
          throw new StreamError('a stream record has no image; the stream must be NEW_AND_OLD_IMAGES');
        return change;
      });
      const last = changes.at(-1)?.sequenceNumber ?? null;
      yield { changes, position: last };
      after = last ?? after;
      if (NextShardIterator === undefined) return;
      iterator = NextShardIterator;
      idleReads = changes.length > 0 ? 0 : Math.min(idleReads + 1, 60);
      const isFull = changes.length >= pageLimit;
      if (!isFull) await sleep(pollIntervalMs * (idleReads > 20 ? 2 : 1), signal);
    } catch (error) {
      iterator = undefined;
      if (error instanceof ExpiredIteratorException) continue;
      if (error instanceof StoppedError) return;
      if (error instanceof TrimmedDataAccessException) {
        // Without a position there is nothing that this shard is known to have missed: its oldest record moved on
        // between two reads. A longer absence is told by the age of the checkpoints (see the poller).
        if (after !== null) await deps.onTrimmed(shardId);
        await sleep(pollIntervalMs, signal);
        after = null;
        continue;
      }
      if (error instanceof ResourceNotFoundException) {
        await deps.onTrimmed(shardId);
        return;
      }
      throw error;
    }
  }
}
