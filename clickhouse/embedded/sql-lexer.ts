/** One significant piece of SQL text; whitespace and comments are left out. */
export type SqlToken = {
  kind: 'word' | 'quotedName' | 'string' | 'semicolon' | 'punctuation' | 'unclosed';
  text: string;
  /** Offset of the first character, and of the one after the last. */
  start: number;
  end: number;
  /** How many brackets are open around it; a bracket itself counts as outside. */
  depth: number;
};

// The rules are those of ClickHouse's src/Parsers/Lexer.cpp. They must not be looser than the engine's: what
// we take for a string or a comment and the engine does not would hide a second statement from us. So `//`,
// `# `, `#!` and nested /* */ are comments, `$tag$` opens a heredoc, and curly quotes open a string.
const whitespace = /[ \t\n\r\f\v]+/y;
const lineComment = /(?:--|\/\/|# |#!)[^\n]*/y;
const word = /[A-Za-z_$][A-Za-z0-9_$]*|[0-9][A-Za-z0-9_]*/y;
const singleQuoted = /'(?:[^'\\]|\\[^]|'')*'/y;
const backQuoted = /`(?:[^`\\]|\\[^]|``)*`/y;
const doubleQuoted = /"(?:[^"\\]|\\[^]|"")*"/y;
const heredocTag = /\$[^$]*\$/y;
// UTF-8 bytes of the curly quotes, since the text is read one byte a character.
const curlySingle = /\xe2\x80\x98[^]*?\xe2\x80\x99/y;
const curlyDouble = /\xe2\x80\x9c[^]*?\xe2\x80\x9d/y;

/**
 * Splits SQL into tokens as ClickHouse does, lazily, so that the data behind an INSERT is never scanned.
 *
 * `sql` holds one byte a character (latin1), which makes every offset a byte offset: syntax is ASCII, and no
 * byte of a UTF-8 sequence is. Text whose quote or comment is never closed ends with one `unclosed` token.
 */
export function* lexSql(sql: string, from = 0): Generator<SqlToken> {
  let position = from;
  let depth = 0;
  while (position < sql.length) {
    const skipped = matchAt(whitespace, sql, position) ?? matchAt(lineComment, sql, position);
    if (skipped !== undefined) {
      position = skipped;
      continue;
    }
    if (sql.startsWith('/*', position)) {
      const end = endOfBlockComment(sql, position);
      if (end === undefined) {
        yield token('unclosed', sql, position, sql.length, depth);
        return;
      }
      position = end;
      continue;
    }
    const start = position;
    const [kind, end] = significantToken(sql, position);
    const text = sql.slice(start, end);
    if (kind === 'punctuation' && ')]}'.includes(text)) depth = Math.max(0, depth - 1);
    yield { kind, text, start, end, depth };
    if (kind === 'punctuation' && '([{'.includes(text)) depth += 1;
    position = end;
  }
}

function significantToken(sql: string, position: number): [SqlToken['kind'], number] {
  switch (sql[position]) {
    case ';':
      return ['semicolon', position + 1];
    case "'":
      return closedOr('string', matchAt(singleQuoted, sql, position), sql);
    case '`':
      return closedOr('quotedName', matchAt(backQuoted, sql, position), sql);
    case '"':
      return closedOr('quotedName', matchAt(doubleQuoted, sql, position), sql);
    case '$': {
      const tagEnd = matchAt(heredocTag, sql, position);
      if (tagEnd === undefined) break;
      const tag = sql.slice(position, tagEnd);
      const close = sql.indexOf(tag, tagEnd);
      if (close >= 0) return ['string', close + tag.length];
      break;
    }
    case '\xe2': {
      const end = matchAt(curlySingle, sql, position) ?? matchAt(curlyDouble, sql, position);
      if (end !== undefined) return ['string', end];
      break;
    }
  }
  const wordEnd = matchAt(word, sql, position);
  return wordEnd === undefined ? ['punctuation', position + 1] : ['word', wordEnd];
}

function closedOr(kind: SqlToken['kind'], end: number | undefined, sql: string): [SqlToken['kind'], number] {
  return end === undefined ? ['unclosed', sql.length] : [kind, end];
}

function endOfBlockComment(sql: string, position: number): number | undefined {
  const edge = /\/\*|\*\//g;
  edge.lastIndex = position;
  let nesting = 0;
  for (let match = edge.exec(sql); match !== null; match = edge.exec(sql)) {
    nesting += match[0] === '/*' ? 1 : -1;
    if (nesting === 0) return edge.lastIndex;
  }
  return undefined;
}

function matchAt(pattern: RegExp, sql: string, position: number): number | undefined {
  pattern.lastIndex = position;
  return pattern.test(sql) ? pattern.lastIndex : undefined;
}

function token(kind: SqlToken['kind'], sql: string, start: number, end: number, depth: number): SqlToken {
  return { kind, text: sql.slice(start, end), start, end, depth };
}
