import { mkdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import pc from 'picocolors';
import { createClickHouse } from '../clickhouse/client';
import { migrate } from '../clickhouse/migrate';
import { readinessWriter } from '../clickhouse/tables';
import { ensureTable } from '../ingest/table';
import { awsClientOptions } from '../runtime/aws';
import { readConfig } from '../runtime/env';
import { exitWith } from '../runtime/shutdown';
import { localConfigSchema, type LocalConfig } from './config';
import { checkPorts, deleteData, startClickHouse, startDynamoDb } from './engines';
import { discardHistory, inspectTable, loadFirstHistory, registerDemoBackends } from './first-start';
import { findGrafana, startGrafana, type Reader } from './grafana';
import { sayHowTo } from './how-to';
import { lockDirectory } from './lock';
import { partEnvironment, startNodePart } from './node-part';
import { formatSummary, newestPr, readSummary } from './summary';
import { createSupervisor, type Supervisor } from './supervisor';
import { readOrMakeToken } from './token';

const usage = `usage: npm start [-- --fresh] [-- --empty]
  --fresh  begin anew: delete what is in DATA_DIR
  --empty  without the demo's three weeks of history
`;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const flags = readFlags();
  const config = readConfig(localConfigSchema, process.env);
  const dataDir = resolve(config.DATA_DIR);
  const unlock = await lockDirectory(dataDir);
  const supervisor = createSupervisor();
  const interrupted = new Promise<'interrupted'>((settle) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => settle('interrupted'));
  });
  const running = start(supervisor, config, dataDir, flags).then(() => supervisor.failed);
  const end = await Promise.race([interrupted, running]).catch((error: unknown) => error as Error);
  if (end === 'interrupted') say(`\n${pc.dim('Stopping ...')}`);
  else process.stderr.write(`${pc.red(end.message)}\nStopping everything else ...\n`);
  await supervisor.stop();
  await unlock();
  say(pc.dim(end === 'interrupted' ? 'Stopped.' : 'Stopped after a failure.'));
  process.exit(end === 'interrupted' ? 0 : 1);
}

type Flags = { fresh: boolean; empty: boolean };

function readFlags(): Flags {
  try {
    const { values } = parseArgs({
      options: { fresh: { type: 'boolean', default: false }, empty: { type: 'boolean', default: false } },
    });
    return values;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}

/** Starts every part, in the order in which they need each other; Grafana, where there is one, last. */
async function start(
  supervisor: Supervisor,
  config: LocalConfig,
  dataDir: string,
  flags: Flags,
): Promise<void> {
  const startedMs = Date.now();
  const at = () => pc.dim(`${((Date.now() - startedMs) / 1000).toFixed(1).padStart(5)} s`);
  const step = (what: string, detail = '') =>
    say(`${at()}  ${pc.green('✔')} ${what}${detail && pc.dim(`  ${detail}`)}`);
  await checkPorts(config);
  if (flags.fresh) await deleteData(config, dataDir);
  const firstStart = createFirstStart();
  const logDir = join(dataDir, 'logs');
  mkdirSync(logDir, { recursive: true });

  const reader = await readerOf(config, dataDir);
  const readerEnv = { CLICKHOUSE_READER_USER: reader.user, CLICKHOUSE_READER_PASSWORD: reader.password };
  const [dynamoEndpoint, clickHouseUrl] = await Promise.all([
    startDynamoDb(supervisor, config, dataDir).then(({ endpoint, name }) => {
      step(name, endpoint);
      return endpoint;
    }),
    startClickHouse(supervisor, config, { dataDir, logDir }, { ...process.env, ...readerEnv }).then(
      ({ url, name }) => {
        step(name, url);
        return url;
      },
    ),
  ]);
  const dynamo = new DynamoDBClient(awsClientOptions({ ...config, DYNAMODB_ENDPOINT: dynamoEndpoint }));
  const clickHouse = createClickHouse({
    ...config,
    CLICKHOUSE_URL: clickHouseUrl,
    CLICKHOUSE_CLUSTER: undefined,
  });
  const applied = await migrate(clickHouse);
  if (applied.length > 0) step('ClickHouse migrated', `${applied.length} migrations`);

  const tableName = config.OOT_TABLE;
  const state = await inspectTable(dynamo, tableName);
  if (state === 'ready') step('Table found', tableName);
  else if (flags.empty || config.DYNAMODB_ENDPOINT || config.CLICKHOUSE_URL) {
    // The demo's history is only for engines that were made for it, never for somebody's own.
    if (state === 'unfinished' && !config.DYNAMODB_ENDPOINT && !config.CLICKHOUSE_URL) {
      await discardHistory(dynamo, clickHouse, tableName);
    }
    await ensureTable(dynamo, tableName);
    step('Table created', tableName);
  } else {
    await registerDemoBackends(clickHouse, startedMs);
    const count = await loadFirstHistory({
      dynamo,
      clickHouse,
      tableName,
      state,
      nowMs: startedMs,
      onProgress: firstStart.show,
    });
    firstStart.end();
    // By itself at the next full minute; somebody may look before.
    await clickHouse.command({ query: `SYSTEM REFRESH VIEW ${readinessWriter}` });
    step('History loaded', `${count.toLocaleString('en')} check runs of 21 days`);
  }

  const tokens = config.OOT_RELAY_TOKENS ?? (await readOrMakeToken(join(dataDir, 'relay-token')));
  const readTokens = config.API_READ_TOKENS ?? (await readOrMakeToken(join(dataDir, 'read-token')));
  const env = partEnvironment(process.env, {
    AWS_REGION: config.AWS_REGION,
    DYNAMODB_ENDPOINT: dynamoEndpoint,
    CLICKHOUSE_URL: clickHouseUrl,
    CLICKHOUSE_USER: config.CLICKHOUSE_USER,
    CLICKHOUSE_PASSWORD: config.CLICKHOUSE_PASSWORD,
    CLICKHOUSE_DATABASE: config.CLICKHOUSE_DATABASE,
    OOT_TABLE: tableName,
  });
  const found = findGrafana(process.env);
  const part = (name: string, own: NodeJS.ProcessEnv) =>
    supervisor.add(
      startNodePart({ name, entry: `${name}/main.ts`, env: own, logFile: join(logDir, `${name}.log`) }),
    );
  await Promise.all([
    part('replicator', { ...env, METRICS_PORT: String(config.METRICS_PORT) }),
    part('ingest', { ...env, PORT: String(config.PORT), OOT_RELAY_TOKENS: tokens }),
    // It gets nothing of what the others may do.
    part(
      'api',
      partEnvironment(process.env, {
        API_PORT: String(config.API_PORT),
        API_READ_TOKENS: readTokens,
        API_PUBLIC: config.API_PUBLIC,
        CLICKHOUSE_URL: clickHouseUrl,
        CLICKHOUSE_DATABASE: config.CLICKHOUSE_DATABASE,
        CLICKHOUSE_READER_USER: reader.user,
        CLICKHOUSE_READER_PASSWORD: reader.password,
        ...(found.ok && { GRAFANA_URL: `http://127.0.0.1:${config.GRAFANA_PORT}` }),
      }),
    ),
  ]);
  step('Replicator', `http://127.0.0.1:${config.METRICS_PORT}/metrics`);
  step('Ingest', `http://127.0.0.1:${config.PORT}/api/crcr/results`);
  step('API', `http://127.0.0.1:${config.API_PORT}/api/oot/`);
  const grafana = found.ok
    ? await supervisor.add(
        startGrafana({
          grafana: found,
          port: config.GRAFANA_PORT,
          dataDir: join(dataDir, 'grafana'),
          logFile: join(logDir, 'grafana.log'),
          clickHouse: { ...reader, url: clickHouseUrl, database: config.CLICKHOUSE_DATABASE },
          adminPassword: await readOrMakeToken(join(dataDir, 'grafana-admin-password')),
          env: process.env,
        }),
      )
    : { missing: found.reason };
  if ('url' in grafana) step('Grafana', grafana.url);

  say(`\n${formatSummary(await readSummary(clickHouse))}\n`);
  sayHowTo({
    config,
    token: tokens.split(',')[0]?.trim() ?? '',
    readToken: readTokens.split(',')[0]?.trim() ?? '',
    pr: await newestPr(clickHouse),
    dynamoEndpoint,
    clickHouseUrl,
    logDir: relative(process.cwd(), logDir),
    grafana,
  });
  await clickHouse.close();
  dynamo.destroy();
}

/** Grafana and the API may only read the embedded ClickHouse; of one of yours, they get the account that is set. */
async function readerOf(config: LocalConfig, dataDir: string): Promise<Reader> {
  const { CLICKHOUSE_READER_USER: user, CLICKHOUSE_READER_PASSWORD: password } = config;
  if (config.CLICKHOUSE_URL) {
    return user === undefined
      ? { user: config.CLICKHOUSE_USER, password: config.CLICKHOUSE_PASSWORD }
      : { user, password };
  }
  return { user: 'grafana', password: await readOrMakeToken(join(dataDir, 'grafana-clickhouse-password')) };
}

/** Progress of the first load: written over on a terminal, nothing elsewhere. */
function createFirstStart() {
  const { isTTY } = process.stdout;
  return {
    show: (done: number, total: number) => {
      if (isTTY) process.stdout.write(`\r\x1b[K         loading history ${done} of ${total}`);
    },
    end: () => {
      if (isTTY) process.stdout.write('\r\x1b[K');
    },
  };
}

main().catch(exitWith);
