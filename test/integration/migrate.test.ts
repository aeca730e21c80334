import { loadBackends, type Backend } from '../../clickhouse/backends';
import { createClickHouse, type ClickHouseClient } from '../../clickhouse/client';
import {
  migrate,
  MigrationError,
  readMigrations,
  statementsOf,
  type Migration,
} from '../../clickhouse/migrate';
import { findStale } from '../../clickhouse/rank';
import type { WorkflowJobRow } from '../../clickhouse/tables';
import { startClickHouse, type TestClickHouse } from '../helpers/engines';
import { attempt } from '../helpers/rows';

let clickHouse: TestClickHouse;
let migrations: Migration[];
const clients: ClickHouseClient[] = [];
beforeAll(async () => {
  clickHouse = await startClickHouse();
  migrations = await readMigrations();
});
afterAll(async () => {
  for (const client of clients) await client.close();
  await clickHouse.stop();
});

function connect(database: string): ClickHouseClient {
  const client = createClickHouse({
    CLICKHOUSE_URL: clickHouse.url,
    CLICKHOUSE_USER: 'default',
    CLICKHOUSE_PASSWORD: '',
    CLICKHOUSE_DATABASE: database,
    CLICKHOUSE_CLUSTER: undefined,
  });
  clients.push(client);
  return client;
}

let made = 0;
/** An empty database, and a client whose default it is. */
async function emptyDatabase() {
  const database = `migrate_${++made}`;
  await clickHouse.client.command({ query: `CREATE DATABASE ${database}` });
  return { database, client: connect(database) };
}

const names = () => migrations.map(({ name }) => name);
const ledgerOf = (database: string) =>
  clickHouse.rows(`SELECT version, name, checksum FROM ${database}.oot_migrations FINAL ORDER BY version`);
const wholeLedger = () => migrations.map(({ version, name, checksum }) => ({ version, name, checksum }));

/** Every table and view, as it would be created, whatever its database is called. */
async function schemaOf(database: string) {
  const rows = await clickHouse.rows<{ name: string; ddl: string }>(
    `SELECT name, create_table_query AS ddl FROM system.tables
      WHERE database = '${database}' AND name != 'oot_migrations_lock'
        -- A measurement of readiness before it takes the place of the one that was there.
        AND name NOT LIKE '.tmp.%'
      ORDER BY name`,
  );
  return rows.map(({ name, ddl }) => ({ name, ddl: ddl.replaceAll(database, 'DATABASE') }));
}

/** The client, which loses its server at each change twice: before the server makes it, and once it has made it. */
function cutOffEverywhere(client: ClickHouseClient) {
  const cuts = new Map<string, number>();
  const lose = <T>(name: string, change: () => Promise<T>) => {
    const before = cuts.get(name) ?? 0;
    if (before === 2) return change();
    cuts.set(name, before + 1);
    return (before === 1 ? change() : Promise.resolve()).then(() => Promise.reject(new Error('cut off')));
  };
  const losing = new Proxy(client, {
    get: (target, key) => {
      if (key === 'command') {
        return (...args: Parameters<ClickHouseClient['command']>) => {
          const run = () => target.command(...args);
          const { query } = args[0];
          // To give the lock back is not tried again: who comes next waits until it expires.
          return query.startsWith('DROP TABLE IF EXISTS oot_migrations_lock')
            ? run()
            : lose(query.replace(holder, ''), run);
        };
      }
      if (key === 'insert') {
        return (...args: Parameters<ClickHouseClient['insert']>) => {
          const [{ version }] = args[0].values as [{ version: number }];
          return lose(`ledger ${version}`, () => target.insert(...args));
        };
      }
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  return { losing, cuts };
}
const holder = /[0-9a-f-]{36}/;

describe('migrate', () => {
  it('applies every migration to an empty database, in order, and nothing the second time', async () => {
    const { database, client } = await emptyDatabase();
    expect(await migrate(client)).toEqual(names());
    const schema = await schemaOf(database);
    expect(await migrate(client)).toEqual([]);
    expect(await ledgerOf(database)).toEqual(wholeLedger());
    expect(await schemaOf(database)).toEqual(schema);
  });

  it('applies only what is new, and keeps the rows that are there', async () => {
    const { database, client } = await emptyDatabase();
    expect(await migrate(client, { migrations: migrations.slice(0, 2) })).toEqual(names().slice(0, 2));
    const values = [
      attempt({ dynamoKey: 'kept', environment: '{"torch":"2.9"}' }),
      attempt({ dynamoKey: 'deleted', is_deleted: 1 }),
    ];
    await client.insert({ table: 'oot_workflow_job', values, format: 'JSONEachRow' });
    let made = 'source';
    const rows = () =>
      clickHouse.rows(
        `SELECT * EXCEPT (${made}), _inserted_at, job_id FROM ${database}.oot_workflow_job ORDER BY dynamoKey`,
      );
    const before = await rows();
    expect(before).toHaveLength(2);
    expect(await migrate(client)).toEqual(names().slice(2));
    made += ', _inserted_at, newest_after, newest_until, ranking';
    expect(await clickHouse.rows(`SELECT dynamoKey FROM ${database}.oot_attempts`)).toEqual([
      { dynamoKey: 'kept' },
    ]);
    // Whole, with what the table made itself, and each once or, as copied late a second time, twice.
    expect(new Set((await rows()).map((row) => JSON.stringify(row)))).toEqual(
      new Set(before.map((row) => JSON.stringify(row))),
    );
  });

  it('copies what was written to the old table while it was copied', async () => {
    const { database, client } = await emptyDatabase();
    await migrate(client, { migrations: migrations.slice(0, 8) });
    const insert = (dynamoKey: string) =>
      client.insert({ table: 'oot_workflow_job', values: [attempt({ dynamoKey })], format: 'JSONEachRow' });
    await insert('before');
    const late = new Proxy(client, {
      get: (target, key) => {
        if (key === 'command') {
          return async (params: Parameters<ClickHouseClient['command']>[0]) => {
            // A replicator that goes on writing, at the last moment.
            if (/^RENAME TABLE oot_workflow_job TO/m.test(params.query)) await insert('meanwhile');
            return target.command(params);
          };
        }
        const value: unknown = Reflect.get(target, key);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    await migrate(late);
    expect(
      await clickHouse.rows(`SELECT dynamoKey FROM ${database}.oot_attempts ORDER BY dynamoKey`),
    ).toEqual([{ dynamoKey: 'before' }, { dynamoKey: 'meanwhile' }]);
  });

  it('ranks the attempts that are there, works out their runs, and knows their days', async () => {
    const { client } = await emptyDatabase();
    await migrate(client, { migrations: migrations.slice(0, 10) });
    const day = (n: number) => `2026-11-${String(n).padStart(2, '0')} 10:00:00.000`;
    const values = [
      attempt({
        dynamoKey: 'first',
        pr_number: 7,
        run_id: 'r',
        received_at: day(2),
        revision: 1,
        status: 'in_progress',
      }),
      attempt({ dynamoKey: 'first', pr_number: 7, run_id: 'r', received_at: day(2), conclusion: 'failure' }),
      attempt({ dynamoKey: 'again', pr_number: 7, run_id: 'r', received_at: day(5), run_attempt: 2 }),
      attempt({ dynamoKey: 'gone', pr_number: 7, run_id: 'r', received_at: day(6), run_attempt: 3 }),
      attempt({
        dynamoKey: 'gone',
        pr_number: 7,
        run_id: 'r',
        received_at: day(6),
        revision: 3,
        is_deleted: 1,
      }),
      attempt({ dynamoKey: 'alone', pr_number: 8, run_id: 's', received_at: day(3) }),
    ];
    for (const value of values) {
      await client.insert({ table: 'oot_workflow_job', values: [value], format: 'JSONEachRow' });
    }
    await migrate(client);
    const ask = async (query: string) =>
      (await client.query({ query, format: 'JSONCompactEachRow' })).json<unknown[]>();
    expect(await findStale(client)).toEqual({ attempts: [], runs: [] });
    expect(
      await ask(
        'SELECT dynamoKey, toDate32(newest_after), toDate32(newest_until) FROM oot_attempts ORDER BY received_at',
      ),
    ).toEqual([
      ['first', '1900-01-01', '2026-11-05'],
      ['alone', '1900-01-01', '2262-01-01'],
      ['again', '1900-01-01', '2262-01-01'],
    ]);
    expect(
      await ask(
        'SELECT run_id, jobs, is_complete FROM oot_runs_between(from = toDateTime64(0, 3), to = now64(3)) ORDER BY run_id',
      ),
    ).toEqual([
      ['r', 1, 1],
      ['s', 1, 1],
    ]);
    expect(await ask('SELECT pr_number, day FROM oot_pr_day FINAL ORDER BY pr_number, day')).toEqual([
      [7, '2026-11-02'],
      [7, '2026-11-05'],
      [7, '2026-11-06'],
      [8, '2026-11-03'],
    ]);
    expect(
      await ask(
        "SELECT received_day, groupUniqArray(state) FROM oot_activity_day WHERE state != 'running' GROUP BY received_day ORDER BY received_day",
      ),
    ).toEqual([
      ['2026-11-02', ['reported']],
      ['2026-11-03', ['reported']],
      ['2026-11-05', ['reported']],
      ['2026-11-06', expect.arrayContaining(['deleted']) as unknown],
    ]);
  });

  it('knows the days of commits without a pull request, of those that came before, too', async () => {
    const { client } = await emptyDatabase();
    await migrate(client, { migrations: migrations.slice(0, 12) });
    const add = (...values: WorkflowJobRow[]) =>
      client.insert({ table: 'oot_workflow_job', values, format: 'JSONEachRow' });
    const push = { pr_number: 0, event_type: 'push', pytorch_head_sha: 'aaa' };
    await add(
      attempt({ ...push, received_at: '2026-11-04 10:00:00.000' }),
      attempt({ ...push, pytorch_head_sha: '', delivery_id: 'd', received_at: '2026-11-04 10:00:00.000' }),
      attempt({ pr_number: 7, received_at: '2026-11-04 10:00:00.000' }),
    );
    await migrate(client);
    await add(attempt({ ...push, received_at: '2026-11-05 10:00:00.000' }));
    const answer = await client.query({
      query: 'SELECT sha, day FROM oot_commit_day FINAL ORDER BY sha, day',
      format: 'JSONCompactEachRow',
    });
    expect(await answer.json()).toEqual([
      ['aaa', '2026-11-04'],
      ['aaa', '2026-11-05'],
      ['delivery d', '2026-11-04'],
    ]);
  });

  it('completes what was cut off, at whatever statement', async () => {
    const whole = await emptyDatabase();
    await migrate(whole.client);
    const schema = await schemaOf(whole.database);
    const { database, client } = await emptyDatabase();
    const { losing, cuts } = cutOffEverywhere(client);
    // In one database: what was cut off is what the next one finds.
    for (let isCut = true; isCut;) {
      isCut = await migrate(losing).then(
        () => false,
        (error: unknown) => {
          if ((error as Error).message !== 'cut off') throw error;
          return true;
        },
      );
    }
    expect(await ledgerOf(database)).toEqual(wholeLedger());
    expect(await schemaOf(database)).toEqual(schema);
    // The lock, the ledger, each migration's statements and its place in the ledger. A rename of two tables is one change
    // here, so the two statements for half of it have nothing to do.
    const statements = migrations.flatMap(({ text }) => statementsOf(text, undefined, database));
    expect(cuts.size).toBe(2 + (new Set(statements).size - 2) + migrations.length);
    expect(new Set(cuts.values())).toEqual(new Set([2]));
  });

  it('leaves the migration unapplied whose statement fails, and those after it', async () => {
    const { database, client } = await emptyDatabase();
    const broken = { version: 3, name: 'break', text: 'CREATE TABLE nothing', checksum: 'c' };
    const text = 'CREATE TABLE after (n UInt8) ENGINE = Memory';
    const after = { version: 4, name: 'after', text, checksum: 'd' };
    await expect(
      migrate(client, { migrations: [...migrations.slice(0, 2), broken, after] }),
    ).rejects.toMatchObject({ code: '80' });
    expect(await ledgerOf(database)).toEqual(wholeLedger().slice(0, 2));
    expect(await clickHouse.rows(`EXISTS TABLE ${database}.after`)).toEqual([{ result: 0 }]);
  });

  it('refuses a migration that was edited after it was applied, and applies nothing more', async () => {
    const { database, client } = await emptyDatabase();
    await migrate(client, { migrations: migrations.slice(0, 4) });
    const edited = migrations.map((one) => (one.version === 3 ? { ...one, checksum: 'another' } : one));
    const refusal = migrate(client, { migrations: edited });
    await expect(refusal).rejects.toBeInstanceOf(MigrationError);
    await expect(refusal).rejects.toMatchObject({
      code: 'MIGRATION',
      message: 'migration create_backends was edited after it was applied; write a new one',
    });
    expect(await ledgerOf(database)).toEqual(wholeLedger().slice(0, 4));
  });

  it('refuses a database that is ahead of the files', async () => {
    const { database, client } = await emptyDatabase();
    await migrate(client);
    const refusal = migrate(client, { migrations: migrations.slice(0, -1) });
    await expect(refusal).rejects.toBeInstanceOf(MigrationError);
    await expect(refusal).rejects.toMatchObject({
      code: 'MIGRATION',
      message: `the database has migration ${names().at(-1) ?? ''}, which these files do not have`,
    });
    expect(await ledgerOf(database)).toEqual(wholeLedger());
  });

  it('refuses a ledger with a hole, and changes nothing', async () => {
    const { database, client } = await emptyDatabase();
    await migrate(client, { migrations: migrations.slice(0, 4) });
    await clickHouse.client.command({ query: `DELETE FROM ${database}.oot_migrations WHERE version = 2` });
    await expect(migrate(client)).rejects.toMatchObject({
      code: 'MIGRATION',
      message: `migration ${names()[1] ?? ''} is not in oot_migrations, but a later one is; ask why first`,
    });
    const [, , ...rest] = wholeLedger().slice(0, 4);
    expect(await ledgerOf(database)).toEqual([wholeLedger()[0], ...rest]);
  });

  it('ends well when two run at once: one applies everything, the other waits and finds it applied', async () => {
    const whole = await emptyDatabase();
    await migrate(whole.client);
    const schema = await schemaOf(whole.database);
    for (let round = 0; round < 4; round++) {
      const { database, client } = await emptyDatabase();
      const applied = await Promise.all([migrate(client), migrate(connect(database))]);
      expect(applied.toSorted((a, b) => a.length - b.length)).toEqual([[], names()]);
      expect(await ledgerOf(database)).toEqual(wholeLedger());
      expect(await schemaOf(database)).toEqual(schema);
    }
  });

  it('makes views that read their own database, whichever one the reader is in', async () => {
    const { database, client } = await emptyDatabase();
    await migrate(client);
    const values = [attempt({ dynamoKey: 'mine' })];
    await client.insert({ table: 'oot_workflow_job', values, format: 'JSONEachRow' });
    const views = [
      'oot_attempts',
      'oot_jobs',
      `oot_jobs_between(from = '2000-01-01 00:00:00', to = '2100-01-01 00:00:00')`,
      'crcr_workflow_job',
    ];
    const found = await Promise.all(
      views.map((view) => clickHouse.rows(`SELECT dynamoKey FROM ${database}.${view}`)),
    );
    expect(found).toEqual(views.map(() => [{ dynamoKey: 'mine' }]));
  });
});

describe('loadBackends', () => {
  const ascend: Backend = {
    repo: 'pytorch-labs/ascend-pytorch',
    level: 'L3',
    device: 'npu',
    oncalls: ['lin', 'quill'],
  };
  const probe: Backend = { repo: 'pytorch/crcr-test', level: 'L2', device: '', oncalls: [] };
  const intel: Backend = {
    repo: 'intel/intel-extension-for-pytorch',
    level: 'L4',
    device: '',
    oncalls: ['harrow'],
  };
  const nowMs = Date.UTC(2026, 10, 20, 10);

  const registered = () =>
    clickHouse.rows('SELECT repo, level, device, oncalls, loaded_at FROM oot_backends ORDER BY repo');
  const as = (backend: Backend, loaded_at: string) => ({ ...backend, loaded_at });

  beforeEach(async () => {
    for (const table of ['oot_backend_registry', 'oot_workflow_job']) {
      await clickHouse.client.command({ query: `TRUNCATE TABLE ${table}` });
    }
  });

  it('registers every backend of the list, those without results too', async () => {
    await loadBackends(clickHouse.client, [ascend, intel, probe], nowMs);
    expect(await clickHouse.rows('SELECT count() AS attempts FROM oot_attempts')).toEqual([{ attempts: 0 }]);
    expect(await registered()).toEqual([
      as(intel, '2026-11-20 10:00:00.000'),
      as(ascend, '2026-11-20 10:00:00.000'),
      as(probe, '2026-11-20 10:00:00.000'),
    ]);
  });

  it('loads a list although the clock is behind the last load', async () => {
    await loadBackends(clickHouse.client, [ascend, probe], nowMs);
    await loadBackends(clickHouse.client, [intel], nowMs - 60_000);
    expect(await registered()).toEqual([as(intel, '2026-11-20 09:59:00.000')]);
  });

  it('changes nothing but the time when the same list is loaded again', async () => {
    await loadBackends(clickHouse.client, [ascend, probe], nowMs);
    await loadBackends(clickHouse.client, [ascend, probe], nowMs + 1_000);
    expect(await registered()).toEqual([
      as(ascend, '2026-11-20 10:00:01.000'),
      as(probe, '2026-11-20 10:00:01.000'),
    ]);
  });

  it('takes over a new level, device and oncalls, and removes what is no longer in the list', async () => {
    await loadBackends(clickHouse.client, [ascend, intel, probe], nowMs);
    const promoted: Backend = { ...ascend, level: 'L4', device: '', oncalls: ['wren'] };
    await loadBackends(clickHouse.client, [promoted, probe], nowMs + 1_000);
    expect(await registered()).toEqual([
      as(promoted, '2026-11-20 10:00:01.000'),
      as(probe, '2026-11-20 10:00:01.000'),
    ]);
  });

  it('registers a backend again that was removed', async () => {
    await loadBackends(clickHouse.client, [ascend], nowMs);
    await loadBackends(clickHouse.client, [probe], nowMs + 1_000);
    await loadBackends(clickHouse.client, [ascend], nowMs + 2_000);
    expect(await registered()).toEqual([as(ascend, '2026-11-20 10:00:02.000')]);
  });

  it('removes every backend when the list is empty, and loads an empty list into nothing', async () => {
    await loadBackends(clickHouse.client, [ascend], nowMs);
    await loadBackends(clickHouse.client, [], nowMs + 1_000);
    expect(await registered()).toEqual([]);
    await loadBackends(clickHouse.client, [], nowMs + 2_000);
    expect(await registered()).toEqual([]);
  });

  it('follows a repository whose name changes its case', async () => {
    await loadBackends(clickHouse.client, [intel], nowMs);
    const renamed = { ...intel, repo: 'Intel/intel-extension-for-pytorch' };
    await loadBackends(clickHouse.client, [renamed], nowMs + 1_000);
    expect(await registered()).toEqual([as(renamed, '2026-11-20 10:00:01.000')]);
  });
});
