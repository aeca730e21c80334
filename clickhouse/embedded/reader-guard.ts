import { DatabaseError } from './database-error';
import type { SessionPool } from './session-pool';
import { lexSql } from './sql-lexer';

/** Table functions that reach nothing outside the database. */
const harmless = new Set(
  (
    'numbers numbers_mt zeros zeros_mt generateseries generate_series generaterandom values null view ' +
    'viewexplain viewifpermitted merge dictionary format mergetreeindex mergetreeprojection primes loop'
  ).split(' '),
);

/** Throws ACCESS_DENIED (HTTP 403) where `sql` calls a function that reads files or other servers. */
export type ReaderGuard = (sql: string) => void;

/**
 * Keeps a reader inside the database.
 *
 * `readonly = 2` still lets a SELECT read this machine's files and open connections (`file()`, `url()`), and
 * chdb knows no grants. Every table function that the engine has is refused, but for the harmless ones.
 */
export async function createReaderGuard(pool: SessionPool): Promise<ReaderGuard> {
  const { bytes } = await pool.use((session) =>
    session.run('SELECT lower(name) FROM system.table_functions', 'TSVRaw'),
  );
  const refused = new Set(Buffer.from(bytes).toString().trimEnd().split('\n'));
  for (const name of harmless) refused.delete(name);
  return (sql) => {
    let name = '';
    for (const token of lexSql(sql)) {
      if (token.text === '(' && refused.has(name)) {
        throw new DatabaseError(497, 'ACCESS_DENIED', `Not enough privileges to call ${name}`);
      }
      const isName = token.kind === 'word' || token.kind === 'quotedName';
      // Escapes in a quoted name are undone: `f\ile`(...) is file(...) too.
      name = isName ? unquoted(token.text).toLowerCase() : '';
    }
  };
}

function unquoted(text: string): string {
  if (!/^[`"]/.test(text)) return text;
  const inner = text.slice(1, -1);
  // A name that hides itself behind escapes is refused with the rest: no harmless one needs them.
  return inner.includes('\\') ? 'file' : inner;
}
