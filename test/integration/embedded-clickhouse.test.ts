import { createClient, ClickHouseError, ClickHouseLogLevel, type ClickHouseClient } from '@clickhouse/client';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { startEmbeddedClickHouse, type RunningEmbeddedClickHouse } from '../../clickhouse/embedded/start';
import { eventually } from '../helpers/engines';

// Each engine is a process of its own on a directory of its own, and talks only HTTP, as in production.
const cleanups: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'embedded-clickhouse-'));
  cleanups.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function start(dataDir: string, env: NodeJS.ProcessEnv = {}): Promise<RunningEmbeddedClickHouse> {
  const engine = await startEmbeddedClickHouse({ dataDir, env });
  cleanups.push(() => engine.kill());
  return engine;
}

function clientOf(engine: RunningEmbeddedClickHouse): ClickHouseClient {
  const client = createClient({
    url: engine.url,
    request_timeout: 30_000,
    max_open_connections: 50,
    log: quiet,
  });
  cleanups.push(() => client.close());
  return client;
}

const quiet = { level: ClickHouseLogLevel.OFF };

/** What curl would see. */
type Answer = { status: number; text: string; headers: Headers };
async function post(base: string, path: string, body?: string | Buffer, headers = {}): Promise<Answer> {
  const response = await fetch(base + path, {
    method: 'POST',
    headers,
    ...(body !== undefined && { body: typeof body === 'string' ? body : new Uint8Array(body) }),
  });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

async function get(base: string, path: string, headers = {}): Promise<Answer> {
  const response = await fetch(base + path, { headers });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof ClickHouseError ? { code: error.code, type: error.type } : error;
}

async function rowsOf<T = Record<string, unknown>>(
  client: ClickHouseClient,
  query: string,
  options: Partial<Parameters<ClickHouseClient['query']>[0]> = {},
): Promise<T[]> {
  const result = await client.query({ ...options, query, format: 'JSONEachRow' });
  return result.json<T>();
}

let engine: RunningEmbeddedClickHouse;
let client: ClickHouseClient;
let url: string;
beforeAll(async () => {
  engine = await start(await temporaryDirectory());
  client = clientOf(engine);
  url = engine.url;
});

describe('the HTTP interface', () => {
  it.each([
    ['/ping', 200, 'Ok.\n'],
    ['/', 200, 'Ok.\n'],
    ['/replicas_status', 200, 'Ok.\n'],
    ['/nope', 404, 'There is no handle /nope\n'],
    ['/?query=SELECT+1', 200, '1\n'],
  ])('answers GET %s with %i', async (path, status, text) => {
    expect(await get(url, path)).toMatchObject({ status, text });
  });

  it('answers with format, summary, time zone and the query id', async () => {
    const answer = await post(
      url,
      '/?query_id=my-id&default_format=JSONEachRow',
      'SELECT timezone() AS zone',
    );
    expect(answer.text).toBe('{"zone":"UTC"}\n');
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'x-clickhouse-query-id': 'my-id',
      'x-clickhouse-format': 'JSONEachRow',
      'x-clickhouse-timezone': 'UTC',
      'content-type': 'application/x-ndjson; charset=UTF-8',
    });
    expect(JSON.parse(answer.headers.get('x-clickhouse-summary') ?? '')).toMatchObject({ result_rows: '1' });
  });

  it('appends the body to the query, and takes the format from FORMAT, parameter or header', async () => {
    expect((await post(url, '/?query=SELECT+1', ', 2')).text).toBe('1\t2\n');
    expect((await post(url, '/', 'SELECT 1, 2 FORMAT CSV')).text).toBe('1,2\n');
    expect((await post(url, '/', 'SELECT 1, 2', { 'X-ClickHouse-Format': 'CSV' })).text).toBe('1,2\n');
  });

  it('runs GET read-only, though with settings', async () => {
    await client.command({ query: 'CREATE TABLE by_get (a Int32) ENGINE = MergeTree ORDER BY a' });
    const refused = await get(url, `/?query=${encodeURIComponent('INSERT INTO by_get VALUES (1)')}`);
    expect(refused).toMatchObject({ status: 500, text: expect.stringContaining('(READONLY)') as string });
    const query = encodeURIComponent("SELECT getSetting('max_threads')");
    expect((await get(url, `/?max_threads=3&query=${query}`)).text).toBe('3\n');
    expect((await get(url, `/?readonly=0&query=SELECT+1`)).status).toBe(500);
  });

  it.each([
    ['SELECT * FROM no_such_table', 404, '60', 'UNKNOWN_TABLE'],
    ['SELECT * FROM no_such_database.t', 404, '81', 'UNKNOWN_DATABASE'],
    ['SELECT no_such_column', 404, '47', 'UNKNOWN_IDENTIFIER'],
    ['SELEC 1', 400, '62', 'SYNTAX_ERROR'],
    ['SELECT 1; SELECT 2', 400, '62', 'SYNTAX_ERROR'],
    ["SELECT throwIf(1, 'x')", 500, '395', 'FUNCTION_THROW_IF_VALUE_IS_NON_ZERO'],
    ['SELECT 1 FORMAT NoSuchFormat', 404, '73', 'UNKNOWN_FORMAT'],
    ["SELECT 1 INTO OUTFILE '/tmp/x'", 501, '48', 'NOT_IMPLEMENTED'],
  ])('answers %j with status %i and code %s', async (sql, status, code, type) => {
    const answer = await post(url, '/', sql);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('x-clickhouse-exception-code')).toBe(code);
    expect(answer.text).toMatch(
      new RegExp(`^Code: ${code}\\. DB::Exception: [^]+ \\(${type}\\) \\(version 26\\.7[.0-9]*\\)\\n$`),
    );
    expect(answer.text.split('DB::Exception').length).toBe(2);
  });

  it('refuses sessions and native compression instead of ignoring them', async () => {
    expect((await post(url, '/?session_id=a', 'SELECT 1')).status).toBe(501);
    expect((await post(url, '/?compress=1', 'SELECT 1')).status).toBe(501);
  });

  it('answers a body over the limit with 413, inflated bytes counted', async () => {
    const bomb = gzipSync(Buffer.alloc(257 * 1024 * 1024));
    const answer = await post(url, '/?query=SELECT+1', bomb, { 'Content-Encoding': 'gzip' });
    expect(answer).toMatchObject({
      status: 413,
      text: expect.stringContaining('(QUERY_IS_TOO_LARGE)') as string,
    });
  });

  it('compresses only for a client that asks by header and setting', async () => {
    const headers = { 'Accept-Encoding': 'gzip' };
    const encodingOf = async (path: string): Promise<string | null> =>
      (await post(url, path, 'SELECT 1', headers)).headers.get('content-encoding');
    expect(await encodingOf('/?enable_http_compression=1')).toBe('gzip');
    expect(await encodingOf('/')).toBeNull();
  });
});

describe('@clickhouse/client', () => {
  it('pings, by both ways', async () => {
    expect(await client.ping()).toEqual({ success: true });
    expect(await client.ping({ select: true })).toEqual({ success: true });
  });

  it('reads errors as ClickHouseError with code and type', async () => {
    expect(await codeOf(client.query({ query: 'SELECT * FROM no_such_table' }))).toEqual({
      code: '60',
      type: 'UNKNOWN_TABLE',
    });
  });

  it('inserts and reads, and tells how many rows were written', async () => {
    await client.command({ query: 'CREATE TABLE plain (a Int32, b String) ENGINE = MergeTree ORDER BY a' });
    const rows = [
      { a: 1, b: "it's; \\ \n\n DROP TABLE plain" },
      { a: 2, b: 'é 日本 \u{1f600}' },
    ];
    const { summary } = await client.insert({ table: 'plain', values: rows, format: 'JSONEachRow' });
    expect(summary).toMatchObject({ written_rows: '2' });
    expect(await rowsOf(client, 'SELECT * FROM plain ORDER BY a')).toEqual(rows);
    const { summary: ofColumns } = await client.insert({
      table: 'plain',
      columns: ['a'],
      values: [{ a: 3 }],
      format: 'JSONEachRow',
    });
    expect(ofColumns).toMatchObject({ written_rows: '1' });
  });

  it('compresses both ways', async () => {
    const compressing = createClient({ url, compression: { request: true, response: true } });
    cleanups.push(() => compressing.close());
    await client.command({ query: 'CREATE TABLE squeezed (a Int32) ENGINE = MergeTree ORDER BY a' });
    const rows = Array.from({ length: 1000 }, (_, a) => ({ a }));
    await compressing.insert({ table: 'squeezed', values: rows, format: 'JSONEachRow' });
    expect(await rowsOf(compressing, 'SELECT a FROM squeezed ORDER BY a')).toEqual(rows);
  });

  it('execs, streams and runs commands with a body', async () => {
    const { stream } = await client.exec({ query: 'SELECT 42 AS answer FORMAT JSONEachRow' });
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    expect(text).toBe('{"answer":42}\n');
  });

  const hostile = [
    'plain',
    "it's",
    "a'); DROP TABLE x; --",
    'back\\slash \\n \\',
    'line\nbreak\r\n\ttab',
    '\n\n',
    '',
    'é 日本 \u{1f600}',
    '{x:String} $a$ `b` "c"',
    '\\N',
    '\0',
  ];
  it.each(hostile)('binds the string %j as it is', async (value) => {
    const query = 'SELECT {v:String} AS v, {list:Array(String)} AS list, {map:Map(String, String)} AS map';
    const query_params = { v: value, list: [value, 'b'], map: { k: value } };
    expect(await rowsOf(client, query, { query_params })).toEqual([
      { v: value, list: [value, 'b'], map: { k: value } },
    ]);
  });

  it('binds numbers, dates, NULL, identifiers, and parameters in a multipart body', async () => {
    const query =
      'SELECT {i:UInt64} AS i, {f:Float64} AS f, {b:Bool} AS b, {n:Nullable(String)} AS n, ' +
      "{d:DateTime('UTC')} AS d, {m:DateTime64(3, 'UTC')} AS m, {l:Array(UInt8)} AS l, {e:Array(String)} AS e " +
      'FROM system.{t:Identifier}';
    const query_params = {
      i: 18446744073709551615n,
      f: 0.1,
      b: true,
      n: null,
      d: new Date('2026-01-02T03:04:05Z'),
      m: new Date('2026-01-02T03:04:05.678Z'),
      l: [1, 2],
      e: [],
      t: 'one',
    };
    const clickhouse_settings = { output_format_json_quote_64bit_integers: 1 } as const;
    const expected = [
      {
        i: '18446744073709551615',
        f: 0.1,
        b: true,
        n: null,
        d: '2026-01-02 03:04:05',
        m: '2026-01-02 03:04:05.678',
        l: [1, 2],
        e: [],
      },
    ];
    expect(await rowsOf(client, query, { query_params, clickhouse_settings })).toEqual(expected);
    expect(
      await rowsOf(client, query, { query_params, clickhouse_settings, use_multipart_params: true }),
    ).toEqual(expected);
  });

  it('binds parameters in INSERT ... VALUES', async () => {
    await client.command({ query: 'CREATE TABLE bound (a String) ENGINE = MergeTree ORDER BY a' });
    const value = "x'); DROP TABLE bound";
    await client.command({ query: 'INSERT INTO bound VALUES ({v:String})', query_params: { v: value } });
    expect(await rowsOf(client, 'SELECT * FROM bound')).toEqual([{ a: value }]);
  });

  it('keeps settings and parameters to their own call, also where it failed', async () => {
    const read = async (): Promise<unknown> =>
      rowsOf(client, "SELECT getSetting('max_result_rows') AS value");
    const unset = [{ value: 0 }];
    for (let round = 0; round < 30; round += 1) {
      const clickhouse_settings = { max_result_rows: '7' };
      const query_params = { p: 'x' };
      await rowsOf(client, 'SELECT {p:String}', { clickhouse_settings, query_params });
      await codeOf(
        client.query({ query: 'SELECT throwIf(number = 5) FROM numbers(9)', clickhouse_settings }),
      );
      await client.command({ query: 'SET max_result_rows = 9' });
      expect(await read()).toEqual(unset);
    }
    expect(await codeOf(client.query({ query: 'SELECT {p:String}' }))).toEqual({
      code: '456',
      type: 'UNKNOWN_QUERY_PARAMETER',
    });
  });

  it('refuses an unknown setting with code 115', async () => {
    const settings = { no_such_setting: 1 } as Record<string, number>;
    expect(await codeOf(client.query({ query: 'SELECT 1', clickhouse_settings: settings }))).toEqual({
      code: '115',
      type: 'UNKNOWN_SETTING',
    });
  });

  it('ends a query at max_execution_time', async () => {
    const query = 'SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))';
    const clickhouse_settings = { max_execution_time: 1 };
    expect(await codeOf(client.query({ query, clickhouse_settings }))).toEqual({
      code: '159',
      type: 'TIMEOUT_EXCEEDED',
    });
  });

  it('works in another database', async () => {
    await client.command({ query: 'CREATE DATABASE other' });
    const other = createClient({ url, database: 'other' });
    cleanups.push(() => other.close());
    await other.command({ query: 'CREATE TABLE here (a Int32) ENGINE = MergeTree ORDER BY a' });
    await other.insert({ table: 'here', values: [{ a: 1 }], format: 'JSONEachRow' });
    expect(await rowsOf(other, 'SELECT currentDatabase() AS d, a FROM here')).toEqual([{ d: 'other', a: 1 }]);
    expect(await rowsOf(client, 'SELECT currentDatabase() AS d')).toEqual([{ d: 'default' }]);
  });

  it('carries 100 MB out and 10,000 rows in', async () => {
    const result = await client.query({
      query: "SELECT repeat('x', 1000) AS x FROM numbers(100000)",
      format: 'TabSeparated',
    });
    expect((await result.text()).length).toBe(100_100_000);
    await client.command({ query: 'CREATE TABLE bulk (a UInt32, s String) ENGINE = MergeTree ORDER BY a' });
    const values = Array.from({ length: 10_000 }, (_, a) => ({ a, s: `row ${a}` }));
    await client.insert({ table: 'bulk', values, format: 'JSONEachRow' });
    const query =
      "SELECT count() AS n, uniqExact(a) AS u, countIf(s = concat('row ', toString(a))) AS same FROM bulk";
    expect(await rowsOf(client, query)).toEqual([{ n: 10_000, u: 10_000, same: 10_000 }]);
  });
});

describe('rows in a request body', () => {
  const insert = async (format: string, body: string | Buffer, table = 'inlined'): Promise<Answer> =>
    post(url, `/?query=${encodeURIComponent(`INSERT INTO ${table} FORMAT ${format}`)}`, body);
  const all = async (): Promise<unknown> => rowsOf(client, 'SELECT a, s FROM inlined ORDER BY a, s');

  beforeEach(async () => {
    await client.command({
      query:
        "CREATE OR REPLACE TABLE inlined (a Int32, s String DEFAULT 'none') ENGINE = MergeTree ORDER BY a",
    });
    await client.command({ query: 'CREATE OR REPLACE TABLE victim (a Int32) ENGINE = MergeTree ORDER BY a' });
  });

  it('may have blank lines, CRLF and raw line ends in strings', async () => {
    const answer = await insert(
      'JSONEachRow',
      '{"a":1,"s":"x"}\r\n\r\n\n{"a":2,"s":"p\n\nq"}\n \n\n{"a":3}\n',
    );
    expect(answer).toMatchObject({ status: 200, text: '' });
    expect(await all()).toEqual([
      { a: 1, s: 'x' },
      { a: 2, s: 'p\n\nq' },
      { a: 3, s: 'none' },
    ]);
  });

  it.each([
    ['JSONEachRow', '{"a":1}\n\nDROP TABLE victim'],
    ['JSONEachRow', '{"a":1}\n\n;DROP TABLE victim'],
    ['JSONEachRow', '{"a":1};DROP TABLE victim'],
    ['TSV', '1\tx\n\nDROP TABLE victim'],
    ['CSV', '1,x\n\nDROP TABLE victim'],
    ['Values', "(1, 'x'); DROP TABLE victim"],
    ['Values', "(1, 'x')\n\nDROP TABLE victim"],
  ])('in %s never run as SQL: %j', async (format, body) => {
    const answer = await insert(format, body);
    expect(answer.status).toBe(400);
    expect(await rowsOf(client, 'EXISTS TABLE victim')).toEqual([{ result: 1 }]);
    expect(await all()).toEqual([]);
  });

  it('may stand in the same text as the SQL', async () => {
    expect(await post(url, '/', 'INSERT INTO inlined FORMAT JSONEachRow {"a":1}\n\n{"a":2}')).toMatchObject({
      status: 200,
    });
    expect(await post(url, '/', 'INSERT INTO inlined (a) VALUES (3),\n\n(2 + 2);')).toMatchObject({
      status: 200,
    });
    expect(await post(url, '/', 'INSERT INTO inlined SELECT 5, toString(5);')).toMatchObject({ status: 200 });
    expect(await rowsOf(client, 'SELECT groupArray(a) AS a FROM (SELECT a FROM inlined ORDER BY a)')).toEqual(
      [{ a: [1, 2, 3, 4, 5] }],
    );
  });

  it('are taken in binary formats, and settings of the statement and the call hold', async () => {
    const native = await fetch(
      `${url}/?query=${encodeURIComponent("SELECT toInt32(10) AS a, '\\n\\n;' AS s FORMAT Native")}`,
    );
    expect((await insert('Native', Buffer.from(await native.arrayBuffer()))).status).toBe(200);
    expect(await all()).toEqual([{ a: 10, s: '\n\n;' }]);
    expect((await insert('JSONEachRow SETTINGS x', '{"a":1}')).status).toBe(400);
    const strict = 'INSERT INTO inlined SETTINGS input_format_skip_unknown_fields = 0 FORMAT JSONEachRow';
    expect(await post(url, `/?query=${encodeURIComponent(strict)}`, '{"a":1,"zz":1}')).toMatchObject({
      status: 400,
      text: expect.stringMatching(/^Code: 117\./) as string,
    });
    expect(
      (
        await post(
          url,
          `/?input_format_skip_unknown_fields=0&query=${encodeURIComponent('INSERT INTO inlined FORMAT JSONEachRow')}`,
          '{"a":1,"zz":1}',
        )
      ).status,
    ).toBe(400);
  });

  it('that do not parse leave nothing behind and hide where they were kept', async () => {
    const answer = await insert('JSONEachRow', '{"a":1}\n{"a":"x"}\n');
    expect(answer.status).toBe(400);
    expect(answer.text).not.toMatch(/spool|\.rows/);
    expect(await all()).toEqual([]);
  });
});

describe('parallel queries', () => {
  it('do not mix up 200 answers, with failures, settings and parameters among them', async () => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        if (i % 5 === 4) {
          return codeOf(
            client.query({ query: `SELECT throwIf(number = 70000, 'at ${i}') FROM numbers(100000)` }),
          );
        }
        return rowsOf(client, 'SELECT {i:UInt32} AS i, count() AS n FROM numbers({n:UInt32})', {
          query_params: { i, n: 1000 + i },
          clickhouse_settings: { max_threads: (i % 4) + 1 },
        });
      }),
    );
    expect(answers).toEqual(
      answers.map((_, i) =>
        i % 5 === 4 ? { code: '395', type: 'FUNCTION_THROW_IF_VALUE_IS_NON_ZERO' } : [{ i, n: 1000 + i }],
      ),
    );
  });

  it('run beside each other, and not one after another', async () => {
    const done: string[] = [];
    const run = async (name: string, query: string) => {
      await rowsOf(client, query);
      done.push(name);
    };
    // The last one to come overtakes the others, who need no core for their sleep.
    const slow = Array.from({ length: 7 }, () => run('slow', 'SELECT sleep(3)'));
    await Promise.all([...slow, run('quick', 'SELECT 1')]);
    expect(done[0]).toBe('quick');
  });

  it('go on after clients that hang up', async () => {
    for (let i = 0; i < 30; i += 1) {
      const socket = connect(engine.port, '127.0.0.1');
      const sql = 'SELECT sleep(0.3)';
      socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${sql.length + (i % 2)}\r\n\r\n${sql}`);
      setTimeout(() => socket.destroy(), 50);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(
      await Promise.all(Array.from({ length: 20 }, (_, i) => rowsOf(client, `SELECT ${i} AS i`))),
    ).toEqual(Array.from({ length: 20 }, (_, i) => [{ i }]));
  });
});

describe('the default database', () => {
  it('holds versions, views with parameters, materialized views and what system tables tell of them', async () => {
    const run = async (query: string): Promise<unknown> => client.command({ query });
    await run(
      'CREATE TABLE jobs (k String, v Int32, ver UInt64, gone UInt8) ENGINE = ReplacingMergeTree(ver, gone) ORDER BY k',
    );
    await run('CREATE TABLE counts (k String, n UInt64) ENGINE = SummingMergeTree ORDER BY k');
    await run('CREATE MATERIALIZED VIEW counting TO counts AS SELECT k, toUInt64(1) AS n FROM default.jobs');
    await run('CREATE VIEW one_job AS SELECT * FROM default.jobs FINAL WHERE k = {key:String}');
    await run(
      "INSERT INTO default.jobs VALUES ('a', 1, 1, 0), ('a', 2, 2, 0), ('b', 1, 1, 0), ('b', 1, 2, 1)",
    );
    await run("ALTER TABLE jobs ADD COLUMN extra String DEFAULT 'x' COMMENT 'added later'");
    expect(await rowsOf(client, 'SELECT * FROM default.jobs FINAL')).toEqual([
      { k: 'a', v: 2, ver: 2, gone: 0, extra: 'x' },
    ]);
    expect(await rowsOf(client, "SELECT v FROM default.one_job(key = 'a')")).toEqual([{ v: 2 }]);
    expect(await rowsOf(client, 'SELECT k, sum(n) AS n FROM counts GROUP BY k ORDER BY k')).toEqual([
      { k: 'a', n: 2 },
      { k: 'b', n: 2 },
    ]);
    expect(
      await rowsOf(
        client,
        "SELECT engine, uuid != toUUIDOrZero('') AS has_uuid FROM system.tables WHERE name = 'jobs'",
      ),
    ).toEqual([{ engine: 'ReplacingMergeTree', has_uuid: 1 }]);
    expect(await rowsOf(client, "SELECT count() > 0 AS has FROM system.parts WHERE table = 'jobs'")).toEqual([
      { has: 1 },
    ]);
    const plan = await client.query({
      query: "EXPLAIN indexes = 1 SELECT * FROM jobs WHERE k = 'a'",
      format: 'TabSeparated',
    });
    expect(await plan.text()).toContain('PrimaryKey');
    expect(await rowsOf(client, "SELECT engine FROM system.databases WHERE name = 'default'")).toEqual([
      { engine: 'Atomic' },
    ]);
  });

  it('refreshes materialized views, which an Overlay refuses', async () => {
    await client.command({
      query:
        'CREATE MATERIALIZED VIEW refreshed REFRESH EVERY 1 HOUR ENGINE = MergeTree ORDER BY n AS SELECT 7 AS n',
    });
    await client.command({ query: 'SYSTEM WAIT VIEW refreshed' });
    expect(await rowsOf(client, 'SELECT n FROM refreshed')).toEqual([{ n: 7 }]);
  });

  it('does not serve files of the machine as tables', async () => {
    expect(await codeOf(client.query({ query: 'SELECT * FROM default.`/etc/hostname`' }))).toMatchObject({
      code: '60',
    });
  });
});

describe("clickhouse-go's way over HTTP", () => {
  // Written from clickhouse-go's lib/proto/block.go (Decode) and ch-go's reader, for the types used here.
  type Block = { columns: { name: string; type: string; values: (string | number)[] }[] };
  function decodeBlock(bytes: Buffer, revision: number): Block & { end: number } {
    let at = 0;
    const varint = (): number => {
      let value = 0;
      for (let shift = 0; ; shift += 7) {
        const byte = bytes.readUInt8(at++);
        value += (byte & 127) * 2 ** shift;
        if (byte < 128) return value;
      }
    };
    const text = (): string => {
      const length = varint();
      return bytes.toString('utf8', at, (at += length));
    };
    if (revision > 0) {
      expect([varint(), bytes.readUInt8(at++), varint()]).toEqual([1, 0, 2]);
      at += 4;
      expect(varint()).toBe(0);
    }
    const columnCount = varint();
    const rowCount = varint();
    const readers: Record<string, () => string | number> = {
      String: text,
      UInt8: () => bytes.readUInt8(at++),
      UInt32: () => bytes.readUInt32LE((at += 4) - 4),
      UInt64: () => Number(bytes.readBigUInt64LE((at += 8) - 8)),
    };
    const columns = Array.from({ length: columnCount }, () => {
      const name = text();
      const type = text();
      if (revision >= 54454) expect(bytes.readUInt8(at++)).toBe(0);
      const read = readers[type];
      if (read === undefined) throw new Error(`no reader for ${type}`);
      return { name, type, values: Array.from({ length: rowCount }, read) };
    });
    return { columns, end: at };
  }

  const options =
    'default_format=Native&client_protocol_version=54483&database=default&max_execution_time=60';
  async function nativeBytes(sql: string): Promise<Buffer> {
    const response = await fetch(`${url}/?${options}`, { method: 'POST', body: sql });
    expect(response.status).toBe(200);
    return Buffer.from(await response.arrayBuffer());
  }

  it('is told revision 0 by a hello in the revision it reads, and then reads every block', async () => {
    const hello = await nativeBytes('SELECT displayName(), version(), revision(), timezone()');
    const { columns, end } = decodeBlock(hello, 54483);
    expect(end).toBe(hello.length);
    expect(columns).toEqual([
      { name: 'displayName()', type: 'String', values: ['embedded'] },
      { name: 'version()', type: 'String', values: [expect.stringMatching(/^26\.7\./)] },
      { name: 'revision()', type: 'UInt32', values: [0] },
      { name: 'timezone()', type: 'String', values: ['UTC'] },
    ]);

    const bytes = await nativeBytes(
      "SELECT number AS n, concat('é', toString(number)) AS s, 7 AS c FROM numbers(150000)",
    );
    const numbers: (string | number)[] = [];
    for (let rest = bytes; rest.length > 0;) {
      const block = decodeBlock(rest, 0);
      expect(block.columns.map(({ name, type }) => [name, type])).toEqual([
        ['n', 'UInt64'],
        ['s', 'String'],
        ['c', 'UInt8'],
      ]);
      numbers.push(...(block.columns[0]?.values ?? []));
      rest = rest.subarray(block.end);
    }
    expect(numbers).toEqual(Array.from({ length: 150_000 }, (_, n) => n));
  });
});

describe('users', () => {
  const env = {
    CLICKHOUSE_PASSWORD: "p:a's\\s",
    CLICKHOUSE_READER_USER: 'grafana',
    CLICKHOUSE_READER_PASSWORD: 'view',
  };
  const basic = (user: string, password: string): object => ({
    Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
  });
  const password = encodeURIComponent(env.CLICKHOUSE_PASSWORD);
  let guarded: RunningEmbeddedClickHouse;
  beforeAll(async () => {
    guarded = await start(await temporaryDirectory(), env);
  });

  it.each([
    ['nothing', '/', {}],
    ['an empty password', '/', basic('default', '')],
    ['a wrong password', '/', basic('default', 'p')],
    ['a wrong user', '/', basic('root', env.CLICKHOUSE_PASSWORD)],
    ["the reader's password", '/', basic('default', 'view')],
    ['wrong parameters', '/?user=default&password=x', {}],
    ['wrong headers', '/', { 'X-ClickHouse-User': 'default', 'X-ClickHouse-Key': 'x' }],
    ['a token', '/', { Authorization: 'Bearer x' }],
  ])('are refused with %s', async (_, path, headers) => {
    const answer = await post(guarded.url, path, 'SELECT 1', headers);
    expect(answer).toMatchObject({
      status: 403,
      text: expect.stringContaining('(AUTHENTICATION_FAILED)') as string,
    });
    expect(answer.headers.get('x-clickhouse-exception-code')).toBe('516');
  });

  it.each([
    ['HTTP Basic', '/', basic('default', env.CLICKHOUSE_PASSWORD)],
    ['parameters', `/?user=default&password=${password}`, {}],
    ['parameters without a name', `/?password=${password}`, {}],
    ['headers', '/', { 'X-ClickHouse-User': 'default', 'X-ClickHouse-Key': env.CLICKHOUSE_PASSWORD }],
  ])('are let in by %s', async (_, path, headers) => {
    expect(await post(guarded.url, path, 'SELECT 1', headers)).toMatchObject({ status: 200, text: '1\n' });
  });

  it('need no password for a ping', async () => {
    expect((await get(guarded.url, '/ping')).text).toBe('Ok.\n');
  });

  it('that only read can not write, change tables, or unset that', async () => {
    const ask = async (sql: string, path = '/'): Promise<string> =>
      (await post(guarded.url, path, sql, basic('grafana', 'view'))).text;
    expect(await ask('SELECT 1', '/?max_execution_time=5')).toBe('1\n');
    expect(await ask('SELECT 1 SETTINGS max_threads = 1')).toBe('1\n');
    for (const sql of ['CREATE TABLE t (a Int32) ENGINE = MergeTree ORDER BY a', 'DROP DATABASE default']) {
      expect(await ask(sql)).toContain('(ACCESS_DENIED)');
    }
    expect(await ask('SET readonly = 0')).toContain('(READONLY)');
    expect(await ask('SELECT 1', '/?readonly=0')).toContain('(READONLY)');
    expect(await ask('SELECT 1 SETTINGS readonly = 0')).toContain('(READONLY)');
    for (const sql of [
      "SELECT * FROM file('/etc/hostname', 'LineAsString')",
      "SELECT * FROM `file` ('/etc/hostname', 'LineAsString')",
      "SELECT * FROM \"FILE\"('/etc/hostname', 'LineAsString')",
      "SELECT * FROM `\\x66ile`('/etc/hostname', 'LineAsString')",
      "SELECT file('/etc/hostname')",
      "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
      "SELECT * FROM remote('127.0.0.1:1', system.one)",
      'SELECT * FROM system.processes',
      'SELECT * FROM "system" . processes',
      'SELECT * FROM `sys\\x74em`.processes',
    ]) {
      expect(await ask(sql)).toContain('(ACCESS_DENIED)');
    }
    expect(await ask('SELECT * FROM processes', '/?database=system')).toContain('(ACCESS_DENIED)');
    expect(await ask('SELECT * FROM system.one')).toBe('0\n');
    expect(await ask("SELECT sum(number), 'file(' FROM numbers(3)")).toBe('3\tfile(\n');
    expect(await ask('SELECT 1; DROP DATABASE default')).toContain('(SYNTAX_ERROR)');
  });
});

describe('the process', () => {
  it('keeps every acknowledged row through rounds of kill -9', async () => {
    const dataDir = await temporaryDirectory();
    const acknowledged = new Set<number>();
    const sent = new Set<number>();
    let nextId = 0;
    for (let round = 0; round < 4; round += 1) {
      const running = await start(dataDir);
      const writer = createClient({
        url: running.url,
        request_timeout: 10_000,
        // The failures are what this is about.
        log: quiet,
      });
      if (round === 0) {
        await writer.command({ query: 'CREATE TABLE kept (id UInt32) ENGINE = MergeTree ORDER BY id' });
        await writer.command({ query: 'CREATE TABLE copied (id UInt32) ENGINE = MergeTree ORDER BY id' });
        await writer.command({ query: 'CREATE MATERIALIZED VIEW copying TO copied AS SELECT id FROM kept' });
      }
      let isAlive = true;
      const write = async (): Promise<void> => {
        while (isAlive) {
          const ids = Array.from({ length: 100 }, () => nextId++);
          for (const id of ids) sent.add(id);
          try {
            await writer.insert({ table: 'kept', values: ids.map((id) => ({ id })), format: 'JSONEachRow' });
            for (const id of ids) acknowledged.add(id);
          } catch {
            return;
          }
        }
      };
      const writers = [write(), write(), write()];
      await new Promise((resolve) => setTimeout(resolve, 300 + round * 150));
      await running.kill();
      isAlive = false;
      await Promise.all(writers);
      await writer.close();
    }
    const last = await start(dataDir);
    const reader = clientOf(last);
    for (const table of ['kept', 'copied']) {
      const found = (await rowsOf<{ id: number }>(reader, `SELECT id FROM ${table}`)).map(({ id }) => id);
      const present = new Set(found);
      expect(found.length).toBe(present.size);
      expect([...acknowledged].filter((id) => !present.has(id))).toEqual([]);
      expect(found.filter((id) => !sent.has(id))).toEqual([]);
    }
    expect(acknowledged.size).toBeGreaterThan(1000);
    // What the killed processes left in the spool is gone.
    expect(await readdir(join(dataDir, 'clickhouse-spool'))).toEqual([]);
    await last.kill();
  });

  it('lets a query in flight finish on SIGTERM, exits with 0, and has everything after a restart', async () => {
    const dataDir = await temporaryDirectory();
    const first = await start(dataDir);
    const writer = clientOf(first);
    await writer.command({ query: 'CREATE TABLE before (a Int32) ENGINE = MergeTree ORDER BY a' });
    await writer.command({ query: 'CREATE VIEW twice AS SELECT a * {by:Int32} AS b FROM before' });
    await writer.insert({ table: 'before', values: [{ a: 21 }], format: 'JSONEachRow' });
    const inFlight = rowsOf(writer, 'SELECT sleep(3) AS slept');
    let isAnswered = false;
    void inFlight.then(() => (isAnswered = true));
    const running = `SELECT 1 FROM system.processes WHERE query LIKE 'SELECT sleep(3)%'`;
    await eventually(async () => (await rowsOf(writer, running)).length > 0);
    const stopped = first.stop();
    await eventually(() =>
      fetch(`${first.url}/ping`).then(
        () => false,
        () => true,
      ),
    );
    expect(isAnswered).toBe(false);
    expect(await inFlight).toEqual([{ slept: 0 }]);
    expect(await stopped).toBe(0);

    const second = await start(dataDir);
    expect(await rowsOf(clientOf(second), 'SELECT b FROM default.twice(by = 2)')).toEqual([{ b: 42 }]);
    expect(await second.stop()).toBe(0);
  });

  it('starts again on a directory without tables, and with tables after that, however it ended', async () => {
    const dataDir = await temporaryDirectory();
    const tables: unknown[] = [];
    for (const [end, sql] of [
      ['stop', 'SELECT 1'],
      ['kill', 'SELECT 1'],
      ['stop', 'CREATE TABLE first (a Int32) ENGINE = MergeTree ORDER BY a'],
      ['kill', 'CREATE TABLE second (a Int32) ENGINE = MergeTree ORDER BY a'],
      ['stop', 'DROP TABLE first SYNC'],
      ['kill', 'DROP TABLE second SYNC'],
      ['stop', 'SELECT 1'],
    ] as const) {
      const running = await start(dataDir);
      const { text } = await post(running.url, '/', 'SHOW TABLES');
      tables.push(text);
      expect(await post(running.url, '/', sql)).toMatchObject({ status: 200 });
      await running[end]();
    }
    expect(tables).toEqual(['', '', '', 'first\n', 'first\nsecond\n', 'second\n', '']);
  });

  it('says in one line that its port or its directory is taken, and ends with 1', async () => {
    const dataDir = await temporaryDirectory();
    await expect(startEmbeddedClickHouse({ dataDir, port: engine.port })).rejects.toThrow(
      /ended with code 1:\nThe embedded ClickHouse could not start: its port is in use[^\n]*$/,
    );
    const holder = await start(dataDir);
    await expect(startEmbeddedClickHouse({ dataDir })).rejects.toThrow(
      /ended with code 1:\n[^]*The embedded ClickHouse could not start: its data directory is in use[^\n]*$/,
    );
    await holder.kill();
  });

  it('says which settings of its environment are bad', async () => {
    const dataDir = await temporaryDirectory();
    await expect(startEmbeddedClickHouse({ dataDir, env: { LOG_LEVEL: 'loud' } })).rejects.toThrow(
      /LOG_LEVEL/,
    );
  });

  it('listens on loopback only', async () => {
    const dataDir = await temporaryDirectory();
    const file = join(dataDir, 'not-a-directory');
    await writeFile(file, '');
    await expect(startEmbeddedClickHouse({ dataDir: file })).rejects.toThrow(/ended with code 1/);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });
});
