import { join } from 'node:path';
import { clearAttempts } from '../clickhouse/retention';
import { ensureTable } from '../ingest/table';
import { findDynoxide } from '../local/dynamodb/engines';
import { memoryOf, startChild } from './children';
import { openClickHouse, openDynamo } from './engines';
import { createRow, measureRounds, type BenchContext, type BenchRow, type Section } from './section';
import { seedTable } from './seed';
import type { TableScan } from './workers/table-scanner';

/** Backfill and verify, each in a process of its own, against a bare parallel scan. */
export const backfillSection: Section = {
  name: 'backfill',
  title: 'Backfill and verify of a table',
  isInMemory: true,
  run,
};

const minRatio = 0.7;
const itemCounts = { quick: 2_000, usual: 60_000, full: 1_000_000 } as const;

async function run(context: BenchContext): Promise<BenchRow[]> {
  const { say, scope, signal, size, tempDir } = context;
  const items = itemCounts[size];
  const rounds = size === 'quick' ? 2 : 5;
  // DynamoDB Local reads a whole segment for every page: 13,000 items/s of 10,000, 4,000/s of 60,000, 200/s of a
  // million. Next to that, anything would look fast.
  const wanted = (await findDynoxide()).ok ? 'dynoxide' : 'auto';
  const [dynamo, clickHouse] = [await openDynamo(context, wanted), await openClickHouse(context)];
  const tableName = dynamo.tableName();
  // Without a stream: nothing here reads one, and an engine writes faster.
  await ensureTable(dynamo.client, tableName, { stream: false });
  // Over 90 days, as in life: a scan has them in no order of time, and ClickHouse a partition for each day.
  await seedTable(context, dynamo, tableName, items, ['ended'], (90 * 86_400_000) / items);

  const peaksMb: number[] = [];
  const startScanner = async (what: TableScan['what']) => {
    const logFile = join(tempDir, `${what}.log`);
    const scanner = await startChild(scope, 'bench/workers/table-scanner.ts', { logFile });
    return {
      pid: scanner.pid,
      measure: () =>
        scanner.ask<number>({
          what,
          endpoint: dynamo.env.DYNAMODB_ENDPOINT,
          region: dynamo.env.AWS_REGION,
          tableName,
          clickHouse: clickHouse.env,
          items,
        } satisfies TableScan),
    };
  };
  const [scan, copy, check] = await Promise.all([
    startScanner('scan'),
    startScanner('backfill'),
    startScanner('verify'),
  ]);
  const backfillOnce = async () => {
    await clearAttempts(clickHouse.client);
    const perSecond = await copy.measure();
    peaksMb.push(memoryOf(copy.pid));
    return perSecond;
  };
  say('warming up');
  if (size !== 'full') {
    await scan.measure();
    await backfillOnce();
    await check.measure();
  }
  peaksMb.length = 0;
  const rates = await measureRounds(
    rounds,
    { scan: scan.measure, backfill: backfillOnce, verify: check.measure },
    signal,
  );
  const against = { what: 'parallel scan alone, 4 segments', rounds: rates.scan };
  const goal = { kind: 'ratio at least', bound: minRatio } as const;
  return [
    createRow({
      what: 'backfill, items',
      unit: '/s',
      ours: rates.backfill,
      against,
      goal,
      note: `${items} items on ${dynamo.engine}, ${rounds} rounds`,
    }),
    createRow({ what: 'verify, items', unit: '/s', ours: rates.verify, against, goal }),
    createRow({ what: 'memory after a backfill', unit: 'MB', ours: peaksMb }),
  ];
}
