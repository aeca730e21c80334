import { databaseError } from './database-error';
import { lexSql } from './sql-lexer';
import { readStatement, rejectSecondStatement, type InsertStatement } from './statement';

/** The one statement of a request, ready for the engine. */
export type QueryText =
  | { kind: 'plain'; sql: string; verb: string; format: string | undefined }
  | { kind: 'insert'; statement: InsertStatement; rows: Buffer };

/** An INSERT's head is looked for in this much of a body, so that rows are not decoded as text. */
const maxHeadBytes = 1024 * 1024;

/**
 * Puts a request's `query` parameter and body together as ClickHouse does: the SQL is the parameter, a line
 * end, and the body; behind an INSERT the body is its rows, to the byte.
 *
 * Throws what {@link readStatement} throws.
 */
export function readQueryText(query: string, body: Buffer): QueryText {
  const head = Buffer.from(query);
  if (head.length > 0 && body.length > 0) {
    const insert = tryReadInsert(head);
    if (insert !== undefined) {
      const rest = head.subarray(insert.dataStart);
      const isBlank = rest.toString('latin1').trim() === '';
      return insertText(insert, isBlank ? body : Buffer.concat([rest, Buffer.from('\n'), body]));
    }
  }
  const separator = Buffer.from(head.length > 0 && body.length > 0 ? '\n' : '');
  const text = head.length === 0 ? body : Buffer.concat([head, separator, body]);
  if (text.length > maxHeadBytes) {
    const insert = tryReadInsert(text.subarray(0, maxHeadBytes));
    if (insert !== undefined) return insertText(insert, text.subarray(insert.dataStart));
  }
  const statement = readStatement(text.toString('latin1'));
  if (statement.kind === 'insert') return insertText(statement, text.subarray(statement.dataStart));
  return { ...statement, sql: toUtf8(statement.sql) };
}

/** The INSERT with rows that `text` begins with, or undefined where it takes the whole text to tell. */
function tryReadInsert(text: Buffer): InsertStatement | undefined {
  try {
    const statement = readStatement(text.toString('latin1'));
    return statement.kind === 'insert' ? statement : undefined;
  } catch {
    return undefined;
  }
}

function insertText(statement: InsertStatement, rows: Buffer): QueryText {
  // VALUES is SQL: chdb reads up to a `;` and drops what follows without a word.
  if (statement.format === 'Values' && rows.includes(';')) rejectSecondValuesStatement(rows);
  return {
    kind: 'insert',
    statement: {
      ...statement,
      target: toUtf8(statement.target),
      settings: toUtf8(statement.settings),
    },
    rows,
  };
}

function rejectSecondValuesStatement(rows: Buffer): void {
  const tokens = lexSql(rows.toString('latin1'));
  for (const token of tokens) {
    if (token.kind === 'unclosed') throw databaseError('SYNTAX_ERROR', 'Syntax error: a quote is not closed');
    if (token.kind === 'semicolon') rejectSecondStatement(tokens);
  }
}

function toUtf8(oneByteText: string): string {
  return Buffer.from(oneByteText, 'latin1').toString('utf8');
}
