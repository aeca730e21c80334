import { loadHistory } from '../local/demo/load';
import type { BenchDynamo } from './engines';
import { itemsOf } from './callbacks';
import type { BenchContext } from './section';

const chunkSize = 10_000;

/**
 * Writes the items of jobs 0 to `jobs`: their starts, then their ends, or their ends alone. With both, a stream has
 * two records a job. Jobs are `apartMs` apart, milliseconds. Says how far it is, since an emulator takes its time.
 */
export async function seedTable(
  { say, signal }: BenchContext,
  { client }: BenchDynamo,
  tableName: string,
  jobs: number,
  states: readonly ('running' | 'ended')[],
  apartMs?: number,
): Promise<void> {
  const startedMs = Date.now();
  let written = 0;
  for (let from = 0; from < jobs; from += chunkSize) {
    const chunk = Array.from({ length: Math.min(chunkSize, jobs - from) }, (_, n) =>
      itemsOf(from + n, apartMs),
    );
    for (const state of states) {
      signal.throwIfAborted();
      await loadHistory({ client, tableName, items: chunk.map((items) => items[state]) });
      written += chunk.length;
    }
    const perSecond = Math.round((written * 1_000) / (Date.now() - startedMs));
    say(`seeded ${written} of ${jobs * states.length} writes, ${perSecond}/s`);
  }
}
