import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tables } from '../clickhouse/tables';
import { ensureTable } from '../ingest/table';
import { claimPort } from '../local/dynamodb/ports';
import { checkRunId } from './callbacks';
import { startChild } from './children';
import { openClickHouse, openDynamo, type BenchClickHouse } from './engines';
import { createRow, type BenchContext, type BenchRow, type Section } from './section';
import { quantile } from './stats';
import type { OpenLoad, OpenResult } from './workers/http-load';

/** From ingest's 200 to the row that a SELECT finds: every process of the bundle, at a steady rate of callbacks. */
export const visibleSection: Section = {
  name: 'visible',
  title: '200 to visible row',
  isInMemory: true,
  run,
};

const token = 'a-token-of-the-bench-alone';
/** Upstream's target is 60 s. */
const maxP99Ms = 1_000;
/** Between two looks: what is measured is too long by up to that, never too short. */
const lookEveryMs = 15;
const timeoutMs = 30_000;

async function run(context: BenchContext): Promise<BenchRow[]> {
  const { say, scope, signal, size, tempDir } = context;
  const rates = size === 'quick' ? [50] : [1, 50, 300];
  const windows = size === 'quick' ? 2 : 5;
  const [dynamo, clickHouse] = [await openDynamo(context), await openClickHouse(context)];
  const tableName = dynamo.tableName();
  await ensureTable(dynamo.client, tableName);
  const env = { ...dynamo.env, ...clickHouse.env, OOT_TABLE: tableName };
  const log = (name: string) => ({ logFile: join(tempDir, `${name}.log`) });
  const [ingest, load] = await Promise.all([
    startChild(scope, 'ingest/main.ts', {
      ...log('ingest'),
      env: { ...env, OOT_RELAY_TOKENS: token, PORT: '0' },
    }),
    startChild(scope, 'bench/workers/http-load.ts', log('http-load')),
    startChild(scope, 'replicator/main.ts', {
      ...log('replicator'),
      env: {
        ...env,
        OOT_CHECKPOINT_TABLE: dynamo.tableName(),
        METRICS_PORT: String(await claimPort(0)),
      },
    }),
  ]);

  let next = 0;
  /** Milliseconds from each 200 to its row. */
  const measure = async (perSecond: number, durationMs: number): Promise<number[]> => {
    const first = (next += 100_000);
    const repo = `bench-org/at-${perSecond}-a-second`;
    const count = Math.max(1, Math.round((durationMs / 1_000) * perSecond));
    const request = {
      kind: 'open',
      port: Number(ingest.ready.port),
      token,
      repo,
      first,
      durationMs,
      perSecond,
    } satisfies OpenLoad;
    const watch = watchRows(clickHouse, { repo, first, count, durationMs, signal });
    const [{ answeredAtMs }, seenAtMs] = await Promise.all([load.ask<OpenResult>(request), watch]);
    return Array.from(seenAtMs, (seenMs, index) => Math.max(0, seenMs - (answeredAtMs[index] ?? 0)));
  };

  say('warming up');
  await measure(50, size === 'quick' ? 500 : 5_000);
  const rows: BenchRow[] = [];
  for (const perSecond of rates) {
    const windowMs = size === 'quick' ? 500 : size === 'full' ? 20_000 : perSecond === 1 ? 10_000 : 5_000;
    const delays: number[][] = [];
    for (let window = 0; window < windows; window++) {
      signal.throwIfAborted();
      delays.push(await measure(perSecond, windowMs));
    }
    say(`${perSecond}/s, ${windows} windows`);
    const of = (q: number) => delays.map((window) => quantile(window, q));
    const label = `${perSecond} callbacks/s`;
    const note = `${delays.flat().length} callbacks in ${windows} windows of ${windowMs / 1_000} s`;
    rows.push(
      createRow({ what: `${label}, p50`, unit: 'ms', ours: of(0.5), note }),
      createRow({
        what: `${label}, p99`,
        unit: 'ms',
        ours: of(0.99),
        goal: { kind: 'less than', bound: maxP99Ms, unit: 'ms' },
        note: `the slowest of all: ${Math.round(Math.max(...delays.flat()))} ms`,
      }),
    );
  }
  return rows;
}

/** Looks for the rows until all are there, and returns when each was first seen, in UTC milliseconds. */
async function watchRows(
  { client }: BenchClickHouse,
  what: { repo: string; first: number; count: number; durationMs: number; signal: AbortSignal },
): Promise<Float64Array> {
  const seenAtMs = new Float64Array(what.count);
  const firstId = Number(checkRunId(what.first));
  const untilMs = Date.now() + what.durationMs + timeoutMs;
  for (let seen = 0; seen < what.count;) {
    what.signal.throwIfAborted();
    if (Date.now() > untilMs) throw new Error(`${what.count - seen} rows did not become visible`);
    // A few seconds back is enough: what is older was seen, or the bench fails.
    const result = await client.query({
      query: `SELECT toUInt64(check_run_id) AS id FROM ${tables.workflowJob}
        WHERE toDate(received_at) >= yesterday() AND downstream_repo = {repo:String}
          AND received_at > now64(3) - INTERVAL 4 SECOND AND id >= {firstId:UInt64}`,
      query_params: { repo: what.repo, firstId },
      format: 'JSONCompactEachRow',
      clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
    });
    const ids = await result.json<[number]>();
    const nowMs = performance.timeOrigin + performance.now();
    for (const [id] of ids) {
      const index = id - firstId;
      if (index >= what.count || seenAtMs[index] !== 0) continue;
      seenAtMs[index] = nowMs;
      seen++;
    }
    await sleep(lookEveryMs);
  }
  return seenAtMs;
}
