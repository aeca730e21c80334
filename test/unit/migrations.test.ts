import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MigrationError, readMigrations, statementsOf } from '../../clickhouse/migrate';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const withoutComments = (statement: string) => statement.replace(/^\s*--.*$/gm, '').trim();

/** The statements of every released migration, without their comments, with the migration's name. */
const released = async (cluster?: string) =>
  (await readMigrations()).flatMap(({ name, text }) =>
    statementsOf(text, cluster).map((statement) => ({ name, sql: withoutComments(statement) })),
  );
const enginesOf = (sql: string) => [...sql.matchAll(/\bENGINE\s*=\s*(\w+)/g)].map(([, engine]) => engine);

describe('readMigrations', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'oot-migrations-'));
  });
  afterEach(() => rm(directory, { recursive: true }));
  const write = (files: Record<string, string>) =>
    Promise.all(Object.entries(files).map(([file, text]) => writeFile(join(directory, file), text)));

  it('gives the migrations of the files in the order of their numbers, with the checksum of their text', async () => {
    await write({ '0002_add_b.sql': 'SELECT 2', '0001_create_a.sql': 'SELECT 1', 'notes.md': 'not one' });
    expect(await readMigrations(directory)).toEqual([
      { version: 1, name: 'create_a', text: 'SELECT 1', checksum: sha256('SELECT 1') },
      { version: 2, name: 'add_b', text: 'SELECT 2', checksum: sha256('SELECT 2') },
    ]);
  });

  it.each<[string, string[], string]>([
    ['a short number', ['1_create_a.sql'], '1_create_a.sql is not named NNNN_verb_object.sql'],
    ['no number', ['create_a.sql'], 'create_a.sql is not named NNNN_verb_object.sql'],
    ['no name', ['0001.sql'], '0001.sql is not named NNNN_verb_object.sql'],
    ['capitals', ['0001_Create.sql'], '0001_Create.sql is not named NNNN_verb_object.sql'],
    ['a gap', ['0001_create_a.sql', '0003_add_c.sql'], 'add_c has the number 3, not 2'],
    ['a start at 2', ['0002_create_a.sql'], 'create_a has the number 2, not 1'],
    ['a number twice', ['0001_create_a.sql', '0001_create_b.sql'], 'create_b has the number 1, not 2'],
  ])('refuses %s', async (_what, files, message) => {
    await write(Object.fromEntries(files.map((file) => [file, 'SELECT 1'])));
    const refusal = readMigrations(directory);
    await expect(refusal).rejects.toBeInstanceOf(MigrationError);
    await expect(refusal).rejects.toMatchObject({ code: 'MIGRATION', message });
  });

  it('reads the released ones, whose first six are', async () => {
    const migrations = await readMigrations();
    expect(migrations.slice(0, 6).map(({ version, name }) => `${version} ${name}`)).toEqual([
      '1 create_workflow_job',
      '2 create_attempts_and_jobs',
      '3 create_backends',
      '4 create_quarantine',
      '5 create_replication',
      '6 create_crcr_workflow_job',
    ]);
  });
});

describe('statementsOf', () => {
  it('splits at semicolons that end a line, drops what is only comment, keeps a comment before its statement', () => {
    expect(statementsOf('-- A; b\nSELECT 1;\n\nSELECT 2 -- c\n;  \n-- the end;\n')).toEqual([
      '-- A; b\nSELECT 1',
      'SELECT 2 -- c',
    ]);
  });

  it('resolves every placeholder, for one server to nothing', () => {
    const text =
      'CREATE TABLE a ${ON_CLUSTER} (n UInt8) ENGINE = ${REPLICATED}MergeTree;\nDROP TABLE b ${ON_CLUSTER}';
    expect(statementsOf(text)).toEqual(['CREATE TABLE a  (n UInt8) ENGINE = MergeTree', 'DROP TABLE b']);
    expect(statementsOf(text, 'x')).toEqual([
      `CREATE TABLE a ON CLUSTER 'x' (n UInt8) ENGINE = ReplicatedMergeTree`,
      `DROP TABLE b ON CLUSTER 'x'`,
    ]);
  });
});

describe('what a migration defines', () => {
  it('is put in where it is named, as it is or as known now, and is no statement itself', () => {
    const text = [
      '-- What it is.',
      '-- define A',
      'SELECT {at:DateTime64(3)} AS n;',
      '-- define B',
      'SELECT n FROM (${A});',
      'CREATE VIEW then AS ${B};',
      'CREATE VIEW now AS ${B_NOW};',
      'SELECT ${C}',
    ].join('\n');
    expect(statementsOf(text)).toEqual([
      'CREATE VIEW then AS SELECT n FROM (SELECT {at:DateTime64(3)} AS n)',
      "CREATE VIEW now AS SELECT n FROM (SELECT toDateTime64('2262-01-01 00:00:00', 3) AS n)",
      'SELECT ${C}',
    ]);
  });
});

describe('statementsOf for a database', () => {
  it.each([
    [undefined, 'SELECT * FROM `default`.a'],
    ['oot-ci', 'SELECT * FROM `oot-ci`.a'],
  ])('qualifies names with %s', (database, statement) => {
    expect(statementsOf('SELECT * FROM ${DATABASE}.a;', undefined, database)).toEqual([statement]);
  });
});

describe('the released migrations', () => {
  it.each([undefined, 'x'])('are single statements without placeholders, on cluster %s', async (cluster) => {
    const statements = await released(cluster);
    expect(statements.length).toBeGreaterThanOrEqual(11);
    expect(statements.filter(({ sql }) => /;|\$\{/.test(sql))).toEqual([]);
    expect(
      statements.filter(
        ({ sql }) => (sql.match(/^(CREATE|ALTER|DROP|INSERT|RENAME)\b/gm) ?? []).length !== 1,
      ),
    ).toEqual([]);
  });

  it('can be run again: no CREATE fails on what is there', async () => {
    const creates = (await released()).filter(({ sql }) => sql.startsWith('CREATE'));
    expect(creates.length).toBeGreaterThanOrEqual(11);
    expect(
      creates.filter(
        ({ sql }) => !/^CREATE ((TABLE|MATERIALIZED VIEW) IF NOT EXISTS|OR REPLACE VIEW) \w+/.test(sql),
      ),
    ).toEqual([]);
  });

  it('run on every server of a cluster, with replicated engines', async () => {
    const statements = await released('x');
    // Rows are replicated by themselves; a list of columns names no server.
    const definitions = statements.filter(({ sql }) => !sql.startsWith('INSERT INTO'));
    expect(definitions.length).toBeGreaterThan(20);
    expect(
      definitions.filter(
        ({ sql }) => !/^[A-Z ]+ \w+( TO \w+(, \w+ TO \w+)*)? ON CLUSTER 'x'(\s|$)/.test(sql),
      ),
    ).toEqual([]);
    const engines = statements.flatMap(({ sql }) => enginesOf(sql));
    // MergeTree: what each server measures for itself.
    expect(new Set(engines)).toEqual(new Set(['ReplicatedReplacingMergeTree', 'MergeTree', 'Merge']));
  });

  it('name neither a cluster nor replication for one server', async () => {
    const statements = await released();
    expect(statements.filter(({ sql }) => /ON CLUSTER|Replicated/.test(sql))).toEqual([]);
    expect(new Set(statements.flatMap(({ sql }) => enginesOf(sql)))).toEqual(
      new Set(['ReplacingMergeTree', 'MergeTree', 'Merge']),
    );
  });
});
