import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClickHouseError } from '@clickhouse/client';
import type { ClickHouseClient } from './client';
import { checkCluster, onCluster } from './cluster';
import { lockMigrations } from './migration-lock';
import { dateTimeOfMs, ledger } from './tables';

const directory = join(__dirname, 'migrations');
const unknownTable = '60';
const accessDenied = '497';

export type Migration = { version: number; name: string; text: string; checksum: string };

/** The database and the files don't fit together, or the account may not change that: this needs a person. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
  readonly code = 'MIGRATION';
}

/** The migrations in the files, in order. Throws {@link MigrationError} on a bad or doubled number. */
export async function readMigrations(from = directory): Promise<Migration[]> {
  const files = (await readdir(from)).filter((file) => file.endsWith('.sql')).sort();
  const migrations = await Promise.all(
    files.map(async (file) => {
      const number = /^(\d{4})_[a-z0-9_]+\.sql$/.exec(file)?.[1];
      if (!number) throw new MigrationError(`${file} is not named NNNN_verb_object.sql`);
      const text = await readFile(join(from, file), 'utf8');
      const checksum = createHash('sha256').update(text).digest('hex');
      return { version: Number(number), name: file.slice(5, -4), text, checksum };
    }),
  );
  migrations.forEach(({ version, name }, index) => {
    if (version !== index + 1)
      throw new MigrationError(`${name} has the number ${version}, not ${index + 1}`);
  });
  return migrations;
}

/**
 * The statements of a migration for one kind of server: on a cluster, DDL runs ON CLUSTER and engines are
 * Replicated; a single server and ClickHouse Cloud (which replicates by itself) take them plain.
 *
 * `-- define NAME` above a query, or a part of one, gives it a name: it is no statement, and `${NAME}` in those after it
 * stands for it. `${NAME_NOW}` is the same as known now: its parameter `at` lies in a future that never comes.
 */
export function statementsOf(text: string, cluster?: string, database = 'default'): string[] {
  const defined = new Map<string, string>();
  const statements: string[] = [];
  const parts = text
    .replaceAll('${ON_CLUSTER}', onCluster(cluster))
    .replaceAll('${REPLICATED}', cluster ? 'Replicated' : '')
    .replaceAll('${DATABASE}', `\`${database}\``)
    .split(/;[ \t]*(?:\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement.replace(/^--.*$/gm, '').trim() !== '');
  for (const part of parts) {
    const statement = part.replace(
      /\$\{(\w+)\}/g,
      (placeholder, name: string) => defined.get(name) ?? placeholder,
    );
    const [line, name] = /^-- define (\w+)\n/m.exec(statement) ?? [];
    if (line === undefined || name === undefined) {
      statements.push(statement);
      continue;
    }
    const query = statement.slice(statement.indexOf(line) + line.length);
    defined.set(name, query);
    defined.set(`${name}_NOW`, query.replaceAll('{at:DateTime64(3)}', never));
  }
  return statements;
}

const never = "toDateTime64('2262-01-01 00:00:00', 3)";

/**
 * Runs a statement, unless it is done; or is by now, by somebody else who migrates, when it fails. A copy of a large
 * table takes minutes: headers of progress keep its connection alive.
 */
async function apply(client: ClickHouseClient, statement: string): Promise<void> {
  if (await isDone(client, statement)) return;
  try {
    await client.command({
      query: statement,
      clickhouse_settings: { send_progress_in_http_headers: 1, http_headers_progress_interval_ms: '10000' },
    });
  } catch (error) {
    if (!(await isDone(client, statement))) throw error;
  }
}

/** `-- unless: SELECT ...` above a statement: it is done where the first value of the answer is not 0. */
async function isDone(client: ClickHouseClient, statement: string): Promise<boolean> {
  const query = /^-- unless: (.+)$/m.exec(statement)?.[1];
  if (query === undefined) return false;
  const answer = await client.query({ query, format: 'JSONCompactEachRow' });
  const [row] = await answer.json<[unknown]>();
  return Number(row?.[0]) !== 0;
}

/**
 * Applies what is not applied yet, in order, and returns the names of what it applied. Where nothing is left to apply it
 * only reads, so an account that may do no more gets by with it.
 *
 * Every statement is idempotent, by itself or by an `unless` above it, so a migration that was cut off is simply run
 * again. One process at a time: another one waits, on a cluster too. Throws {@link MigrationError} where an applied
 * migration was edited, the database is ahead of the files, or the account may not migrate, and ClusterError where the
 * cluster can't be used.
 */
export async function migrate(
  client: ClickHouseClient,
  options: { cluster?: string | undefined; migrations?: Migration[] } = {},
): Promise<string[]> {
  const { cluster } = options;
  const migrations = options.migrations ?? (await readMigrations());
  const missing = unappliedOf(migrations, await readLedger(client));
  if (missing.length === 0) return [];
  if (cluster !== undefined) await checkCluster(client, cluster);
  try {
    const lock = await lockMigrations(client, cluster);
    try {
      return await applyMissing(client, migrations, cluster);
    } finally {
      await lock.release();
    }
  } catch (error) {
    if (!(error instanceof ClickHouseError && error.code === accessDenied)) throw error;
    const names = missing.map(({ name }) => name).join(', ');
    throw new MigrationError(
      `CLICKHOUSE_USER may not apply ${names}: let an account that may run \`npm run migrate\` first`,
      { cause: error },
    );
  }
}

async function applyMissing(
  client: ClickHouseClient,
  migrations: Migration[],
  cluster: string | undefined,
): Promise<string[]> {
  const [current] = await client
    .query({ query: 'SELECT currentDatabase() AS name', format: 'JSONEachRow' })
    .then((result) => result.json<{ name: string }>());
  for (const query of ledgerStatements(cluster)) await client.command({ query });
  // What another replica wrote down may not have come here yet.
  if (cluster !== undefined) await client.command({ query: `SYSTEM SYNC REPLICA ${ledger}` });

  const done: string[] = [];
  for (const migration of unappliedOf(migrations, await readLedger(client))) {
    for (const statement of statementsOf(migration.text, cluster, current?.name)) {
      await apply(client, statement);
    }
    const { version, name, checksum } = migration;
    await client.insert({
      table: ledger,
      values: [{ version, name, checksum, applied_at: dateTimeOfMs(Date.now()) }],
      format: 'JSONEachRow',
    });
    done.push(name);
  }
  return done;
}

/** The table of applied migrations. */
export const ledgerStatements = (cluster?: string): string[] =>
  statementsOf(
    `CREATE TABLE IF NOT EXISTS ${ledger} \${ON_CLUSTER} (
      version UInt32 COMMENT 'Number of the migration',
      name String COMMENT 'Name of its file',
      checksum String COMMENT 'SHA-256 of its text',
      applied_at DateTime64(3, 'UTC') COMMENT 'When it was applied, UTC'
    ) ENGINE = \${REPLICATED}ReplacingMergeTree ORDER BY version COMMENT 'Applied migrations'`,
    cluster,
  );

type Applied = { version: number; name: string; checksum: string };

/** What was applied; nothing where there is no ledger yet. */
async function readLedger(client: ClickHouseClient): Promise<Applied[]> {
  try {
    const result = await client.query({
      query: `SELECT version, name, checksum FROM ${ledger} FINAL ORDER BY version`,
      // On Cloud, what any replica wrote; elsewhere it changes nothing here.
      clickhouse_settings: { select_sequential_consistency: '1' },
      format: 'JSONEachRow',
    });
    return await result.json<Applied>();
  } catch (error) {
    const code = error instanceof ClickHouseError ? error.code : undefined;
    if (code === unknownTable) return [];
    if (code === accessDenied) {
      throw new MigrationError(`CLICKHOUSE_USER may not read ${ledger}; a writer may, a reader need not`, {
        cause: error,
      });
    }
    throw error;
  }
}

/** Throws {@link MigrationError} where the two don't fit together. */
function unappliedOf(migrations: Migration[], applied: Applied[]): Migration[] {
  const known = new Map(applied.map((row) => [row.version, row]));
  const ahead = applied.find((row) => row.version > migrations.length);
  if (ahead)
    throw new MigrationError(`the database has migration ${ahead.name}, which these files do not have`);
  const newest = applied.at(-1)?.version ?? 0;
  for (const { version, name, checksum } of migrations) {
    const before = known.get(version);
    if (before && before.checksum !== checksum)
      throw new MigrationError(`migration ${name} was edited after it was applied; write a new one`);
    if (!before && version < newest)
      throw new MigrationError(`migration ${name} is not in ${ledger}, but a later one is; ask why first`);
  }
  return migrations.filter(({ version }) => !known.has(version));
}
