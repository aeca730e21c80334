import { readFailedBatch } from './failed-batch';
import type { FailedBatchStore } from './failed-batch-stores';
import type { Sink, Written } from './sink';

/** How a replay went. An object is replayed, kept (replayed, but it was not whole), or refused and left alone. */
export type Replayed = Written & { objects: number; changes: number; kept: number; refused: number };

/**
 * Puts the batches that Lambda gave up through the sink of everybody. An object is settled only after ClickHouse has
 * confirmed its rows; what is no batch of this table stays where it is, and `onProblem` says why.
 *
 * Safe at any time and as often as one likes: rows carry their item's revision, and an older one never wins. Throws
 * what the sink and the store throw; what was settled until then stays settled.
 */
export async function replayFailures(deps: {
  store: FailedBatchStore;
  sink: Sink;
  tableName: string;
  /** False: look only, and change nothing anywhere. */
  write: boolean;
  /** False: leave the objects where they are. */
  settle: boolean;
  onProgress: (replayed: Replayed) => void;
  onProblem: (key: string, problem: string) => void;
}): Promise<Replayed> {
  const { store, sink } = deps;
  const sum: Replayed = {
    objects: 0,
    changes: 0,
    kept: 0,
    refused: 0,
    rows: 0,
    quarantined: 0,
    skipped: 0,
  };
  for await (const key of store.list()) {
    sum.objects++;
    const batch = readFailedBatch(await store.read(key), deps.tableName);
    if (!batch.ok) {
      sum.refused++;
      deps.onProblem(key, batch.reason);
      continue;
    }
    if (deps.write) {
      const written = await sink.write(batch.changes, 'stream');
      await sink.settle();
      sum.rows += written.rows;
      sum.quarantined += written.quarantined;
      sum.skipped += written.skipped;
    }
    sum.changes += batch.changes.length;
    if (batch.missing > 0) {
      sum.kept++;
      deps.onProblem(
        key,
        `${batch.missing} records are not in it; npm run backfill brings what the table has`,
      );
    } else if (deps.write && deps.settle) await store.settle(key);
    deps.onProgress(sum);
  }
  return sum;
}
