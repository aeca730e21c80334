import { databaseError } from './database-error';
import { lexSql, type SqlToken } from './sql-lexer';

/** A statement that goes to the engine as it is. */
export type PlainStatement = {
  kind: 'plain';
  /** The statement without what follows it (a `;`, comments). */
  sql: string;
  /** Its first word in capitals, or `(`. */
  verb: string;
  /** The name in its FORMAT clause, if it has one. */
  format: string | undefined;
};

/** An INSERT whose rows come with the request; the rows are everything from `dataStart` on. */
export type InsertStatement = {
  kind: 'insert';
  /** `INSERT INTO t (columns)`, up to where a FROM INFILE clause belongs. */
  target: string;
  /** `SETTINGS ...`, or empty. */
  settings: string;
  format: string;
  dataStart: number;
};

/** Leaving words of clickhouse-local's prompt, which chdb takes as an empty query. */
const promptCommands = new Set(['EXIT', 'QUIT', 'LOGOUT', 'Q']);

/**
 * Reads the one statement of a request; `sql` holds one byte a character (see {@link lexSql}).
 *
 * chdb runs `a; b` as two statements, takes a blank line in an INSERT's inline rows for their end and runs
 * the rest as SQL, and writes to files for INTO OUTFILE, as a command-line client would. A server does none
 * of these, so this throws SYNTAX_ERROR or NOT_IMPLEMENTED before the engine sees them.
 */
export function readStatement(sql: string): PlainStatement | InsertStatement {
  const tokens = lexSql(sql);
  const first = tokens.next();
  if (first.done === true || first.value.kind === 'semicolon') {
    throw databaseError('SYNTAX_ERROR', 'Syntax error: Empty query');
  }
  const verb = first.value.text.toUpperCase();
  if (first.value.kind !== 'word' && verb !== '(') {
    throw databaseError('SYNTAX_ERROR', 'Syntax error: failed at position 1');
  }
  if (verb === 'INSERT') {
    const insert = readInsert(sql, first.value, tokens);
    if (insert.kind === 'insert') return insert;
    if (!insert.hasSelect) {
      throw databaseError('SYNTAX_ERROR', 'Syntax error: an INSERT needs VALUES, FORMAT or SELECT');
    }
    return plainStatement(sql, verb, insert.end, undefined);
  }
  return readPlain(sql, first.value, tokens);
}

function readPlain(sql: string, first: SqlToken, tokens: Generator<SqlToken>): PlainStatement {
  const verb = first.text.toUpperCase();
  let previous = first;
  let end = first.end;
  let format: string | undefined;
  for (const token of tokens) {
    if (token.kind === 'semicolon') {
      rejectSecondStatement(tokens);
      break;
    }
    if (isWord(token, 'OUTFILE') && isWord(previous, 'INTO')) throw notOverHttp('INTO OUTFILE');
    if (isWord(token, 'INSERT') && token.depth === 0) {
      // EXPLAIN INSERT, WITH ... INSERT: the blank line trap is there as well.
      const inner = readInsert(sql, token, lexSql(sql, token.end));
      if (inner.kind === 'insert') throw notOverHttp(`${verb} ... INSERT with inline rows`);
    }
    if (isWord(previous, 'FORMAT') && token.depth === 0) format = formatName(token);
    end = token.end;
    previous = token;
  }
  if (promptCommands.has(sql.slice(first.start, end).toUpperCase())) {
    throw databaseError('SYNTAX_ERROR', 'Syntax error: failed at position 1');
  }
  return plainStatement(sql, verb, end, format);
}

type InsertSelect = { kind: 'select'; end: number; hasSelect: boolean };

/** Words before the name of the table that an INSERT is for. */
const beforeTarget = new Set(['INSERT', 'INTO', 'TABLE', 'FUNCTION', '.']);

function readInsert(
  sql: string,
  first: SqlToken,
  tokens: Generator<SqlToken>,
): InsertStatement | InsertSelect {
  let previous = first;
  let isTarget = true;
  let formatClause: SqlToken | undefined;
  let hasSelect = false;
  let settingsStart: number | undefined;
  for (const token of tokens) {
    if (token.kind === 'semicolon') {
      rejectSecondStatement(tokens);
      break;
    }
    // A dot goes on with the name: `db.values`.
    isTarget &&= token.text === '.' || beforeTarget.has(previous.text.toUpperCase());
    if (token.depth === 0 && !isTarget) {
      if (formatClause !== undefined) {
        const format = formatName(token);
        if (format !== undefined && !hasSelect) {
          const dataStart = startOfData(sql, token.end);
          return insertStatement(sql, first, settingsStart, formatClause.start, format, dataStart);
        }
        // Rows for `input()`, which would have to go inline; or a column that is called format.
        if (format !== undefined && /\n\s*\n\s*\S/.test(sql.slice(token.end))) {
          throw notOverHttp('INSERT ... SELECT ... FORMAT followed by a blank line');
        }
      }
      if (isWord(token, 'INFILE') && isWord(previous, 'FROM')) throw notOverHttp('FROM INFILE');
      if (isWord(token, 'SELECT') || isWord(token, 'WITH')) hasSelect = true;
      if (isWord(token, 'SETTINGS') && !hasSelect) settingsStart ??= token.start;
      if (isWord(token, 'VALUES') && !hasSelect) {
        return insertStatement(sql, first, settingsStart, token.start, 'Values', token.end);
      }
      formatClause = isWord(token, 'FORMAT') ? token : undefined;
    }
    // `INSERT INTO t (SELECT 1)`: a column list can't begin with this word.
    if (isWord(token, 'SELECT') && previous.text === '(') hasSelect = true;
    previous = token;
  }
  return { kind: 'select', end: previous.end, hasSelect };
}

function insertStatement(
  sql: string,
  first: SqlToken,
  settingsStart: number | undefined,
  clauseStart: number,
  format: string,
  dataStart: number,
): InsertStatement {
  return {
    kind: 'insert',
    target: sql.slice(first.start, settingsStart ?? clauseStart).trimEnd(),
    settings: settingsStart === undefined ? '' : sql.slice(settingsStart, clauseStart).trimEnd(),
    format,
    dataStart,
  };
}

/** After the format's name come blanks and at most one line end; the rest is data, to the byte. */
function startOfData(sql: string, from: number): number {
  const gap = /[ \t\f\v]*(?:\r?\n)?/y;
  gap.lastIndex = from;
  gap.test(sql);
  if (sql[gap.lastIndex] === ';') {
    throw databaseError('SYNTAX_ERROR', 'Syntax error: excessive ; symbol before the data of an INSERT');
  }
  return gap.lastIndex;
}

/** Throws SYNTAX_ERROR unless only comments and further semicolons are left. */
export function rejectSecondStatement(tokens: Iterable<SqlToken>): void {
  for (const token of tokens) {
    if (token.kind !== 'semicolon') {
      throw databaseError('SYNTAX_ERROR', 'Syntax error (Multi-statements are not allowed)');
    }
  }
}

function plainStatement(sql: string, verb: string, end: number, format: string | undefined): PlainStatement {
  return { kind: 'plain', sql: sql.slice(0, end), verb, format };
}

function notOverHttp(what: string): Error {
  return databaseError('NOT_IMPLEMENTED', `${what} is not supported over HTTP by the embedded engine`);
}

function isWord(token: SqlToken, keyword: string): boolean {
  return token.kind === 'word' && token.text.toUpperCase() === keyword;
}

/** The name of a format, quoted or not; undefined where the token can't be one. */
function formatName(token: SqlToken): string | undefined {
  const name = token.kind === 'quotedName' ? token.text.slice(1, -1) : token.text;
  return (token.kind === 'word' || token.kind === 'quotedName') && /^\w+$/.test(name) ? name : undefined;
}
