import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateTableCommand,
  DynamoDBClient,
  GetItemCommand,
  ListTablesCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { embeddedEngines, findDynamoDbLocal, findDynoxide, findJava } from '../../local/dynamodb/engines';
import { EngineStartError, startEmbeddedDynamoDb, type EmbeddedDynamoDb } from '../../local/dynamodb/start';
import { claimPort } from '../../local/dynamodb/ports';

const logger = { debug: jest.fn(), info: jest.fn(), warn: jest.fn(), error: jest.fn(), fatal: jest.fn() };
const started: EmbeddedDynamoDb[] = [];
let dataDir: string;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'embedded-dynamodb-'));
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((engine) => engine.stop()));
  await rm(dataDir, { recursive: true, force: true });
});

async function start(
  engine: 'auto' | EmbeddedDynamoDb['engine'],
  dir: string | null = dataDir,
  port = 0,
): Promise<EmbeddedDynamoDb> {
  const dynamoDb = await startEmbeddedDynamoDb({ engine, port, dataDir: dir, logger });
  started.push(dynamoDb);
  return dynamoDb;
}

function clientOf(endpoint: string): DynamoDBClient {
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  return new DynamoDBClient({ endpoint, region: 'us-east-1', credentials, maxAttempts: 1 });
}

const jobs = {
  TableName: 'jobs',
  BillingMode: 'PAY_PER_REQUEST',
  KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
  AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
} as const;
const item = { id: { S: 'job-1' }, note: { S: 'kept' } };

async function writeItem(endpoint: string): Promise<void> {
  const client = clientOf(endpoint);
  await client.send(
    new CreateTableCommand({
      ...jobs,
      KeySchema: [...jobs.KeySchema],
      AttributeDefinitions: [...jobs.AttributeDefinitions],
    }),
  );
  await client.send(new PutItemCommand({ TableName: 'jobs', Item: item }));
  client.destroy();
}

async function readItem(endpoint: string): Promise<unknown> {
  const client = clientOf(endpoint);
  const { Item } = await client.send(new GetItemCommand({ TableName: 'jobs', Key: { id: item.id } }));
  client.destroy();
  return Item;
}

/** Addresses that something listens on with this port, as the kernel's hex words (IPv4 and IPv6). */
async function listeningAddresses(port: number): Promise<string[]> {
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8')));
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  return tables
    .flatMap((table) => table.trim().split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => state === '0A' && local?.endsWith(`:${hexPort}`))
    .map(([, local]) => local?.split(':')[0] ?? '');
}

async function isFree(port: number): Promise<boolean> {
  return claimPort(port).then(
    () => true,
    () => false,
  );
}

/** The only reasons for which an engine goes untested: no JDK, or a platform that has no binary. */
const mayBeMissing = { 'dynamodb-local': /java/, dynoxide: /no dynoxide binary for (?!linux-x64)/ };
const unusableData = {
  'dynamodb-local': [
    'shared-local-instance.db',
    /did not answer within 12000 ms: .*sqlite.*unable to open database file/is,
  ],
  dynoxide: ['dynoxide.db', /ended before it was ready: .*unable to open database file/is],
} as const;
const finders = { 'dynamodb-local': findDynamoDbLocal, dynoxide: findDynoxide };

describe.each(embeddedEngines)('startEmbeddedDynamoDb with %s', (engine) => {
  let missing: string | null = null;
  beforeAll(async () => {
    const found = await finders[engine]();
    missing = found.ok ? null : found.reason;
    if (missing !== null) console.warn(`SKIPPED: ${engine} can't be tested here, ${missing}`);
  });
  /** jest decides about skips before it can ask for Java, so a test without its engine ends early, and says so above. */
  const withEngine = (name: string, run: () => Promise<void>): void => {
    it(name, async () => {
      if (missing === null) await run();
      else expect(missing).toMatch(mayBeMissing[engine]);
    });
  };

  withEngine('answers on 127.0.0.1 and on no other address', async () => {
    const dynamoDb = await start(engine, null);
    const client = clientOf(dynamoDb.endpoint);
    const { TableNames } = await client.send(new ListTablesCommand({}));
    client.destroy();

    expect(TableNames).toEqual([]);
    expect(dynamoDb).toMatchObject({ engine, endpoint: `http://127.0.0.1:${dynamoDb.port}` });
    // 127.0.0.1, little-endian.
    expect(await listeningAddresses(dynamoDb.port)).toEqual(['0100007F']);
  });

  withEngine('leaves no file behind when it is in memory', async () => {
    const dynamoDb = await start(engine, null);
    await writeItem(dynamoDb.endpoint);
    expect(await readdir(dataDir)).toEqual([]);
  });

  withEngine('keeps its data across stop and start, on another port', async () => {
    const first = await start(engine);
    await writeItem(first.endpoint);
    await first.stop();
    expect(await isFree(first.port)).toBe(true);

    const second = await start(engine);
    expect(await readItem(second.endpoint)).toEqual(item);
  });

  withEngine('keeps an acknowledged write across kill', async () => {
    const first = await start(engine);
    await writeItem(first.endpoint);
    first.kill();
    expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' });

    const second = await start(engine);
    expect(await readItem(second.endpoint)).toEqual(item);
  });

  withEngine('names the port when it is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;

    await expect(start(engine, null, port)).rejects.toMatchObject({
      name: 'PortUnavailableError',
      code: 'EADDRINUSE',
      port,
    });
    other.close();
  });

  withEngine('quotes the engine when it does not become ready', async () => {
    // A directory where its data file should be. DynamoDB Local stays up and retries for ever, dynoxide ends.
    const [file, message] = unusableData[engine];
    await mkdir(join(dataDir, file));
    const options = { engine, port: 0, dataDir, logger, readyTimeoutMs: 12_000 };

    const failure = await startEmbeddedDynamoDb(options).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(EngineStartError);
    expect((failure as Error).message).toMatch(message);
  });

  withEngine('ends with its parent, also when that is killed', async () => {
    const { parent, port, pid } = await startInChild(engine);
    expect(await isFree(port)).toBe(false);

    parent.kill('SIGKILL');
    await once(parent, 'exit');
    let free = false;
    for (let tries = 0; tries < 100 && !free; tries++) {
      await sleep(50);
      free = await isFree(port);
    }
    // Our orphan, were there one: don't leave it to the machine.
    if (!free) process.kill(pid, 'SIGKILL');
    expect(free).toBe(true);
  });
});

it('picks DynamoDB Local where it can run, else dynoxide, with engine auto', async () => {
  const amazons = await findDynamoDbLocal();
  const dynamoDb = await start('auto', null);
  expect(dynamoDb.engine).toBe(amazons.ok ? 'dynamodb-local' : 'dynoxide');
});

it.each([
  [
    'older than 17',
    'echo java.base@11.0.2; echo jdk.compiler@11.0.2',
    'java is version 11, 17 or newer is needed',
  ],
  ['a slim JRE', 'echo java.base@21.0.1', 'java is a JRE without the module jdk.compiler, a JDK is needed'],
  ['Java 8, which has no modules', 'exit 1', 'java is older than 17, or broken'],
])('refuses a java that is %s', async (_what, script, reason) => {
  const java = join(dataDir, 'java');
  await writeFile(java, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  expect(await findJava(java)).toEqual({ ok: false, reason });
});

it('says that there is no java where there is none', async () => {
  expect(await findJava(join(dataDir, 'java'))).toEqual({
    ok: false,
    reason: 'there is no java on the PATH',
  });
});

/** A node process that starts the engine and then only waits, so that it can be killed. */
async function startInChild(engine: string) {
  const program = `
    const { startEmbeddedDynamoDb } = require('./local/dynamodb/start.ts');
    const quiet = { info() {}, warn() {} };
    startEmbeddedDynamoDb({ engine: '${engine}', port: 0, dataDir: null, logger: quiet }).then(
      ({ port, pid }) => console.log(JSON.stringify({ port, pid })),
    );`;
  const parent = spawn(process.execPath, ['--require', 'tsx/cjs', '--eval', program], {
    cwd: join(__dirname, '../..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await Promise.race([
    once(parent.stdout, 'data'),
    once(parent, 'exit').then(() =>
      Promise.reject(new Error('the parent ended before its engine was ready')),
    ),
  ])) as [Buffer];
  return { parent, ...(JSON.parse(line.toString()) as { port: number; pid: number }) };
}
