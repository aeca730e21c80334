import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { EmbeddedEngine } from '../../../local/dynamodb/engines';
import { ensureTable } from '../../../ingest/table';
import { startEmbeddedDynamoDb } from '../../../local/dynamodb/start';
import { awsClientOptions } from '../../../runtime/aws';
import { createLogger } from '../../../runtime/logger';
import type { Attack, Outcome } from './attack';
import { calmCallback, startCalm, type CalmWindow } from './calm';
import { isFlat, median, quantile } from './figures';
import { generate } from './generate';
import { startIngest, type Figures } from './ingest-process';
import { judge, relayPatienceMs } from './judge';
import { prepareBombs } from './large-bodies';
import { judgeLogs } from './logs';
import { prefer } from './priority';
import { createTally, type Report } from './report';
import { createSender } from './send';
import { storm } from './storm';
import { createLedger, digest, itemOf, scan, type Items } from './table';
import { token, victimCallback, victims, relayHeaders, resultsPath } from './target';

export type BadInputOptions = {
  requests: number;
  seed: number;
  /** Bad requests a second. Default 250: what 150 backends may send at most (100 a minute each). */
  perSecond?: number;
  /** Valid callbacks a second beside them. Default 60. */
  calmPerSecond?: number;
  /** Default dynoxide. */
  engine?: EmbeddedEngine;
  /** Stretches of bad requests, with a quiet one before each and one behind the last. Default 6. */
  windows?: number;
  /** Length of a quiet stretch. Default 15 s. */
  quietMs?: number;
  /** Whether p99, memory and slow answers count as breaches; the first two are reported either way. Default true. */
  judgesTimes?: boolean;
  /** Stops early; what was started is ended, and the promise rejects. */
  signal?: AbortSignal;
  onProgress?: (line: string) => void;
};

const tableName = 'bad-input';

/**
 * Sends bad input to a real ingest on a real (embedded) DynamoDB, with a calm stream of valid callbacks beside
 * it, and says what broke. Everything it starts listens on 127.0.0.1 and is ended before it returns or throws.
 */
export async function runBadInput(options: BadInputOptions): Promise<Report> {
  const cleanups: (() => unknown)[] = [];
  try {
    return await run(options, (cleanup) => cleanups.push(cleanup));
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
}

async function run(options: BadInputOptions, onEnd: (cleanup: () => unknown) => void): Promise<Report> {
  const { requests, seed, signal, windows = 6, quietMs = 15_000, judgesTimes = true } = options;
  const { perSecond = 250, calmPerSecond = 60, engine = 'dynoxide' } = options;
  const startedMs = performance.now();
  const say = (line: string) => options.onProgress?.(line);
  const dir = await mkdtemp(join(tmpdir(), 'oot-bad-input-'));
  onEnd(() => rm(dir, { recursive: true, force: true }));
  const dynamo = await startEmbeddedDynamoDb({
    engine,
    port: 0,
    dataDir: null,
    logger: createLogger('bad-input', 'silent'),
  });
  onEnd(() => dynamo.stop());
  const aws = { AWS_REGION: 'us-east-1', DYNAMODB_ENDPOINT: dynamo.endpoint };
  const client = new DynamoDBClient(awsClientOptions(aws));
  onEnd(() => client.destroy());
  // Nobody reads its stream here, and dynoxide gets slower with every record of one.
  await ensureTable(client, tableName, { stream: false });
  const logs = { stdoutFile: join(dir, 'stdout'), stderrFile: join(dir, 'stderr') };
  const ingest = await startIngest({
    ...logs,
    env: { ...aws, OOT_RELAY_TOKENS: token, OOT_TABLE: tableName },
  });
  onEnd(() => ingest.stop());
  const calm = await startCalm(ingest.port, calmPerSecond);
  onEnd(() => calm.stop());
  const sender = createSender(ingest.port);
  onEnd(() => sender.close());

  [ingest.pid, calm.pid, dynamo.pid].forEach(prefer);

  const breaches = new Map<string, number>();
  const breach = (what: string) => void breaches.set(what, (breaches.get(what) ?? 0) + 1);
  const tally = createTally();
  const ledger = createLedger();
  await seedVictims(ingest.port);
  const before = await scan(client, tableName);
  say(`ingest is process ${ingest.pid} on port ${ingest.port}; ${before.size} items are in the table`);

  const quietP99Ms: number[] = [];
  const stormP99Ms: number[] = [];
  const samples: Figures[] = [];
  const during = async (p99s: number[], work: () => Promise<void>) => {
    calm.begin();
    await work();
    const window: CalmWindow = await calm.end();
    for (const failure of window.failures) breach(`a valid callback of the calm stream: ${failure}`);
    p99s.push(quantile(window.latenciesMs, 0.99));
    if (ingest.ended() !== null) throw new Error(`ingest ended: ${ingest.ended() ?? ''}`);
  };
  const quiet = async () => {
    await during(quietP99Ms, () => sleep(quietMs, undefined, signal && { signal }));
    const { openFiles: count } = await ingest.figures();
    if (count !== null) openFiles.push(count);
  };
  const settle = (attack: Attack, outcome: Outcome) => {
    tally.add(attack, outcome);
    for (const wrong of judge(attack, outcome, judgesTimes ? relayPatienceMs : Infinity))
      breach(`${attack.kind}: ${wrong}`);
    for (const [index, body] of (attack.bodies ?? []).entries()) {
      const answer = outcome.answers[index];
      if (!answer) ledger.suspect(body);
      if (answer?.status !== 200) continue;
      const { dynamoKey } = JSON.parse(answer.body) as { dynamoKey: string };
      for (const wrong of ledger.accept(body, dynamoKey)) breach(`${attack.kind}: ${wrong}`);
    }
  };

  // What is compiled and grown once is neither a leak nor quiet: it is left out of both.
  await during([], () => sleep(Math.min(quietMs, 3_000), undefined, signal && { signal }));
  prepareBombs();
  const attacks = generate(seed, requests);
  const openFiles: number[] = [];
  for (let window = 0; window < windows; window++) {
    await quiet();
    const share = Math.ceil((requests * (window + 1)) / windows) - Math.ceil((requests * window) / windows);
    await during(stormP99Ms, () =>
      storm({ attacks, count: share, perSecond, sender, ingest, samples, settle, ...(signal && { signal }) }),
    );
    say(
      `${window + 1} of ${windows}: p99 ${quietP99Ms.at(-1)?.toFixed(1)} ms quiet, ${stormP99Ms.at(-1)?.toFixed(1)} ms`,
    );
  }
  await quiet();

  const after = await scan(client, tableName);
  for (const wrong of [...compareCalm(calm.sent(), after), ...ledger.compare(before, after)]) breach(wrong);
  // Metrics are made once a second; the one that is left is the request that asks.
  await sleep(1_100);
  const { inFlight } = await ingest.figures();
  if (inFlight > 1) breach(`${inFlight - 1} requests count as in flight when all is over`);
  await ingest.stop();
  const { lines, wrong: wrongLogs } = await judgeLogs(logs.stdoutFile, logs.stderrFile);
  for (const wrong of wrongLogs) breach(wrong);

  const rssBytes = samples.map((sample) => sample.rssBytes);
  const heapBytes = samples.map((sample) => sample.heapBytes);
  if (judgesTimes) {
    const ratio = median(stormP99Ms) / median(quietP99Ms);
    if (ratio > 2) breach(`p99 of valid callbacks is ${ratio.toFixed(2)} times the quiet one`);
    if (!isFlat(rssBytes)) breach('memory grows (RSS)');
    if (!isFlat(heapBytes)) breach('memory grows (heap)');
  }
  // Kept connections come and go: at most 64 of ours, and as many to DynamoDB as there were writes at once.
  if ((openFiles.at(-1) ?? 0) > Math.max(...openFiles.slice(0, 3)) + 64) breach('open files grow');
  return {
    requests,
    seed,
    seconds: (performance.now() - startedMs) / 1_000,
    rows: tally.rows(),
    quietP99Ms,
    stormP99Ms,
    calmSent: calm.sent(),
    rssBytes,
    heapBytes,
    openFiles,
    items: { victims: before.size, accepted: ledger.accepted(), inTable: after.size },
    logLines: lines,
    breaches,
  };
}

async function seedVictims(port: number): Promise<void> {
  for (let index = 0; index < victims; index++) {
    const response = await fetch(`http://127.0.0.1:${port}${resultsPath}`, {
      method: 'POST',
      headers: relayHeaders(),
      body: JSON.stringify(victimCallback(index)),
    });
    if (response.status !== 200) throw new Error(`a valid callback was answered ${response.status}`);
  }
}

/** Every job of the calm stream must be there, as its one or two callbacks make it. Takes them out of `after`. */
function compareCalm(sent: number, after: Items): string[] {
  const wrong: string[] = [];
  for (let index = 0; index < sent; index += 2) {
    const bodies = [index, index + 1].filter((n) => n < sent).map((n) => JSON.stringify(calmCallback(n)));
    const expected = itemOf(...bodies);
    const item = after.get(expected?.dynamoKey ?? '');
    if (!expected || !item || digest(item) !== digest(expected))
      wrong.push('a job of the calm stream is not as sent');
    after.delete(expected?.dynamoKey ?? '');
  }
  return wrong;
}
