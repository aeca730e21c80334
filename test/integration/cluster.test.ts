import { mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { checkCluster, ClusterError } from '../../clickhouse/cluster';
import { createClickHouse, type ClickHouseClient } from '../../clickhouse/client';
import { startEmbeddedClickHouse, type RunningEmbeddedClickHouse } from '../../clickhouse/embedded/start';
import { ledgerStatements, migrate, readMigrations, statementsOf } from '../../clickhouse/migrate';
import { sleep } from '../../runtime/retry';

/*
 * On an engine that knows clusters. It has no Keeper and no queue for ON CLUSTER, so what it is asked is which clusters
 * there are, and how its parser reads the statements; to run them takes servers.
 */

const replica = '<replica><host>127.0.0.1</host><port>9000</port></replica>';
const serverConfig = `
  <remote_servers>
    <oot><shard>${replica}${replica}</shard></oot>
    <sharded><shard>${replica}</shard><shard>${replica}</shard></sharded>
  </remote_servers>
  <macros><cluster>oot</cluster><other>sharded</other></macros>`;

let directory: string;
let engine: RunningEmbeddedClickHouse;
let client: ClickHouseClient;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'oot-cluster-'));
  engine = await startEmbeddedClickHouse({
    dataDir: directory,
    env: { CLICKHOUSE_SERVER_CONFIG: serverConfig },
  });
  client = createClickHouse({
    CLICKHOUSE_URL: engine.url,
    CLICKHOUSE_USER: 'default',
    CLICKHOUSE_PASSWORD: '',
    CLICKHOUSE_DATABASE: 'default',
    CLICKHOUSE_CLUSTER: undefined,
  });
});
afterAll(async () => {
  await client.close();
  await engine.stop();
  await rm(directory, { recursive: true, force: true });
});

const tables = async () => (await client.query({ query: 'SHOW TABLES', format: 'TabSeparated' })).text();

describe('checkCluster', () => {
  it.each(['oot', '{cluster}'])('takes %s, of one shard', async (cluster) => {
    await expect(checkCluster(client, cluster)).resolves.toBeUndefined();
  });

  it.each([
    [
      'sharded',
      'CLICKHOUSE_CLUSTER sharded: it has 2 shards, and the tables are replicated, not sharded; name a cluster of one shard that has every replica',
    ],
    [
      '{other}',
      'CLICKHOUSE_CLUSTER {other}: it has 2 shards, and the tables are replicated, not sharded; name a cluster of one shard that has every replica',
    ],
    ['oot_', 'CLICKHOUSE_CLUSTER oot_: this server knows no such cluster, only oot, sharded'],
  ])('refuses %s', async (cluster, message) => {
    const refusal = checkCluster(client, cluster);
    await expect(refusal).rejects.toBeInstanceOf(ClusterError);
    await expect(refusal).rejects.toMatchObject({ code: 'CLUSTER', message });
  });
});

describe('migrate on a cluster', () => {
  it('changes nothing where it has several shards', async () => {
    await expect(migrate(client, { cluster: 'sharded' })).rejects.toBeInstanceOf(ClusterError);
    expect(await tables()).toBe('');
  });

  it('begins with the lock, on the cluster, which takes a queue that this engine does not have', async () => {
    const sent: string[] = [];
    const watched = new Proxy(client, {
      get: (target, key) => {
        if (key === 'command') {
          return (parameters: { query: string }) => {
            sent.push(parameters.query);
            return target.command(parameters);
          };
        }
        const value: unknown = Reflect.get(target, key);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    await expect(migrate(watched, { cluster: 'oot' })).rejects.toMatchObject({
      type: 'QUERY_IS_PROHIBITED',
    });
    expect(sent).toEqual([
      expect.stringMatching(
        /^CREATE TABLE oot_migrations_lock ON CLUSTER 'oot' \(nothing UInt8\) ENGINE = Memory COMMENT '[\w-]{36}'$/,
      ),
    ]);
    expect(await tables()).toBe('');
  });
});

describe('the lock of migrations', () => {
  const lock = 'oot_migrations_lock';
  const hold = () => client.command({ query: `CREATE TABLE ${lock} (nothing UInt8) ENGINE = Memory` });

  it('is waited for', async () => {
    await hold();
    const migrating = migrate(client);
    const first = await Promise.race([migrating, sleep(1_000).then(() => 'waits')]);
    expect(first).toBe('waits');
    expect(await tables()).toBe(`${lock}\n`);
    await client.command({ query: `DROP TABLE ${lock}` });
    expect(await migrating).toHaveLength((await readMigrations()).length);
    expect(await tables()).not.toContain(lock);
  });

  it('is taken over from a holder that said nothing for long: it was killed', async () => {
    const [ledger] = (await tables()).split('\n').filter((name) => name === 'oot_migrations');
    await client.command({ query: `TRUNCATE TABLE ${ledger!}` });
    await hold();
    const found = await client.query({
      query: `SELECT metadata_path AS path FROM system.tables WHERE name = '${lock}'`,
      format: 'JSONEachRow',
    });
    const [{ path }] = (await found.json<{ path: string }>()) as [{ path: string }];
    const longAgo = new Date(Date.now() - 91_000);
    await utimes(resolve(directory, 'clickhouse', path), longAgo, longAgo);
    expect(await migrate(client)).toHaveLength((await readMigrations()).length);
    expect(await tables()).not.toContain(lock);
  });
});

describe('the statements of every migration', () => {
  /** As the engine's parser reads it, in one line. */
  const formatted = async (sql: string) => {
    const result = await client.query({
      query: 'SELECT formatQuerySingleLine({sql:String}) AS sql',
      query_params: { sql },
      format: 'JSONEachRow',
    });
    return (await result.json<{ sql: string }>())[0]!.sql;
  };
  const statements = async (cluster?: string) => [
    ...ledgerStatements(cluster).map((sql) => ({ name: 'ledger', sql })),
    ...(await readMigrations()).flatMap(({ name, text }) =>
      statementsOf(text, cluster, 'oot').map((sql) => ({ name, sql })),
    ),
  ];
  const isChangeOfRows = (sql: string) => /^(\s*--.*\n)*\s*INSERT\b/.test(sql);

  it.each(['oot', '{cluster}'])(
    'are on cluster %s what they are on one server, but run on each, with replicated engines',
    async (cluster) => {
      const single = await statements();
      const clustered = await statements(cluster);
      expect(clustered).toHaveLength(single.length);
      for (const [index, { name, sql }] of clustered.entries()) {
        const clause = `ON CLUSTER '${cluster}'`;
        const times = sql.split(clause).length - 1;
        expect([name, times]).toEqual([name, isChangeOfRows(sql) ? 0 : 1]);
        const undone = sql
          .replace(clause, '')
          .replace(/\bReplicated(\w*MergeTree)/g, '$1')
          .trim();
        expect(undone).toBe(single[index]!.sql);
        // And as the engine understands them: the clause stands where it is one, and nothing else is changed.
        const read = await formatted(sql);
        const alone = await formatted(single[index]!.sql);
        const readClause = / ON CLUSTER (?:`[^`]+`|'[^']+'|\w+)/;
        expect(read.replace(readClause, '').replace(/ENGINE = Replicated/, 'ENGINE = ')).toBe(alone);
        if (!isChangeOfRows(sql)) expect(read).toMatch(readClause);
      }
    },
  );

  it('have no engine of their own files that is not replicated on a cluster', async () => {
    for (const { name, sql } of await statements('oot')) {
      const engines = [...sql.matchAll(/\bENGINE\s*=\s*(\w+)/g)].map(([, one]) => one!);
      const alone = engines.filter((one) => one.endsWith('MergeTree') && !one.startsWith('Replicated'));
      // Every server measures readiness for itself: a replicated table can't be put in place of another.
      const isMeasured = sql.startsWith('CREATE TABLE IF NOT EXISTS oot_readiness ');
      expect([name, alone]).toEqual([name, isMeasured ? ['MergeTree'] : []]);
    }
  });

  it('give each replicated table the path and name that the server has by default', async () => {
    for (const { name, sql } of await statements('oot')) {
      // A path of our own would be the same for two clusters that share a Keeper.
      expect([name, /Replicated\w+\(\s*'/.test(sql)]).toEqual([name, false]);
    }
  });

  it('are plain on Cloud, which replicates by itself: no cluster, no Replicated, no path', async () => {
    for (const { name, sql } of await statements()) {
      expect([name, /ON CLUSTER|Replicated|Shared\w*MergeTree|Distributed|'\/clickhouse/.exec(sql)]).toEqual([
        name,
        null,
      ]);
    }
  });

  it('are, of the ledger, whole', () => {
    const columns = `(
      version UInt32 COMMENT 'Number of the migration',
      name String COMMENT 'Name of its file',
      checksum String COMMENT 'SHA-256 of its text',
      applied_at DateTime64(3, 'UTC') COMMENT 'When it was applied, UTC'
    )`;
    expect(ledgerStatements()).toEqual([
      `CREATE TABLE IF NOT EXISTS oot_migrations  ${columns} ENGINE = ReplacingMergeTree ORDER BY version COMMENT 'Applied migrations'`,
    ]);
    expect(ledgerStatements('{cluster}')).toEqual([
      `CREATE TABLE IF NOT EXISTS oot_migrations ON CLUSTER '{cluster}' ${columns} ENGINE = ReplicatedReplacingMergeTree ORDER BY version COMMENT 'Applied migrations'`,
    ]);
  });

  it('are, of the first six migrations, by kind and name', async () => {
    const heads = (await statements('oot'))
      .filter(({ name }) => name !== 'ledger')
      .slice(0, 11)
      .map(({ sql }) => /^(?:CREATE|ALTER)[^(\n]*?'oot'/m.exec(sql)?.[0]);
    const [table, view] = ['CREATE TABLE IF NOT EXISTS', 'CREATE OR REPLACE VIEW'];
    expect(heads).toEqual([
      `${table} oot_workflow_job ON CLUSTER 'oot'`,
      `${view} oot_attempts ON CLUSTER 'oot'`,
      `${view} oot_jobs_between ON CLUSTER 'oot'`,
      `${view} oot_jobs ON CLUSTER 'oot'`,
      `${table} oot_backend_registry ON CLUSTER 'oot'`,
      `${view} oot_backends ON CLUSTER 'oot'`,
      `${table} oot_quarantine_log ON CLUSTER 'oot'`,
      `${view} oot_quarantine ON CLUSTER 'oot'`,
      `${table} oot_replication_log ON CLUSTER 'oot'`,
      `${view} oot_replication ON CLUSTER 'oot'`,
      `${table} crcr_workflow_job ON CLUSTER 'oot'`,
    ]);
  });
});
