import { isNativeError } from 'node:util/types';
import { failureSlug } from '../clickhouse/errors';
import { sleep, StoppedError } from '../runtime/retry';
import { backfill } from './backfill';
import { retireShards, writeHeartbeats, type ShardStatus } from './heartbeat';
import type { PollerDeps } from './poller-deps';
import { replicateShard } from './replicate-shard';
import { findStream, listShards, readableShards } from './shards';
import type { Sink } from './sink';
import { retryAws, retryClickHouse, retrySettling } from './waiting';

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

/** A stream keeps its records for 24 h; an hour of it is left for reading them. */
const longestAbsenceMs = 23 * 3_600_000;
const markIntervalMs = 10 * 60_000;

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

  // One mark after another, so that the latest is also the last to arrive.
  let marked = Promise.resolve();
  const mark = (synced: boolean): Promise<void> =>
    (marked = marked.then(() => aws(() => checkpoints.markSynced(streamArn, synced))));

  let gaps = 0;
  let resync: Promise<void> | undefined;
  /** Resolves when it is on record that a copy is due. */
  const startResync = (why: string): Promise<void> => {
    gaps++;
    const recorded = mark(false);
    resync ??= copyGaps(why).catch(fail);
    return recorded;
  };
  const copyGaps = async (why: string) => {
    // A gap that is found meanwhile may lie behind the scan: what was trimmed could have changed after it was read.
    for (let copied = 0; copied < gaps;) {
      const until = gaps;
      await copyTable(deps, why, signal);
      if (until === gaps) await mark(true);
      copied = until;
    }
    resync = undefined;
  };
  const onTrimmed = async (shardId: string) => {
    logger.error({ shardId }, 'the stream no longer has records that were not replicated');
    // On record before anything that shows the gap is forgotten, or a crash now would hide it for good.
    await startResync('trimmed');
  };

  const discover = async () => {
    const shards = await aws(() => listShards(deps.streams, streamArn));
    const present = new Set(shards.map(({ shardId }) => shardId));
    for (const [shardId, { ended }] of progress) {
      if (present.has(shardId)) continue;
      // It left the stream after 24 h. Unless it was read to its end, records went with it.
      if (!ended && !reading.has(shardId)) await onTrimmed(shardId);
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

  const beat = async () => {
    const written = new Map(statuses);
    await writeHeartbeats(deps.clickHouse, 'poller', streamArn, written);
    for (const [shardId, status] of written) {
      if (status.ended && statuses.get(shardId) === status) statuses.delete(shardId);
    }
    await retireShards(deps.clickHouse, streamArn, [...written.keys()], deps.now());
  };

  const heartbeat = async () => {
    let markedAtMs = deps.now();
    const intervalMs = deps.heartbeatIntervalMs ?? 10_000;
    // The first one soon: a replicator that has just come up is not one that never did.
    for (let waitMs = Math.min(1_000, intervalMs); !signal.aborted; waitMs = intervalMs) {
      await sleep(waitMs, signal);
      // A missed heartbeat is what tells that ClickHouse is away; it needs no retry and no second alarm.
      await beat().then(
        () => metrics.clickHouseUp.set(1),
        (error: unknown) => {
          metrics.clickHouseUp.set(0);
          logger.warn({ failure: failureSlug(error) }, 'heartbeat not written');
        },
      );
      const nowMs = deps.now();
      const isCurrent = !resync && [...statuses.values()].every(({ readAtMs }) => nowMs - readAtMs < 60_000);
      if (!isCurrent || nowMs - markedAtMs <= markIntervalMs) continue;
      // ClickHouse was away for a day: what a shard's end left to its children may have been trimmed unread.
      if (nowMs - markedAtMs > longestAbsenceMs) startResync('away too long').catch(fail);
      else await mark(true);
      markedAtMs = nowMs;
    }
  };

  const settle = async () => {
    while (!signal.aborted) {
      await retrySettling(deps, signal, () => deps.sink.settle());
      await sleep(deps.settleIntervalMs ?? 5_000, signal);
    }
  };

  logger.info({ streamArn, checkpoints: progress.size }, 'following the stream');
  const syncedAtMs = await aws(() => checkpoints.syncedAtMs(streamArn));
  if (syncedAtMs === null) startResync(progress.size > 0 ? 'unfinished' : 'new stream').catch(fail);
  // A shard that had no record yet has no checkpoint whose loss would tell of a gap; only the time tells.
  else if (deps.now() - syncedAtMs > longestAbsenceMs) startResync('away too long').catch(fail);
  const beating = heartbeat().catch(fail);
  const settling = settle().catch(fail);
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
    await Promise.allSettled([...reading.values(), resync, beating, settling]);
    // What was confirmed last. Where that fails, the next process finds it.
    await deps.sink
      .settle()
      .catch((error: unknown) =>
        logger.warn({ failure: failureSlug(error) }, 'runs were not worked out before the end'),
      );
    metrics.shards.set(0);
  }
  const failure = failures.find((error) => !(error instanceof StoppedError));
  if (failure !== undefined) throw failure;
}

/** Copies the whole table beside the stream. */
async function copyTable(deps: PollerDeps, why: string, signal: AbortSignal): Promise<void> {
  const { logger, metrics } = deps;
  logger.warn({ why }, 'copying the whole table');
  metrics.resyncs.inc();
  const sink: Sink = {
    write: (...what) => retryClickHouse(deps, signal, () => deps.sink.write(...what)),
    settle: () => retryClickHouse(deps, signal, () => deps.sink.settle()),
    settleEverything: () => retryClickHouse(deps, signal, () => deps.sink.settleEverything()),
  };
  const retry = <T>(page: () => Promise<T>, scanning: AbortSignal) => retryAws(deps, scanning, page);
  try {
    const written = await backfill({ client: deps.dynamo, tableName: deps.tableName, sink, signal, retry });
    logger.info({ ...written }, 'copied the whole table');
  } catch (error) {
    if (signal.aborted) throw new StoppedError('stopped', { cause: error });
    throw error;
  }
}
