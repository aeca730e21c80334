import { setImmediate } from 'node:timers/promises';
import type { Change } from './change';
import type { Progress } from './checkpoints';
import type { ShardStatus } from './heartbeat';
import type { PollerDeps } from './poller-deps';
import { readAhead } from './read-ahead';
import { readShard } from './shard-reader';
import { onAwsRetry, retryAws, retryClickHouse } from './waiting';

/**
 * Pages that are read while those before are being inserted. Who is behind writes them together: a large insert costs
 * little more than a small one.
 */
const pagesAhead = 5;

/** Reads one shard to its end, and saves each position after its batch is confirmed. */
export async function replicateShard(
  deps: PollerDeps,
  streamArn: string,
  shardId: string,
  progress: Map<string, Progress>,
  statuses: Map<string, ShardStatus>,
  onTrimmed: (shardId: string) => Promise<void>,
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

  for await (const portion of readAhead(pages, pagesAhead)) {
    status.readAtMs = now();
    const changes = portion.flatMap((page) => page.changes);
    const last = portion.findLast((page) => page.position !== null);
    if (!last) continue;
    // Making rows keeps this thread: let the request for the next page out first, so that both go on at once.
    await setImmediate();
    await confirm(deps, changes, signal);
    position = last.position;
    await save({ position, ended: false });
    status.position = position;
    status.newestChangeAtMs = changes.at(-1)?.changedAtMs ?? status.newestChangeAtMs;
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

/** Holds changes until ClickHouse has them, for as long as that takes. */
async function confirm(deps: PollerDeps, changes: readonly Change[], signal: AbortSignal): Promise<void> {
  const { metrics } = deps;
  const end = metrics.batchSeconds.startTimer();
  const written = await retryClickHouse(deps, signal, () => deps.sink.write(changes, 'stream'));
  end();
  metrics.batchChanges.observe(changes.length);
  metrics.changes.inc({ result: 'row' }, written.rows);
  metrics.changes.inc({ result: 'quarantined' }, written.quarantined);
  metrics.changes.inc({ result: 'skipped' }, written.skipped);
  if (written.quarantined > 0)
    deps.logger.error({ count: written.quarantined }, 'changes put into quarantine');
}
