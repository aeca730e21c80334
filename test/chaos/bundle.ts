import { closeSync, mkdirSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createClickHouse, type ClickHouseClient } from '../../clickhouse/client';
import { startEmbeddedClickHouse } from '../../clickhouse/embedded/start';
import { ensureTable } from '../../ingest/table';
import type { EmbeddedEngine } from '../../local/dynamodb/engines';
import { claimPort } from '../../local/dynamodb/ports';
import { startEmbeddedDynamoDb } from '../../local/dynamodb/start';
import { createLogger } from '../../runtime/logger';
import { createPart, forkEntry, type Part } from './part';
import { createProxy, type Proxy } from './proxy';
import { createStreamFaults, type StreamFaults } from './stream-faults';
import { untilAborted } from './until-aborted';

export const partNames = ['dynamodb', 'clickhouse', 'ingest', 'replicator'] as const;
export type PartName = (typeof partNames)[number];

/** The whole bundle as separate processes, with everything that a fault can get hold of. */
export type Bundle = {
  ingestUrl: string;
  token: string;
  tableName: string;
  /** Past the proxies: how the suite itself looks at the engines. */
  dynamo: DynamoDBClient;
  clickHouse: ClickHouseClient;
  parts: Record<PartName, Part>;
  /** In front of DynamoDB as ingest sees it, as the replicators see it, and in front of ClickHouse. */
  proxies: { ingestDynamo: Proxy; replicatorDynamo: Proxy; clickHouse: Proxy };
  streams: StreamFaults;
  /** A second replicator beside the first, with the same tables. */
  createSecondReplicator(): Part;
  /** Shifts the clock of a part by so many milliseconds from the real time. */
  setClock(part: 'ingest' | 'replicator', offsetMs: number): void;
  /** Every offset that ingest's clock had, 0 included. */
  ingestOffsetsMs: number[];
  /** What no fault explains: a part that ended by itself or hung. */
  unexplained: string[];
  dir: string;
  /** Ends every process; removes the data unless told to keep them. */
  stop(keep?: boolean): Promise<void>;
};

const token = 'chaos-suite-token-0123456789';
const tableName = 'chaos-results';
const startTimeoutMs = 60_000;

/**
 * Starts everything on 127.0.0.1 in a new folder, and resolves when a callback can be sent. Rejects, and leaves
 * nothing behind, where that can't be done within 60 s, or when the signal aborts.
 */
export async function startBundle(options: { engine: EmbeddedEngine; signal: AbortSignal }): Promise<Bundle> {
  const dir = await mkdtemp(join(tmpdir(), 'oot-chaos-'));
  mkdirSync(join(dir, 'logs'));
  const ports = {
    dynamodb: await fixedPort(),
    clickhouse: await fixedPort(),
    ingest: await fixedPort(),
    ingestDynamo: await fixedPort(),
    replicatorDynamo: await fixedPort(),
    clickHouseProxy: await fixedPort(),
  };
  const unexplained: string[] = [];
  const onFault = (what: string) => void unexplained.push(what);
  const endpoint = `http://127.0.0.1:${ports.dynamodb}`;
  const clickHouseUrl = `http://127.0.0.1:${ports.clickhouse}`;
  const inherited = { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: process.env.TMPDIR };
  const silent = createLogger('chaos', 'silent');

  const proxies = {
    ingestDynamo: await createProxy({ port: ports.ingestDynamo, target: endpoint }),
    replicatorDynamo: await createProxy({ port: ports.replicatorDynamo, target: endpoint }),
    clickHouse: await createProxy({ port: ports.clickHouseProxy, target: clickHouseUrl }),
  };
  const streams = createStreamFaults();
  proxies.replicatorDynamo.add(streams.middleware);

  const clockFile = (part: string) => join(dir, `${part}.clock`);
  const common = (part: string) => ({
    ...inherited,
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    NODE_OPTIONS: `--require ${join(__dirname, 'clock.cjs')}`,
    CHAOS_CLOCK_FILE: clockFile(part),
    OOT_TABLE: tableName,
  });
  const log = (part: string) => join(dir, 'logs', `${part}.log`);

  const dynamodb = createPart({
    name: 'dynamodb',
    onFault,
    async launch() {
      const engine = await startEmbeddedDynamoDb({
        engine: options.engine,
        port: ports.dynamodb,
        dataDir: join(dir, 'dynamodb'),
        logger: silent,
      });
      const exited = engine.exited.then(({ code, signal }) => ({
        why: signal ?? `exit code ${code ?? '?'}`,
      }));
      return { pid: engine.pid, exited };
    },
  });
  const clickhouse = createPart({
    name: 'clickhouse',
    onFault,
    async launch() {
      const logs = openSync(log('clickhouse'), 'a');
      try {
        const engine = await startEmbeddedClickHouse({
          dataDir: dir,
          port: ports.clickhouse,
          env: { ...inherited, LOG_LEVEL: 'warn' },
          logs,
        });
        return {
          pid: engine.pid,
          exited: engine.exited.then((code) => ({ why: `exit code ${code ?? '?'}` })),
        };
      } finally {
        closeSync(logs);
      }
    },
  });
  const ready: Promise<boolean>[] = [];
  const own = (name: PartName | 'replicator-2', entry: string, env: NodeJS.ProcessEnv) =>
    createPart({
      name,
      onFault,
      launch() {
        const running = forkEntry({ entry, logFile: log(name), env });
        ready.push(running.ready);
        return Promise.resolve(running);
      },
    });
  const ingest = own('ingest', 'ingest/main.ts', {
    ...common('ingest'),
    PORT: String(ports.ingest),
    OOT_RELAY_TOKENS: token,
    DYNAMODB_ENDPOINT: proxies.ingestDynamo.url,
    LOG_LEVEL: 'warn',
  });
  const replicatorEnv = {
    ...common('replicator'),
    METRICS_PORT: '0',
    DYNAMODB_ENDPOINT: proxies.replicatorDynamo.url,
    CLICKHOUSE_URL: proxies.clickHouse.url,
  };
  const replicator = own('replicator', 'replicator/main.ts', replicatorEnv);
  const parts = { dynamodb, clickhouse, ingest, replicator };

  const dynamo = new DynamoDBClient({
    region: 'us-east-1',
    endpoint,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    // verify looks at up to 500 items at once.
    requestHandler: { httpAgent: { maxSockets: 512, keepAlive: true } },
  });
  const clickHouse = createClickHouse({
    CLICKHOUSE_URL: clickHouseUrl,
    CLICKHOUSE_USER: 'default',
    CLICKHOUSE_PASSWORD: '',
    CLICKHOUSE_DATABASE: 'default',
    CLICKHOUSE_CLUSTER: undefined,
  });
  const seconds: Part[] = [];
  const ingestOffsetsMs = [0];
  const bundle: Bundle = {
    ingestUrl: `http://127.0.0.1:${ports.ingest}/api/crcr/results`,
    token,
    tableName,
    dynamo,
    clickHouse,
    parts,
    proxies,
    streams,
    createSecondReplicator() {
      const second = own('replicator-2', 'replicator/main.ts', replicatorEnv);
      seconds.push(second);
      return second;
    },
    setClock(part, offsetMs) {
      if (part === 'ingest') ingestOffsetsMs.push(offsetMs);
      // Renamed into place, so that nobody reads half a number.
      writeFileSync(`${clockFile(part)}.new`, String(offsetMs));
      renameSync(`${clockFile(part)}.new`, clockFile(part));
    },
    ingestOffsetsMs,
    unexplained,
    dir,
    async stop(keep = false) {
      await Promise.allSettled(
        [...seconds, replicator, ingest, dynamodb, clickhouse].map((part) => part.end()),
      );
      await Promise.allSettled(Object.values(proxies).map((proxy) => proxy.stop()));
      dynamo.destroy();
      await clickHouse.close();
      if (!keep) await rm(dir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  const startAll = async () => {
    await Promise.all([
      clickhouse.start(),
      ingest.start(),
      dynamodb.start().then(() => ensureTable(dynamo, tableName)),
    ]);
    await replicator.start();
    const areReady = await Promise.all(ready);
    if (areReady.includes(false)) throw new Error(`the bundle did not start: ${unexplained.join('; ')}`);
  };
  try {
    await untilAborted(AbortSignal.any([options.signal, AbortSignal.timeout(startTimeoutMs)]), startAll());
    return bundle;
  } catch (error) {
    await bundle.stop();
    throw error;
  }
}

/**
 * A free port that stays ours while nobody listens on it: outside of the range from which the system takes
 * ports for outgoing connections, of which a load makes thousands.
 */
async function fixedPort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 17_000);
    try {
      return await claimPort(port);
    } catch {
      // Taken; the next one then.
    }
  }
}
