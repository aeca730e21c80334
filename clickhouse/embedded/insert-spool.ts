import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { sqlString } from '../sql-literal';
import type { InsertStatement } from './statement';

/** Hands the rows of an INSERT to the engine as a file. */
export type InsertSpool = {
  /** Writes `rows` to a file, calls `work` with the INSERT that reads it, and removes the file. */
  withInsert<T>(statement: InsertStatement, rows: Buffer, work: (sql: string) => Promise<T>): Promise<T>;
};

/**
 * Creates the spool in `directory`, which it empties: what a killed process left was never acknowledged.
 *
 * Why a file: chdb takes rows only behind the SQL text, where a blank line ends them and the rest runs as
 * SQL (its own `insert()` too). FROM INFILE reads any format to its last byte, binary ones included, is as
 * fast (2.7 ms against 3.3 ms for 1,000 rows), and tells how many rows there were.
 */
export async function createInsertSpool(directory: string): Promise<InsertSpool> {
  const root = resolve(directory);
  if (/[*?{}]/.test(root)) throw new Error('The data directory must not have *, ?, { or } in its path');
  await rm(root, { recursive: true, force: true });
  await mkdir(root, { recursive: true });
  let nextId = 0;
  return {
    async withInsert(statement, rows, work) {
      const path = join(root, `${String((nextId += 1))}.rows`);
      try {
        await writeFile(path, rows);
        const { target, settings, format } = statement;
        return await work(`${target} FROM INFILE ${sqlString(path)} ${settings} FORMAT ${format}`);
      } finally {
        await rm(path, { force: true });
      }
    },
  };
}
