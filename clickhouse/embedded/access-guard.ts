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

/** Tables of `system` that a server shows to everybody; of the first three, the rows that one has rights to. */
const openSystemTables = new Set(
  'databases tables columns one numbers zeros settings functions formats time_zones'.split(' '),
);

/** Throws ACCESS_DENIED (HTTP 403) where `sql`, run in `database`, reaches out of the database that one has rights to. */
export type AccessGuard = (sql: string, database: string) => void;

/**
 * Keeps users with a role inside their database, where the engine's own rights don't.
 *
 * chdb opens this machine's files to the scalar function `file()` and, having no server's configuration, all of `system`
 * to everybody. So every table function that the engine has is refused, but for the harmless ones, and so are the
 * tables of `system` that a server keeps for those who were given them.
 */
export async function createAccessGuard(pool: SessionPool): Promise<AccessGuard> {
  const { bytes } = await pool.use((session) =>
    session.run('SELECT lower(name) FROM system.table_functions', 'TSVRaw'),
  );
  const refused = new Set(Buffer.from(bytes).toString().trimEnd().split('\n'));
  for (const name of harmless) refused.delete(name);
  return (sql, database) => {
    if (database.toLowerCase() === 'system') throw denied('use the database system');
    let name = '';
    let isOfSystem = false;
    for (const token of lexSql(sql)) {
      if (token.text === '(' && (refused.has(name) || name === escaped)) throw denied(`call ${name}`);
      if (token.text === '.') {
        isOfSystem = name === 'system' || name === escaped;
        name = '';
        continue;
      }
      const isName = token.kind === 'word' || token.kind === 'quotedName';
      name = isName ? unquoted(token.text).toLowerCase() : '';
      if (isOfSystem && !openSystemTables.has(name)) throw denied(`read system.${name}`);
      isOfSystem = false;
    }
  };
}

/** A name that hides itself behind escapes, such as `f\\x69le`: no harmless one needs them. */
const escaped = '\\';

const denied = (what: string) => new DatabaseError(497, 'ACCESS_DENIED', `Not enough privileges to ${what}`);

function unquoted(text: string): string {
  if (!/^[`"]/.test(text)) return text;
  const inner = text.slice(1, -1);
  return inner.includes('\\') ? escaped : inner;
}
