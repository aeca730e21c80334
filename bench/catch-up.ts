import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { clearAttempts } from '../clickhouse/retention';
import { ensureTable } from '../ingest/table';
import { claimPort } from '../local/dynamodb/ports';
import { createCheckpoints } from '../replicator/checkpoints';
import { findStream } from '../replicator/shards';
import { memoryOf, startChild } from './children';
import { openClickHouse, openDynamo } from './engines';
import { createRow, measureRounds, type BenchContext, type BenchRow, type Section } from './section';
import { seedTable } from './seed';
import type { RowInsert } from './workers/row-inserter';
import type { StreamRead } from './workers/stream-reader';

/** Stream to rows: the replicator's own process, from the oldest record on, against its two halves alone. */
export const catchUpSection: Section = {
  name: 'catch-up',
  title: 'Stream to rows, catching up',
  isInMemory: true,
  run,
};

const goals = { rateRatio: 0.8, memoryRatio: 1.2 } as const;
const records = { quick: 2_000, usual: 60_000, full: 200_000 } as const;
const pollMs = 50;
const timeoutMs = 180_000;

async function run(context: BenchContext): Promise<BenchRow[]> {
  const { say, scope, signal, size, tempDir } = context;
  const count = records[size];
  const rounds = size === 'quick' ? 2 : 5;
  const [dynamo, clickHouse] = [await openDynamo(context), await openClickHouse(context)];
  const tableName = dynamo.tableName();
  await ensureTable(dynamo.client, tableName);
  await seedTable(context, dynamo, tableName, count / 2, ['running', 'ended']);
  const streamArn = await findStream(dynamo.client, tableName);
  const log = (name: string) => ({ logFile: join(tempDir, `${name}.log`) });
  const empty = () => clearAttempts(clickHouse.client);

  const peaksMb: { earlier: number[]; later: number[] } = { earlier: [], later: [] };
  const replicate = async (): Promise<number> => {
    await empty();
    const checkpointTable = dynamo.tableName();
    const checkpoints = createCheckpoints({
      client: dynamo.client,
      tableName: checkpointTable,
      now: Date.now,
    });
    // A stream that the replicator knows: else it would copy the whole table beside it.
    await checkpoints.ensureTable();
    await checkpoints.markSynced(streamArn, true);
    const replicator = await startChild(scope, 'replicator/main.ts', {
      ...log('replicator'),
      env: {
        ...dynamo.env,
        ...clickHouse.env,
        OOT_TABLE: tableName,
        OOT_CHECKPOINT_TABLE: checkpointTable,
        METRICS_PORT: String(await claimPort(0)),
      },
    });
    const startedMs = performance.now();
    const samples: { ended: number; mb: number }[] = [];
    for (let ended = 0; ended < count / 2;) {
      signal.throwIfAborted();
      await sleep(pollMs);
      ended = await clickHouse.countEnded();
      samples.push({ ended, mb: memoryOf(replicator.pid) });
      if (performance.now() - startedMs > timeoutMs) {
        throw new Error(`after 180 s ${ended} of ${count / 2} attempts have ended`);
      }
    }
    const seconds = (performance.now() - startedMs) / 1_000;
    await replicator.stop();
    const peak = (of: typeof samples) => Math.max(0, ...of.map(({ mb }) => mb));
    peaksMb.earlier.push(peak(samples.filter(({ ended }) => ended <= count / 4)));
    peaksMb.later.push(peak(samples.filter(({ ended }) => ended > count / 4)));
    return count / seconds;
  };

  const inserter = await startChild(scope, 'bench/workers/row-inserter.ts', log('row-inserter'));
  const insertAlone = async () => {
    await empty();
    return inserter.ask<number>({ clickHouse: clickHouse.env, rows: count } satisfies RowInsert);
  };
  const readAlone = async () => {
    // A new process each time, as the replicator is.
    const reader = await startChild(scope, 'bench/workers/stream-reader.ts', log('stream-reader'));
    const perSecond = await reader.ask<number>({
      endpoint: dynamo.env.DYNAMODB_ENDPOINT,
      region: dynamo.env.AWS_REGION,
      streamArn,
      records: count,
    } satisfies StreamRead);
    await reader.stop();
    return perSecond;
  };
  say('warming up');
  await insertAlone();
  await readAlone();
  const rates = await measureRounds(rounds, { replicate, readAlone, insertAlone }, signal);

  const note = `${count} records, ${rounds} rounds`;
  const slower = rates.readAlone.map((read, round) => Math.min(read, rates.insertAlone[round] ?? read));
  const ours = { unit: '/s', ours: rates.replicate } as const;
  return [
    createRow({
      ...ours,
      what: 'records',
      against: { what: 'the slower of the two below', rounds: slower },
      goal: { kind: 'ratio at least', bound: goals.rateRatio },
      note,
    }),
    createRow({
      ...ours,
      what: 'records',
      against: { what: 'reading the stream alone, SDK', rounds: rates.readAlone },
    }),
    createRow({
      ...ours,
      what: 'records',
      against: { what: 'inserting the rows alone, one batch', rounds: rates.insertAlone },
    }),
    createRow({
      what: 'peak memory, second half',
      unit: 'MB',
      ours: peaksMb.later,
      against: { what: 'peak memory, first half', rounds: peaksMb.earlier },
      goal: { kind: 'ratio at most', bound: goals.memoryRatio },
      note: 'resident memory of the replicator',
    }),
  ];
}
