import { join } from 'node:path';
import { ensureTable } from '../ingest/table';
import { startChild } from './children';
import { openDynamo } from './engines';
import { createRow, type BenchContext, type BenchRow, type Section } from './section';
import type { ClosedLoad, ClosedResult } from './workers/http-load';
import type { SdkLoad } from './workers/sdk-load';

const token = 'a-token-of-the-bench-alone';
const connectionsAtOnce = 16;
const goals = { clients: 32, perSecondRatio: 0.85, p99Ratio: 1.3 } as const;

/** Callback to durable: ingest as its own process, against the AWS SDK alone and against no store at all. */
export const ingestSection: Section = {
  name: 'ingest',
  title: 'Callback to durable',
  run,
};

async function run(context: BenchContext): Promise<BenchRow[]> {
  const { say, scope, signal, size, tempDir } = context;
  const isQuick = size === 'quick';
  const clientCounts = isQuick ? [1, 32] : [1, 8, 32, 128];
  const roundsOf = (clients: number) => (isQuick ? 2 : clients === goals.clients ? 9 : 5);
  const durationMs = isQuick ? 200 : size === 'full' ? 5_000 : 2_000;
  const warmUpMs = isQuick ? 200 : 5_000;

  const dynamo = await openDynamo(context);
  const tableName = dynamo.tableName();
  await ensureTable(dynamo.client, tableName);
  const log = (name: string) => ({ logFile: join(tempDir, `${name}.log`) });
  const [ingest, plain, httpLoad, sdkLoad] = await Promise.all([
    startChild(scope, 'ingest/main.ts', {
      ...log('ingest'),
      env: { ...dynamo.env, OOT_TABLE: tableName, OOT_RELAY_TOKENS: token, PORT: '0' },
    }),
    startChild(scope, 'bench/workers/plain-server.ts', log('plain-server')),
    startChild(scope, 'bench/workers/http-load.ts', log('http-load')),
    startChild(scope, 'bench/workers/sdk-load.ts', log('sdk-load')),
  ]);

  let made = 0;
  const first = () => (made += 1_000_000);
  const overHttp = (port: unknown, clients: number, ms: number) =>
    httpLoad.ask<ClosedResult>({
      kind: 'closed',
      port: Number(port),
      token,
      repo: 'bench-org/torch-backend',
      clients,
      first: first(),
      durationMs: ms,
    } satisfies ClosedLoad);
  const things = {
    ingest: (clients: number, ms: number) => overHttp(ingest.ready.port, clients, ms),
    sdk: (clients: number, ms: number) =>
      sdkLoad.ask<ClosedResult>({
        endpoint: dynamo.env.DYNAMODB_ENDPOINT,
        region: dynamo.env.AWS_REGION,
        tableName,
        clients,
        first: first(),
        durationMs: ms,
      } satisfies SdkLoad),
    plain: (clients: number, ms: number) => overHttp(plain.ready.port, clients, ms),
  };

  say('warming up');
  for (const measure of Object.values(things)) await measure(goals.clients, warmUpMs);

  const rows: BenchRow[] = [];
  for (const clients of clientCounts) {
    // DynamoDB Local loses some of a hundred connections that come at once, and the SDK then gives up on them: so
    // they are opened by and by, before anything is measured.
    for (let some = connectionsAtOnce; some <= clients; some += connectionsAtOnce) {
      await things.sdk(some, 300);
      await things.ingest(some, 300);
    }
    const rounds = roundsOf(clients);
    const results: Record<keyof typeof things, ClosedResult[]> = { ingest: [], sdk: [], plain: [] };
    for (let round = 0; round < rounds; round++) {
      for (const name of ['ingest', 'sdk', 'plain'] as const) {
        signal.throwIfAborted();
        results[name].push(await things[name](clients, durationMs));
      }
    }
    say(`${clients} clients, ${rounds} rounds`);
    rows.push(...rowsOf(clients, results, `${rounds} rounds of ${durationMs / 1_000} s`));
  }
  return rows;
}

function rowsOf(
  clients: number,
  results: Record<'ingest' | 'sdk' | 'plain', ClosedResult[]>,
  note: string,
): BenchRow[] {
  const of = (name: keyof typeof results, field: 'perSecond' | 'p99Ms') => results[name].map((r) => r[field]);
  const label = `${clients} ${clients === 1 ? 'client' : 'clients'}`;
  const hasGoal = clients === goals.clients;
  return [
    createRow({
      what: `${label}, requests`,
      unit: '/s',
      ours: of('ingest', 'perSecond'),
      against: { what: 'AWS SDK alone', rounds: of('sdk', 'perSecond') },
      ...(hasGoal && { goal: { kind: 'ratio at least', bound: goals.perSecondRatio } }),
      note,
    }),
    createRow({
      what: `${label}, p99`,
      unit: 'ms',
      ours: of('ingest', 'p99Ms'),
      against: { what: 'AWS SDK alone', rounds: of('sdk', 'p99Ms') },
      ...(hasGoal && { goal: { kind: 'ratio at most', bound: goals.p99Ratio } }),
    }),
    createRow({
      what: `${label}, requests`,
      unit: '/s',
      ours: of('ingest', 'perSecond'),
      against: { what: 'node:http, JSON.parse, zod, no store', rounds: of('plain', 'perSecond') },
    }),
  ];
}
