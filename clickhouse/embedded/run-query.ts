import { readerLimits, roles, type Role } from '../access/rights';
import type { InsertSpool } from './insert-spool';
import { canonicalFormat } from './output-formats';
import type { QueryOptions } from './query-request';
import type { QueryText } from './query-text';
import type { EngineResult, SessionPool } from './session-pool';
import { sqlName, sqlString } from '../sql-literal';

/** A query's answer: the bytes in `format`, and the counts of ClickHouse's X-ClickHouse-Summary header. */
export type QueryResult = { bytes: Uint8Array; format: string; summary: Record<string, string> };

/** Statements that leave their session as it was; after any other (SET, USE, temporary tables) it is closed. */
const cleanVerbs = new Set([
  'SELECT',
  'WITH',
  'INSERT',
  'SHOW',
  'DESCRIBE',
  'DESC',
  'EXPLAIN',
  'EXISTS',
  '(',
]);

/** Who a statement is run for. `readonly`: reading only, though with settings. */
export type RunAs = { readonly: boolean; role: Role | undefined };

/**
 * Runs one statement with its own database, settings and parameters, and the rights and limits of `as`, which come
 * first, so that a request can't unset them.
 *
 * Rejects with what chdb throws; see `fromEngineError`.
 */
export async function runQuery(
  deps: { pool: SessionPool; spool: InsertSpool },
  text: QueryText,
  options: QueryOptions,
  as: RunAs,
): Promise<QueryResult> {
  const format = text.kind === 'plain' && text.format !== undefined ? text.format : options.format;
  const run = (sql: string, verb: string): Promise<EngineResult> =>
    deps.pool.use(
      (session) => {
        // Values of parameters hardly come twice.
        if (!cleanVerbs.has(verb) || options.parameters.length > 0) session.taint();
        return session.run(sql, options.format);
      },
      setupOf(options, as),
    );
  const result =
    text.kind === 'plain'
      ? await run(text.sql, text.verb)
      : await deps.spool.withInsert(text.statement, text.rows, (sql) => run(sql, 'INSERT'));
  return {
    bytes: result.bytes,
    format: canonicalFormat(format),
    summary: summaryOf(result, text.kind === 'insert' ? text.rows.length : undefined),
  };
}

const setupOf = (options: QueryOptions, as: RunAs): string[] => [
  ...(options.database === 'default' ? [] : [`USE ${sqlName(options.database)}`]),
  ...(as.readonly ? ['SET readonly = 2'] : []),
  ...(as.role === undefined ? [] : becoming(as.role)),
  ...setStatement(options.settings),
  // In the escaped form that they came in: that is how the engine reads them.
  ...setStatement(options.parameters.map(([name, value]) => [`param_${name}`, value])),
];

/**
 * The engine is always the same user, who takes one of its roles. With a profile chdb takes over what may be changed, but
 * not the values, so these come first.
 */
function becoming(role: Role): string[] {
  const asRole = `SET ROLE ${roles[role]}`;
  if (role !== 'reader') return [asRole];
  const limits: [string, string][] = readerLimits.map(({ setting, value }) => [setting, String(value)]);
  return [...setStatement(limits), asRole, `SET profile = ${sqlString(roles.reader)}`];
}

function setStatement(pairs: readonly [string, string][]): string[] {
  if (pairs.length === 0) return [];
  return [`SET ${pairs.map(([name, value]) => `${name} = ${sqlString(value)}`).join(', ')}`];
}

/**
 * chdb counts the rows that a query read or, reading a file of rows, inserted. It does not count what
 * INSERT ... SELECT or a materialized view wrote, so `written_rows` is of the rows sent only.
 */
function summaryOf(result: EngineResult, insertedBytes: number | undefined): Record<string, string> {
  const isInsert = insertedBytes !== undefined;
  return {
    read_rows: String(result.rows),
    read_bytes: String(result.readBytes),
    written_rows: String(isInsert ? result.rows : 0),
    written_bytes: String(insertedBytes ?? 0),
    total_rows_to_read: '0',
    result_rows: String(result.rows),
    result_bytes: String(result.bytes.length),
    elapsed_ns: String(Math.round(result.elapsedSeconds * 1e9)),
  };
}
