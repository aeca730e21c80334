import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClickHouseClient } from './client';
import { dateTimeOfMs, ledger } from './tables';

const directory = join(__dirname, 'migrations');

export type Migration = { version: number; name: string; text: string; checksum: string };

/** A migration that was applied is not the one in the files: forward only, so this needs a person. */
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
 */
export function statementsOf(text: string, cluster?: string, database = 'default'): string[] {
  return text
    .replaceAll('${ON_CLUSTER}', cluster ? `ON CLUSTER '${cluster}'` : '')
    .replaceAll('${REPLICATED}', cluster ? 'Replicated' : '')
    .replaceAll('${DATABASE}', `\`${database}\``)
    .split(/;[ \t]*(?:\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement.replace(/^--.*$/gm, '').trim() !== '');
}

/** Runs a statement, unless it is done; or is by now, by somebody else who migrates, when it fails. */
async function apply(client: ClickHouseClient, statement: string): Promise<void> {
  if (await isDone(client, statement)) return;
  try {
    await client.command({ query: statement });
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
 * Applies what is not applied yet, in order, and returns the names of what it applied.
 *
 * Every statement is idempotent, by itself or by an `unless` above it, so a migration that was cut off is simply
 * run again, and two processes that migrate at once do no harm. Throws {@link MigrationError} where an applied migration was edited, or where
 * the database is ahead of the files.
 */
export async function migrate(
  client: ClickHouseClient,
  options: { cluster?: string | undefined; migrations?: Migration[] } = {},
): Promise<string[]> {
  const migrations = options.migrations ?? (await readMigrations());
  const [current] = await client
    .query({ query: 'SELECT currentDatabase() AS name', format: 'JSONEachRow' })
    .then((result) => result.json<{ name: string }>());
  const ledgerDdl = statementsOf(
    `CREATE TABLE IF NOT EXISTS ${ledger} \${ON_CLUSTER} (
      version UInt32 COMMENT 'Number of the migration',
      name String COMMENT 'Name of its file',
      checksum String COMMENT 'SHA-256 of its text',
      applied_at DateTime64(3, 'UTC') COMMENT 'When it was applied, UTC'
    ) ENGINE = \${REPLICATED}ReplacingMergeTree ORDER BY version COMMENT 'Applied migrations'`,
    options.cluster,
  );
  for (const query of ledgerDdl) await client.command({ query });

  const applied = await client
    .query({ query: `SELECT version, name, checksum FROM ${ledger} FINAL`, format: 'JSONEachRow' })
    .then((result) => result.json<{ version: number; name: string; checksum: string }>());
  const known = new Map(applied.map((row) => [row.version, row]));
  const ahead = applied.find((row) => row.version > migrations.length);
  if (ahead)
    throw new MigrationError(`the database has migration ${ahead.name}, which these files do not have`);

  const done: string[] = [];
  for (const migration of migrations) {
    const before = known.get(migration.version);
    if (before && before.checksum !== migration.checksum) {
      throw new MigrationError(
        `migration ${migration.name} was edited after it was applied; write a new one`,
      );
    }
    if (before) continue;
    for (const statement of statementsOf(migration.text, options.cluster, current?.name)) {
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
