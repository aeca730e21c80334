import {
  DatabaseError,
  errorText,
  fromEngineError,
  httpStatusOf,
} from '../../clickhouse/embedded/database-error';
import { readMultipart } from '../../clickhouse/embedded/multipart';
import { isNativeHello, nativeHello } from '../../clickhouse/embedded/native-hello';
import { readQueryOptions } from '../../clickhouse/embedded/query-request';
import { readQueryText } from '../../clickhouse/embedded/query-text';
import { sqlName, sqlString } from '../../clickhouse/sql-literal';
import { readStatement } from '../../clickhouse/embedded/statement';

const noBody = Buffer.alloc(0);

function thrownBy(work: () => unknown): { code: number; type: string } {
  try {
    work();
  } catch (error) {
    if (error instanceof DatabaseError) return { code: error.code, type: error.type };
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('readStatement', () => {
  it.each([
    ['SELECT 1', 'SELECT 1'],
    ['SELECT 1;', 'SELECT 1'],
    [' SELECT 1 ; ; -- done', ' SELECT 1'],
    ["SELECT ';'", "SELECT ';'"],
    ["SELECT 'it''s; \\'; ok'", "SELECT 'it''s; \\'; ok'"],
    ['SELECT 1 AS `a;\\`;b`', 'SELECT 1 AS `a;\\`;b`'],
    ['SELECT 1 AS "a;"";b"', 'SELECT 1 AS "a;"";b"'],
    ['SELECT 1 -- ; x\n+ 1', 'SELECT 1 -- ; x\n+ 1'],
    ['SELECT 1 // ; x\n+ 1', 'SELECT 1 // ; x\n+ 1'],
    ['SELECT 1 # ; x\n+ 1', 'SELECT 1 # ; x\n+ 1'],
    ['SELECT /* ; /* ; */ ; */ 1', 'SELECT /* ; /* ; */ ; */ 1'],
    ['SELECT $a$ ; $a$', 'SELECT $a$ ; $a$'],
    ['INSERT INTO t SELECT 1;', 'INSERT INTO t SELECT 1'],
    ['INSERT INTO t (SELECT 1)', 'INSERT INTO t (SELECT 1)'],
    ['INSERT INTO t SELECT format FROM x', 'INSERT INTO t SELECT format FROM x'],
    [
      "INSERT INTO t SELECT\n\n1, format('{}', a)\n\nFROM x",
      "INSERT INTO t SELECT\n\n1, format('{}', a)\n\nFROM x",
    ],
  ])('takes %j as one statement', (sql, expected) => {
    expect(readStatement(sql)).toMatchObject({ kind: 'plain', sql: expected });
  });

  it.each([
    'SELECT 1; DROP TABLE x',
    'SELECT 1;;DROP TABLE x',
    "SELECT 1 // '\n; DROP TABLE x -- '",
    "SELECT 1 # '\n; DROP TABLE x -- '",
    "SELECT 1 #! '\n; DROP TABLE x -- '",
    "SELECT 1 -- '\n; DROP TABLE x -- '",
    "SELECT 1 /* ' */; DROP TABLE x -- '",
    "SELECT '\\\\'; DROP TABLE x",
    "SELECT $a$ ' $a$; DROP TABLE x",
    'INSERT INTO t SELECT 1; DROP TABLE x',
    'SET a = 1; SELECT 1',
    '',
    ' -- nothing\n',
    ';',
    'exit',
    'quit ;',
    'INSERT INTO t',
    'INSERT INTO t FORMAT JSONEachRow; DROP TABLE x',
  ])('refuses %j with SYNTAX_ERROR', (sql) => {
    expect(thrownBy(() => readStatement(sql))).toEqual({ code: 62, type: 'SYNTAX_ERROR' });
  });

  it.each([
    "SELECT 1 INTO OUTFILE '/tmp/x'",
    "INSERT INTO t FROM INFILE '/etc/passwd' FORMAT TSV",
    'EXPLAIN AST INSERT INTO t FORMAT TSV 1\n\nDROP TABLE x',
    'WITH 1 AS a INSERT INTO t VALUES (1)\n\nDROP TABLE x',
    "INSERT INTO t SELECT * FROM input('a Int32') FORMAT CSV 1\n\nDROP TABLE x",
  ])('refuses %j with NOT_IMPLEMENTED', (sql) => {
    expect(thrownBy(() => readStatement(sql))).toEqual({ code: 48, type: 'NOT_IMPLEMENTED' });
  });

  it.each([
    ['SELECT 1 FORMAT JSON', 'JSON'],
    ['SELECT 1 FORMAT JSON SETTINGS max_threads = 1', 'JSON'],
    ["SELECT 'FORMAT CSV'", undefined],
    ['SELECT * FROM (SELECT 1 AS format)', undefined],
  ])('finds the output format of %j', (sql, format) => {
    expect(readStatement(sql)).toMatchObject({ format });
  });

  it.each([
    [
      'INSERT INTO t FORMAT JSONEachRow\n{"a":1}',
      { target: 'INSERT INTO t', settings: '', format: 'JSONEachRow', data: '{"a":1}' },
    ],
    [
      'insert into db.t (a, b) settings x = 1 format CSV 1,2',
      { target: 'insert into db.t (a, b)', settings: 'settings x = 1', format: 'CSV', data: '1,2' },
    ],
    [
      "INSERT INTO t VALUES (1, ';')",
      { target: 'INSERT INTO t', settings: '', format: 'Values', data: " (1, ';')" },
    ],
    [
      'INSERT INTO format FORMAT CSV\r\n\n1',
      { target: 'INSERT INTO format', settings: '', format: 'CSV', data: '\n1' },
    ],
    ['INSERT t (a) FORMAT "CSV" 1', { target: 'INSERT t (a)', settings: '', format: 'CSV', data: '1' }],
    [
      'INSERT INTO db.values VALUES (1)',
      { target: 'INSERT INTO db.values', settings: '', format: 'Values', data: ' (1)' },
    ],
  ])('parts the rows of %j from its SQL', (sql, { data, ...expected }) => {
    const statement = readStatement(sql);
    expect(statement).toMatchObject({ kind: 'insert', ...expected });
    expect(statement.kind === 'insert' && sql.slice(statement.dataStart)).toBe(data);
  });
});

describe('readQueryText', () => {
  it('leaves rows behind an INSERT in the URL alone, to the byte', () => {
    const rows = Buffer.from([0, 10, 10, 255, 59]);
    expect(readQueryText('INSERT INTO t FORMAT Native', rows)).toMatchObject({ kind: 'insert', rows });
  });

  it('joins a query that the body goes on with by a line end', () => {
    expect(readQueryText('SELECT 1 --', Buffer.from('+ 1'))).toMatchObject({ sql: 'SELECT 1 --\n+ 1' });
  });

  it('keeps text outside ASCII as it was', () => {
    expect(readQueryText('', Buffer.from("SELECT 'é – 日本'"))).toMatchObject({ sql: "SELECT 'é – 日本'" });
    expect(readQueryText('', Buffer.from("INSERT INTO `é` VALUES ('日本')"))).toMatchObject({
      statement: { target: 'INSERT INTO `é`' },
      rows: Buffer.from(" ('日本')"),
    });
  });

  it('refuses a second statement behind VALUES, which chdb would drop without a word', () => {
    const sql = "INSERT INTO t VALUES (1, 'a;'), (2, 'b'); DROP TABLE t";
    expect(thrownBy(() => readQueryText(sql, noBody)).code).toBe(62);
    expect(thrownBy(() => readQueryText('INSERT INTO t VALUES', Buffer.from('(1);(2)'))).code).toBe(62);
  });

  it('finds the rows of a body larger than what is decoded as text', () => {
    const rows = Buffer.alloc(3 * 1024 * 1024, '1\n');
    const body = Buffer.concat([Buffer.from('INSERT INTO t FORMAT TSV\n'), rows]);
    const text = readQueryText('', body);
    expect(text.kind === 'insert' && text.rows.equals(rows)).toBe(true);
  });
});

describe('readQueryOptions', () => {
  it('sorts settings, query parameters and its own parameters', () => {
    const url = new URLSearchParams({
      query: 'SELECT 1',
      query_id: 'q1',
      database: 'd',
      default_format: 'TSV',
      max_threads: '2',
      param_name: "a'\\nb",
      client_protocol_version: '54460',
      enable_http_compression: '1',
      wait_end_of_query: '1',
    });
    expect(readQueryOptions(url, {})).toEqual({
      database: 'd',
      queryId: 'q1',
      format: 'TabSeparated',
      settings: [['max_threads', '2']],
      parameters: [['name', "a'\\nb"]],
      clientRevision: 54460,
      compressible: true,
    });
  });

  it('takes database and format from headers where no parameter names them', () => {
    const headers = { 'x-clickhouse-database': 'h', 'x-clickhouse-format': 'JSON' };
    expect(readQueryOptions(new URLSearchParams(), headers)).toMatchObject({ database: 'h', format: 'JSON' });
  });

  it.each([
    [{ session_id: 's' }, 48],
    [{ compress: '1' }, 48],
    [{ decompress: '1' }, 48],
    [{ role: 'r' }, 48],
    [{ 'a = 1, b': '1' }, 115],
    [{ 'param_a = 1, b': '1' }, 36],
    [{ default_format: 'CSV; DROP' }, 36],
  ])('refuses %j with code %i', (parameters, code) => {
    const url = new URLSearchParams(parameters as Record<string, string>);
    expect(thrownBy(() => readQueryOptions(url, {})).code).toBe(code);
  });
});

describe('the literals', () => {
  it('escape quotes and backslashes', () => {
    expect(sqlString("a'b\\c\n")).toBe("'a\\'b\\\\c\n'");
    expect(sqlName('a`b\\c')).toBe('`a\\`b\\\\c`');
  });
});

describe('readMultipart', () => {
  it('reads text fields with line ends and text outside ASCII', () => {
    const body =
      '--x\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT\r\n1\r\n' +
      '--x\r\nContent-Disposition: form-data; name="param_a"\r\n\r\né\r\n--x--\r\n';
    expect(readMultipart('multipart/form-data; boundary=x', Buffer.from(body))).toEqual([
      ['query', 'SELECT\r\n1'],
      ['param_a', 'é'],
    ]);
  });

  it('refuses a file, and a body without an end', () => {
    const file = '--x\r\nContent-Disposition: form-data; name="t"; filename="t"\r\n\r\n1\r\n--x--\r\n';
    expect(thrownBy(() => readMultipart('multipart/form-data; boundary=x', Buffer.from(file))).code).toBe(48);
    expect(thrownBy(() => readMultipart('multipart/form-data; boundary=x', noBody)).code).toBe(36);
  });
});

describe('errors', () => {
  it("unwraps an INSERT's parse error and hides the payload's path", () => {
    const error = fromEngineError(
      new Error(
        'Code: 27. DB::Exception: Code: 27. DB::Exception: Cannot parse input: (at row 2)\n: (in file/uri /d/1.rows): ' +
          'While executing File. (CANNOT_PARSE_INPUT_ASSERTION_FAILED) (version 26.7.2.1). ' +
          '(CANNOT_PARSE_INPUT_ASSERTION_FAILED)',
      ),
    );
    expect(errorText(error, '26.7.2.1')).toBe(
      'Code: 27. DB::Exception: Cannot parse input: (at row 2)\n: (in the request body): While executing File. ' +
        '(CANNOT_PARSE_INPUT_ASSERTION_FAILED) (version 26.7.2.1)\n',
    );
  });

  it('makes UNKNOWN_EXCEPTION of what has no code', () => {
    expect(fromEngineError(new Error('boom'))).toMatchObject({ code: 1002, message: 'boom' });
  });

  it.each([
    [62, 400],
    [516, 403],
    [60, 404],
    [159, 408],
    [229, 413],
    [48, 501],
    [164, 500],
  ])('maps code %i to HTTP status %i', (code, status) => {
    expect(httpStatusOf(code)).toBe(status);
  });
});

describe("clickhouse-go's hello", () => {
  const hello = 'SELECT displayName(), version(), revision(), timezone()';

  it('is answered by hand only for a client that announces a revision and reads Native', () => {
    expect(isNativeHello(hello, 54460, 'Native')).toBe(true);
    expect(isNativeHello(hello, 0, 'Native')).toBe(false);
    expect(isNativeHello(hello, 54460, 'JSON')).toBe(false);
    expect(isNativeHello('SELECT 1', 54460, 'Native')).toBe(false);
  });

  it('has a serialization byte from revision 54454 on', () => {
    const lengthAt = (revision: number): number => nativeHello(revision, 'd', '26.7').length;
    expect(lengthAt(54454) - lengthAt(54453)).toBe(4);
  });
});
