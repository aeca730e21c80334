import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { applyAccess } from '../../clickhouse/access/apply';
import { readerLimits, readerQuota } from '../../clickhouse/access/rights';
import { accessStatements, hashPassword } from '../../clickhouse/access/statements';
import { usersFile } from '../../clickhouse/access/users-file';
import { loadBackends } from '../../clickhouse/backends';
import { createClickHouse, type ClickHouseClient } from '../../clickhouse/client';
import { startEmbeddedClickHouse, type RunningEmbeddedClickHouse } from '../../clickhouse/embedded/start';
import { migrate, MigrationError, readMigrations } from '../../clickhouse/migrate';
import { readRetention, setRetention } from '../../clickhouse/retention';
import { allRuleGroups } from '../../dashboards/alerts/all';
import { reportAlerts } from '../../dashboards/alerts/report';
import { ensureTable } from '../../ingest/table';
import { backfill } from '../../replicator/backfill';
import { retireShards, writeHeartbeats } from '../../replicator/heartbeat';
import { discardQuarantine, listQuarantine, replayQuarantine } from '../../replicator/replay';
import { createSink } from '../../replicator/sink';
import { verify } from '../../replicator/verify';
import { freshName, startDynamo, type TestDynamo } from '../helpers/engines';
import { attempt } from '../helpers/rows';

/*
 * The engine's own rights and limits, asked as the users that have them. What it can't do is make users by SQL: for that
 * its parser is asked, and whether SQL and users file mean the same.
 */

const database = 'oot';
let directory: string;
let engine: RunningEmbeddedClickHouse;
let admin: ClickHouseClient;
let writer: ClickHouseClient;
let reader: ClickHouseClient;
const clients: ClickHouseClient[] = [];

function connect(user: string, password: string, name = database): ClickHouseClient {
  const client = createClickHouse({
    CLICKHOUSE_URL: engine.url,
    CLICKHOUSE_USER: user,
    CLICKHOUSE_PASSWORD: password,
    CLICKHOUSE_DATABASE: name,
    CLICKHOUSE_CLUSTER: undefined,
  });
  clients.push(client);
  return client;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'oot-access-'));
  engine = await startEmbeddedClickHouse({
    dataDir: directory,
    env: {
      CLICKHOUSE_DATABASE: database,
      CLICKHOUSE_WRITER_USER: 'oot_replicator',
      CLICKHOUSE_WRITER_PASSWORD: 'writes',
      CLICKHOUSE_READER_USER: 'oot_grafana',
      CLICKHOUSE_READER_PASSWORD: 'reads',
    },
  });
  await connect('default', '', 'default').command({ query: `CREATE DATABASE ${database}` });
  admin = connect('default', '');
  writer = connect('oot_replicator', 'writes');
  reader = connect('oot_grafana', 'reads');
  await migrate(admin);
  await admin.insert({ table: 'oot_workflow_job', values: [attempt()], format: 'JSONEachRow' });
  await admin.command({ query: 'CREATE TABLE default.secret ENGINE = Memory AS SELECT 1 AS n' });
});

afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await engine.stop();
  await rm(directory, { recursive: true, force: true });
});

const rows = async <T>(client: ClickHouseClient, query: string): Promise<T[]> =>
  (await client.query({ query, format: 'JSONEachRow' })).json<T>();
const text = async (client: ClickHouseClient, query: string): Promise<string> =>
  (await (await client.query({ query, format: 'TabSeparatedRaw' })).text()).trim();

const everyObject = async () =>
  (
    await rows<{ name: string }>(
      admin,
      // What ClickHouse measures is in such a table before it takes the place of the one that was there.
      `SELECT name FROM system.tables WHERE database = '${database}' AND name NOT LIKE '.tmp.%' ORDER BY name`,
    )
  ).map(({ name }) => name);

/** What is nobody's business but the admin's: the ledger, and what fills tables by itself. */
const hidden = [
  'oot_activity_day_writer',
  'oot_attempt_index_writer',
  'oot_commit_day_writer',
  'oot_migrations',
  'oot_pr_day_writer',
  'oot_readiness_writer',
];

/** Changes of each kind that a migration or an operator makes. */
const changes = [
  'CREATE TABLE mine (n UInt8) ENGINE = MergeTree ORDER BY n',
  'CREATE TABLE mine (n UInt8) ENGINE = Memory',
  'CREATE VIEW mine AS SELECT 1',
  'CREATE OR REPLACE VIEW oot_attempts AS SELECT 1',
  'CREATE DATABASE mine',
  'CREATE FUNCTION mine AS n -> n + 1',
  'ALTER TABLE oot_workflow_job ADD COLUMN mine UInt8',
  'ALTER TABLE oot_workflow_job DROP COLUMN environment',
  'ALTER TABLE oot_workflow_job DELETE WHERE 1',
  "ALTER TABLE oot_workflow_job UPDATE conclusion = 'success' WHERE 1",
  'ALTER TABLE oot_workflow_job MODIFY TTL toDate(received_at) + toIntervalDay(1)',
  'DELETE FROM oot_workflow_job WHERE 1',
  'TRUNCATE TABLE oot_workflow_job',
  'DROP TABLE oot_workflow_job',
  'RENAME TABLE oot_workflow_job TO mine',
  'OPTIMIZE TABLE oot_workflow_job FINAL',
  'SYSTEM STOP MERGES oot_workflow_job',
  'INSERT INTO oot_migrations SELECT 1, 2, 3, now()',
  'GRANT ALL ON *.* TO default',
  'CREATE USER mine',
];

/** Ways out of the database. */
const waysOut = [
  "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
  "SELECT * FROM file('/etc/hostname', 'LineAsString')",
  "SELECT file('/etc/hostname')",
  "SELECT * FROM s3('http://127.0.0.1:1/bucket/key', 'CSV', 'a String')",
  "SELECT * FROM remote('127.0.0.1:1', system.one)",
  "SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')",
  "SELECT * FROM postgresql('127.0.0.1:1', 'd', 't', 'u', 'p')",
  "INSERT INTO FUNCTION file('/tmp/oot-access-out', 'CSV', 'a String') SELECT 'a'",
  "INSERT INTO FUNCTION url('http://127.0.0.1:1/', 'CSV', 'a String') SELECT 'a'",
  'SELECT * FROM system.processes',
  'SELECT * FROM system.users',
  'SELECT * FROM system.merges',
  'SELECT * FROM default.secret',
];

describe('the reader', () => {
  it('reads every view and table but the ledger, and none that writes', async () => {
    const refused: string[] = [];
    const arguments_: Record<string, string> = {
      oot_attempts_as_of: "(at = '2262-01-01 00:00:00')",
      oot_jobs_between: "(from = '2000-01-01 00:00:00', to = '2100-01-01 00:00:00')",
      oot_jobs_as_of:
        "(from = '2000-01-01 00:00:00', to = '2100-01-01 00:00:00', at = '2100-01-01 00:00:00')",
      oot_runs_between: "(from = '2000-01-01 00:00:00', to = '2100-01-01 00:00:00')",
      oot_runs_as_of:
        "(from = '2000-01-01 00:00:00', to = '2100-01-01 00:00:00', at = '2100-01-01 00:00:00')",
      oot_readiness_at: "(at = '2100-01-01 00:00:00')",
      oot_newest_ranges: '(jobs = [1])',
      oot_newest_results: "(from = '2000-01-01 00:00:00', to = '2100-01-01 00:00:00')",
      oot_identities: "(attempts = '[]')",
      oot_computed_runs: '(runs = [1])',
      oot_window_ends: "(to = '2100-01-01 00:00:00', days = 3)",
    };
    for (const name of await everyObject()) {
      await text(reader, `SELECT * FROM ${name}${arguments_[name] ?? ''}`).catch((error: unknown) =>
        refused.push(`${name} ${String((error as { type?: string }).type)}`),
      );
    }
    expect(refused).toEqual(hidden.map((name) => `${name} ACCESS_DENIED`));
  });

  it('evaluates every alert rule', async () => {
    const report = await reportAlerts(reader, allRuleGroups(), { atMs: Date.now(), isPast: false });
    expect(report.rules).toBe(allRuleGroups().flatMap(({ rules }) => rules).length);
  });

  it('may not migrate, and is told so', async () => {
    await expect(migrate(reader)).rejects.toMatchObject({
      code: 'MIGRATION',
      message: 'CLICKHOUSE_USER may not read oot_migrations; a writer may, a reader need not',
    });
  });

  it('sees only what it may read', async () => {
    const seen = await rows<{ database: string; name: string }>(
      reader,
      "SELECT database, name FROM system.tables WHERE database != 'system' AND lower(database) != 'information_schema' ORDER BY name",
    );
    const expected = (await everyObject()).filter((name) => !hidden.includes(name));
    expect(seen).toEqual(expected.map((name) => ({ database, name })));
  });

  it.each([...changes, ...waysOut, "INSERT INTO oot_workflow_job (dynamoKey) SELECT 'mine'"])(
    'may not %s',
    async (query) => {
      const refusal = reader.command({ query });
      await expect(refusal).rejects.toMatchObject({
        type: expect.stringMatching(/^(ACCESS_DENIED|READONLY)$/) as string,
      });
    },
  );

  it.each(
    readerLimits.flatMap(({ setting, ...limit }): [string, number][] => {
      if (setting === 'log_queries') return [[setting, 0]];
      // 0 is as many as there are cores, not without limit, and judged by that.
      if (setting === 'max_threads') return [[setting, 9]];
      const above = 'fixed' in limit ? limit.value : limit.max;
      return [
        [setting, above + 1],
        [setting, 0],
      ];
    }),
  )('can not set %s to %d: by request, in the query, nor with SET', async (setting, value) => {
    const ways = [
      () => reader.query({ query: 'SELECT 1', clickhouse_settings: { [setting]: String(value) } }),
      () => reader.query({ query: `SELECT 1 SETTINGS ${setting} = ${value}` }),
      () => reader.query({ query: `SELECT 1 SETTINGS profile = 'default', ${setting} = ${value}` }),
      () => reader.command({ query: `SET ${setting} = ${value}` }),
    ];
    for (const way of ways) {
      await expect(way()).rejects.toMatchObject({
        type: expect.stringMatching(/^(SETTING_CONSTRAINT_VIOLATION|READONLY)$/) as string,
      });
    }
  });

  it('may set what is within its limits, as Grafana does', async () => {
    const result = await reader.query({
      query: 'SELECT 1 AS one',
      format: 'JSONEachRow',
      clickhouse_settings: { max_execution_time: 65, max_threads: 8, max_memory_usage: '1000000000' },
    });
    expect(await result.json()).toEqual([{ one: 1 }]);
  });

  it('is stopped at its limits', async () => {
    const many = text(reader, 'SELECT number FROM numbers(100001)');
    await expect(many).rejects.toMatchObject({ type: 'TOO_MANY_ROWS_OR_BYTES' });
    const large = text(
      reader,
      'SELECT uniqExact(number, toString(number)) FROM numbers(200000000) SETTINGS max_memory_usage = 50000000',
    );
    await expect(large).rejects.toMatchObject({ type: 'MEMORY_LIMIT_EXCEEDED' });
    const long = text(
      reader,
      'SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number)) SETTINGS max_execution_time = 1',
    );
    await expect(long).rejects.toMatchObject({ type: 'TIMEOUT_EXCEEDED' });
  });

  it('has the limits although it sets none', async () => {
    const settings = readerLimits.map(({ setting }) => setting);
    const values = await text(
      reader,
      `SELECT ${settings.map((setting) => `toInt64(getSetting('${setting}'))`).join(', ')}`,
    );
    expect(values.split('\t').map(Number)).toEqual(readerLimits.map(({ value }) => value));
  });
});

describe('the writer', () => {
  let dynamo: TestDynamo;
  beforeAll(async () => {
    dynamo = await startDynamo('dynoxide');
  });
  afterAll(() => dynamo.stop());

  it('does all of the replicator and its commands', async () => {
    const { client } = dynamo;
    const tableName = freshName('results');
    await ensureTable(client, tableName);
    const item = {
      dynamoKey: 'good',
      status: 'completed',
      conclusion: 'success',
      downstream_repo: 'a/b',
      workflow_name: 'w',
      job_name: 'j',
      check_run_id: '1',
      received_at: Date.now(),
      revision: 3,
    };
    const bad = { ...item, dynamoKey: 'bad', passed_tests: -1 };
    for (const one of [item, bad]) {
      await client.send(new PutItemCommand({ TableName: tableName, Item: marshall(one) }));
    }
    await admin.command({ query: 'TRUNCATE TABLE oot_workflow_job' });

    const sink = createSink({ client: writer, now: Date.now });
    const deps = { client: writer, sink, now: Date.now };
    expect(await migrate(writer)).toEqual([]);
    expect(await backfill({ client, tableName, sink })).toEqual({ rows: 1, quarantined: 1, skipped: 0 });
    const check = () => verify({ client, tableName, clickHouse: writer, settleMs: 100 });
    expect((await check()).differences).toMatchObject([{ dynamoKey: 'bad', kind: 'quarantined' }]);
    expect(await listQuarantine(writer)).toMatchObject([{ dynamoKey: 'bad' }]);
    expect(await replayQuarantine(deps)).toEqual({ resolved: 0, refused: 1 });
    expect(await discardQuarantine(deps, 'bad')).toBe(1);
    const shard = {
      position: '1',
      newestChangeAtMs: 1,
      confirmedAtMs: 2,
      readAtMs: Date.now(),
      ended: false,
    };
    await writeHeartbeats(writer, 'poller', 'arn', new Map([['shard', shard]]));
    await retireShards(writer, 'another', [], Date.now() + 3_600_000);
    await loadBackends(writer, [{ repo: 'a/b', level: 'L1', device: '', oncalls: ['o'] }], Date.now());
    expect(await readRetention(writer)).toEqual({ days: null, other: null });

    expect(await rows(admin, 'SELECT dynamoKey FROM oot_attempts')).toEqual([{ dynamoKey: 'good' }]);
    expect(await rows(admin, 'SELECT repo FROM oot_backends')).toEqual([{ repo: 'a/b' }]);
    expect(await rows(admin, 'SELECT shard_id FROM oot_replication')).toEqual([]);
  });

  it.each([...changes, ...waysOut])('may not %s', async (query) => {
    await expect(writer.command({ query })).rejects.toMatchObject({
      type: 'ACCESS_DENIED',
    });
  });

  it('may not switch the retention', async () => {
    await expect(setRetention(writer, 400)).rejects.toMatchObject({
      code: 'RETENTION',
      message: 'CLICKHOUSE_USER may not change oot_workflow_job: an admin does that',
    });
    expect(await readRetention(admin)).toEqual({ days: null, other: null });
  });

  it('is told which migrations are missing, and by whom they are applied', async () => {
    const migrations = await readMigrations();
    const next = { version: migrations.length + 1, name: 'add_more', text: 'SELECT 1', checksum: 'c' };
    const refusal = migrate(writer, { migrations: [...migrations, next] });
    await expect(refusal).rejects.toBeInstanceOf(MigrationError);
    await expect(refusal).rejects.toThrow(
      'CLICKHOUSE_USER may not apply add_more: let an account that may run `npm run migrate` first',
    );
  });
});

describe('the SQL for an admin', () => {
  const users = [
    { name: 'oot_replicator', role: 'writer', password: hashPassword('one') },
    { name: 'oot_grafana', role: 'reader', password: hashPassword('two') },
  ] as const;
  /** As the engine reads it, in one line. */
  const formatted = async (sql: string) =>
    (
      await rows<{ sql: string }>(
        admin,
        `SELECT formatQuerySingleLine(unhex('${Buffer.from(sql).toString('hex')}')) AS sql`,
      )
    )[0]!.sql;

  it.each([undefined, 'oot-ci', '{cluster}'])(
    'is understood by the engine, on cluster %s',
    async (cluster) => {
      for (const keepsOldPassword of [false, true]) {
        for (const sql of accessStatements({ database, cluster, users, keepsOldPassword })) {
          const read = await formatted(sql);
          expect(read.startsWith(sql.split(' ', 2).join(' '))).toBe(true);
          if (cluster !== undefined) expect(read).toContain(' ON CLUSTER ');
        }
      }
    },
  );

  it('hashes passwords as the engine does', async () => {
    const { hash, salt } = hashPassword('correct horse');
    expect(await text(admin, `SELECT lower(hex(SHA256('correct horse${salt}')))`)).toBe(hash);
  });

  it('means the same limits and quota as what is tested above', async () => {
    const [, , , , profile, quota] = accessStatements({ database, users });
    // The engine shows numbers with a point, a switch as true, and a role only where SQL gave one.
    const bare = (sql: string) =>
      sql
        .replace(' OR REPLACE', '')
        .replace(/ TO oot_reader$/, '')
        .replace('log_queries = 1', 'log_queries = true')
        .replaceAll('`', '');
    const shown = async (what: string) =>
      (await text(admin, `SHOW CREATE ${what} oot_reader`))
        .replace(/(\d)\.(?= |,|$)/g, '$1')
        .replaceAll('`', '');
    expect(await shown('SETTINGS PROFILE')).toBe(bare(await formatted(profile!)));
    expect(await shown('QUOTA')).toBe(bare(await formatted(quota!)));
  });

  it.each(['writer', 'reader'] as const)('means the same rights of the %s', async (role) => {
    const shown = (await text(admin, `SHOW GRANTS FOR oot_${role}`)).split('\n');
    const sql = accessStatements({ database, users }).find(
      (one) => one.startsWith('GRANT') && one.includes(` TO oot_${role} `),
    );
    const rights = /^GRANT (.*) TO oot_\w+ WITH REPLACE OPTION$/.exec(await formatted(sql!))![1]!;
    // `SELECT, INSERT ON a, SELECT ON b`: a right that is not followed by ON goes with the next.
    const apart = [...rights.matchAll(/((?:SELECT|INSERT|, (?=INSERT))+) ON (\S+?)(?:, |$)/g)].map(
      ([, privileges, table]) => `GRANT ${privileges} ON ${table} TO oot_${role}`,
    );
    expect(apart.toSorted()).toEqual(shown.toSorted());
  });

  it('is refused in words where users are in a file', async () => {
    await expect(applyAccess(admin, { database, users })).rejects.toMatchObject({
      code: 'ACCESS',
      message:
        'this ClickHouse keeps its users in a file that SQL can not change, as the embedded engine does',
    });
  });

  it('is refused in words to an account that may not', async () => {
    await expect(applyAccess(writer, { database, users })).rejects.toMatchObject({
      code: 'ACCESS',
      message: expect.stringContaining('CLICKHOUSE_USER may not make users and roles') as string,
    });
  });
});

/* Last: the engine's directory is another process's now. */
describe('the quota of the reader', () => {
  /** One query after the other, on an engine whose only user is a reader; what each answered. */
  async function askAsReader(users: string, queries: string[]): Promise<string[]> {
    const config = join(directory, 'reader-config.xml');
    await writeFile(join(directory, 'reader-users.xml'), users);
    await writeFile(
      config,
      `<clickhouse><users_config>${join(directory, 'reader-users.xml')}</users_config></clickhouse>`,
    );
    const script = `
      const { Session } = require('chdb');
      const session = new Session(process.argv[1], { connectionArgs: ['--config-file=' + process.argv[2]] });
      const ask = (query) => session.queryAsync(query, { format: 'TSVRaw' }).then(
        (result) => Buffer.from(result.bytes()).toString().trim(),
        (error) => /\\(([A-Z_]+)\\)\\.?\\s*$/.exec(error.message)?.[1] ?? error.message,
      );
      (async () => {
        const answers = [];
        for (const query of JSON.parse(process.argv[3])) answers.push(await ask(query));
        process.stdout.write(JSON.stringify(answers), () => process.exit(0));
      })();`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['-e', script, join(directory, 'clickhouse'), config, JSON.stringify(queries)],
      { cwd: join(__dirname, '../..') },
    );
    return JSON.parse(stdout) as string[];
  }

  beforeAll(async () => {
    // There it would run as this reader, and make mistakes of its own.
    await admin.command({ query: 'DROP VIEW oot_readiness_writer' });
    await engine.stop();
  });

  it('lets a reader ask who has asked little', async () => {
    const queries = [
      `SELECT count() FROM ${database}.oot_attempts`,
      `SELECT count() FROM ${database}.oot_migrations`,
      'SELECT currentProfiles(), currentRoles()',
    ];
    expect(await askAsReader(usersFile(database, 'reader'), queries)).toEqual([
      '1',
      'ACCESS_DENIED',
      "['default','oot_reader']\t['oot_reader']",
    ]);
  });

  it('stops a reader who asked too much', async () => {
    const users = usersFile(database, 'reader').replace(
      `<queries>${readerQuota.max.queries}</queries>`,
      '<queries>2</queries>',
    );
    const query = `SELECT count() FROM ${database}.oot_attempts`;
    expect(await askAsReader(users, [query, query, query])).toEqual(['1', '1', 'QUOTA_EXCEEDED']);
  });

  it('stops a reader who makes too many mistakes', async () => {
    const users = usersFile(database, 'reader').replace(
      `<errors>${readerQuota.max.errors}</errors>`,
      '<errors>1</errors>',
    );
    const mistake = 'SELECT throwIf(number = 1) FROM numbers(3)';
    const failed = 'FUNCTION_THROW_IF_VALUE_IS_NON_ZERO';
    const answers = await askAsReader(users, [mistake, mistake, mistake]);
    expect(answers).toEqual([failed, failed, 'QUOTA_EXCEEDED']);
  });
});
