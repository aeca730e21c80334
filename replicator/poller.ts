import { isNativeError } from 'node:util/types';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import type { ClickHouseClient } from '../clickhouse/client';
import { classifyFailure, failureSlug } from '../clickhouse/errors';
import { isTransientAwsError } from '../runtime/aws-errors';
import type { Logger } from '../runtime/logger';
import { retry, sleep, StoppedError } from '../runtime/retry';
import { backfill } from './backfill';
import type { Checkpoints, Progress } from './checkpoints';
import { writeHeartbeats, type ShardStatus } from './heartbeat';
import type { ReplicatorMetrics } from './metrics';
import { readShard, type Page } from './shard-reader';
import { findStream, listShards, readableShards } from './shards';
import type { Sink } from './sink';

export type PollerDeps = {
  dynamo: DynamoDBClient;
  streams: DynamoDBStreamsClient;
  clickHouse: ClickHouseClient;
  sink: Sink;
  checkpoints: Checkpoints;
  tableName: string;
  logger: Logger;
  metrics: ReplicatorMetrics;
  now: () => number;
  /** Between two reads of an idle shard. Default 250 ms: with the insert, a change is visible within a second. */
  pollIntervalMs?: number;
  /** Between two looks for new shards while none has ended. Default 10 s. */
  discoverIntervalMs?: number;
  /** Between two heartbeats. Default 10 s. */
  heartbeatIntervalMs?: number;
  /** Records a read. Default 1,000, the most that DynamoDB gives. */
  pageLimit?: number;
};

/**
 * Replicates the table's stream until the signal aborts; then it finishes the batch at hand and returns.
 *
 * A position is saved only when ClickHouse has confirmed everything up to it. A new stream, a trimmed one, or
 * one whose checkpoints are gone starts at its oldest record, and the whole table is copied beside it.
 * ClickHouse and DynamoDB being away is waited out. Throws what a person must look at: no stream, no table in
 * ClickHouse, an error nobody has classified.
 */
export async function runPoller(deps: PollerDeps, signal: AbortSignal): Promise<void> {
  try {
    while (!signal.aborted) {
      const streamArn = await retryAws(deps, signal, () => findStream(deps.dynamo, deps.tableName));
      await followStream(deps, streamArn, signal);
    }
  } catch (error) {
    if (!(error instanceof StoppedError && signal.aborted)) throw error;
  }
}

/** Follows one stream until the signal aborts, or the table has another stream. */
async function followStream(deps: PollerDeps, streamArn: string, outer: AbortSignal): Promise<void> {
  const { checkpoints, logger, metrics } = deps;
  const discoverIntervalMs = deps.discoverIntervalMs ?? 10_000;
  // Ends the readers when the table has another stream, or one of them fails.
  const inner = new AbortController();
  const signal = AbortSignal.any([outer, inner.signal]);
  const aws = <T>(call: () => Promise<T>) => retryAws(deps, signal, call);

  const progress = await aws(() => checkpoints.load(streamArn));
  const statuses = new Map<string, ShardStatus>();
  const reading = new Map<string, Promise<void>>();
  let wake = new AbortController();
  const failures: Error[] = [];
  const fail = (error: unknown) => {
    failures.push(isNativeError(error) ? error : new Error('not an error', { cause: error }));
    inner.abort();
    wake.abort();
  };

  let resync: Promise<void> | undefined;
  const startResync = (why: string) => {
    resync ??= resyncTable(deps, streamArn, why, signal)
      .catch(fail)
      .finally(() => (resync = undefined));
  };
  const onTrimmed = (shardId: string) => {
    logger.error({ shardId }, 'the stream no longer has records that were not replicated');
    startResync('trimmed');
  };

  const discover = async () => {
    const shards = await aws(() => listShards(deps.streams, streamArn));
    const present = new Set(shards.map(({ shardId }) => shardId));
    for (const [shardId, { ended }] of progress) {
      if (present.has(shardId)) continue;
      // It left the stream after 24 h. Unless it was read to its end, records went with it.
      if (!ended && !reading.has(shardId)) onTrimmed(shardId);
      progress.delete(shardId);
      await aws(() => checkpoints.forget(streamArn, shardId));
    }
    const ended = new Set([...progress].filter(([, at]) => at.ended).map(([shardId]) => shardId));
    for (const { shardId } of readableShards(shards, ended)) {
      if (reading.has(shardId)) continue;
      const task = replicateShard(deps, streamArn, shardId, progress, statuses, onTrimmed, signal)
        .catch(fail)
        .finally(() => {
          reading.delete(shardId);
          metrics.shards.set(reading.size);
          wake.abort();
        });
      reading.set(shardId, task);
    }
    metrics.shards.set(reading.size);
  };

  const heartbeat = async () => {
    while (!signal.aborted) {
      await sleep(deps.heartbeatIntervalMs ?? 10_000, signal);
      // A missed heartbeat is what tells that ClickHouse is away; it needs no retry and no second alarm.
      await writeHeartbeats(deps.clickHouse, 'poller', streamArn, statuses).catch((error: unknown) =>
        logger.warn({ failure: failureSlug(error) }, 'heartbeat not written'),
      );
      for (const [shardId, { ended }] of statuses) if (ended) statuses.delete(shardId);
    }
  };

  logger.info({ streamArn, checkpoints: progress.size }, 'following the stream');
  if (!(await aws(() => checkpoints.isSynced(streamArn))))
    startResync(progress.size > 0 ? 'unfinished' : 'new stream');
  const beating = heartbeat().catch(fail);
  try {
    while (!signal.aborted) {
      wake = new AbortController();
      await discover();
      await sleep(discoverIntervalMs, AbortSignal.any([signal, wake.signal]));
      const current = await aws(() => findStream(deps.dynamo, deps.tableName));
      if (current === streamArn) continue;
      logger.warn({ streamArn, current }, 'the table has another stream now');
      inner.abort();
    }
  } catch (error) {
    if (!(error instanceof StoppedError)) fail(error);
  } finally {
    inner.abort();
    await Promise.allSettled([...reading.values(), resync, beating]);
    metrics.shards.set(0);
  }
  const failure = failures.find((error) => !(error instanceof StoppedError));
  if (failure !== undefined) throw failure;
}

/** Reads one shard to its end, and saves each position after its batch is confirmed. */
async function replicateShard(
  deps: PollerDeps,
  streamArn: string,
  shardId: string,
  progress: Map<string, Progress>,
  statuses: Map<string, ShardStatus>,
  onTrimmed: (shardId: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { logger, metrics, now } = deps;
  let position = progress.get(shardId)?.position ?? null;
  const status: ShardStatus = {
    position,
    newestChangeAtMs: null,
    confirmedAtMs: null,
    readAtMs: now(),
    ended: false,
  };
  statuses.set(shardId, status);
  logger.info({ shardId, position }, 'reading shard');

  const save = async (next: Progress) => {
    await retryAws(deps, signal, () => deps.checkpoints.save(streamArn, shardId, next));
    progress.set(shardId, next);
  };
  const pages = readShard(
    {
      streams: deps.streams,
      signal,
      pollIntervalMs: deps.pollIntervalMs ?? 250,
      pageLimit: deps.pageLimit ?? 1_000,
      onRetry: onAwsRetry(deps),
      onTrimmed,
    },
    streamArn,
    shardId,
    position,
  );

  // One page is read ahead while the one before is being inserted.
  let next = pages.next();
  for (;;) {
    const { value: page, done } = await next;
    if (done) break;
    next = pages.next();
    next.catch(() => undefined);
    status.readAtMs = now();
    if (page.position === null) continue;
    await confirm(deps, page, signal);
    position = page.position;
    await save({ position, ended: false });
    status.position = position;
    status.newestChangeAtMs = page.changes.at(-1)?.changedAtMs ?? status.newestChangeAtMs;
    status.confirmedAtMs = now();
    if (status.newestChangeAtMs !== null) {
      metrics.delaySeconds.set(Math.max(0, (status.confirmedAtMs - status.newestChangeAtMs) / 1000));
    }
  }
  if (signal.aborted) return;
  await save({ position, ended: true });
  status.ended = true;
  logger.info({ shardId, position }, 'shard read to its end');
}

/** Holds a page until ClickHouse has it, for as long as that takes. */
async function confirm(deps: PollerDeps, page: Page, signal: AbortSignal): Promise<void> {
  const { metrics } = deps;
  const end = metrics.batchSeconds.startTimer();
  const written = await retryClickHouse(deps, signal, () => deps.sink.write(page.changes, 'stream'));
  end();
  metrics.batchChanges.observe(page.changes.length);
  metrics.changes.inc({ result: 'row' }, written.rows);
  metrics.changes.inc({ result: 'quarantined' }, written.quarantined);
  metrics.changes.inc({ result: 'skipped' }, written.skipped);
  if (written.quarantined > 0)
    deps.logger.error({ count: written.quarantined }, 'changes put into quarantine');
}

/** Copies the whole table beside the stream, and remembers across restarts that it is still to be done. */
async function resyncTable(
  deps: PollerDeps,
  streamArn: string,
  why: string,
  signal: AbortSignal,
): Promise<void> {
  const { logger, metrics, checkpoints } = deps;
  logger.warn({ why }, 'copying the whole table');
  metrics.resyncs.inc();
  await retryAws(deps, signal, () => checkpoints.markSynced(streamArn, false));
  const sink: Sink = {
    write: (changes, source) => retryClickHouse(deps, signal, () => deps.sink.write(changes, source)),
  };
  const written = await retryAws(deps, signal, () =>
    backfill({ client: deps.dynamo, tableName: deps.tableName, sink, signal }),
  );
  await retryAws(deps, signal, () => checkpoints.markSynced(streamArn, true));
  logger.info({ ...written }, 'copied the whole table');
}

function retryClickHouse<T>(deps: PollerDeps, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  const { logger, metrics } = deps;
  return retry(
    async () => {
      const result = await call();
      metrics.clickHouseUp.set(1);
      return result;
    },
    {
      isRetryable: (error) => classifyFailure(error) === 'retryable',
      onRetry: (error, tries, delayMs) => {
        metrics.clickHouseUp.set(0);
        metrics.retries.inc({ service: 'clickhouse' });
        logger.warn(
          { failure: failureSlug(error), tries, delayMs },
          'ClickHouse did not take a batch; holding the position',
        );
      },
      signal,
      capMs: 10_000,
    },
  );
}

function retryAws<T>(deps: PollerDeps, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  return retry(call, { isRetryable: isTransientAwsError, onRetry: onAwsRetry(deps), signal });
}

const onAwsRetry =
  ({ logger, metrics }: PollerDeps) =>
  (error: unknown, tries: number, delayMs: number) => {
    metrics.retries.inc({ service: 'dynamodb' });
    logger.warn({ err: error, tries, delayMs }, 'DynamoDB did not answer; trying again');
  };
