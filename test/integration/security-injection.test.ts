import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import pino from 'pino';
import { createApp } from '../../ingest/app';
import { createIngestMetrics } from '../../ingest/metrics';
import { listen, type HttpServer } from '../../runtime/http/server';
import { createResultStore } from '../../ingest/store';
import { ensureTable } from '../../ingest/table';
import { createSink } from '../../replicator/sink';
import { describeError } from '../../runtime/logger';
import { loadedTexts } from '../chaos/bad-input/values';
import { completed } from '../helpers/callbacks';
import {
  freshName,
  startClickHouse,
  startDynamo,
  type TestClickHouse,
  type TestDynamo,
} from '../helpers/engines';

const token = 'a-token-of-the-relay';

/** Texts that mean something to ClickHouse, a shell, a page, a chat, a terminal, a log. No control characters. */
const hostile = [
  // eslint-disable-next-line no-control-regex -- these are refused in names, see below
  ...loadedTexts.filter((text) => !/[\u0000-\u001f\u007f-\u009f]/.test(text) && text.isWellFormed()),
  "\\'; TRUNCATE TABLE oot_workflow_job; --",
  '{name:String} ${__data.fields} $__timeFilter(x) ${backend:raw}',
  '</script><script>fetch("https://127.0.0.1")</script>',
  '<svg/onload=alert(1)> &lt;b&gt; &#x3c;',
  '**bold** `code` | table | <https://127.0.0.1|link> <@U1> <!here>',
  '{"level":"fatal","msg":"forged"}',
  '%s %d %n %0a%0d\\r\\n\\u0000',
  '\u202e\u2066txt.exe\u2069 \u2028\u2029 \u{1f600}',
  'a\'b"c`d\\e\\',
];
/** And with them: these are kept where text is free, and refused where it becomes part of a key. */
const withControls = [
  'a\nb\r\n{"level":"fatal"}',
  '\u001b[2J\u001b]0;title\u0007',
  'nul\u0000byte',
  'tab\tbed',
];

let dynamo: TestDynamo;
let clickHouse: TestClickHouse;
let server: HttpServer;
const tableName = freshName('results');
const logLines: string[] = [];

beforeAll(async () => {
  [dynamo, clickHouse] = await Promise.all([startDynamo('dynoxide'), startClickHouse()]);
  await ensureTable(dynamo.client, tableName, { stream: false });
  const logger = pino(
    { level: 'debug', serializers: { err: describeError } },
    { write: (line: string) => void logLines.push(line) },
  );
  const store = createResultStore({ client: dynamo.client, tableName, now: Date.now });
  server = await listen(
    createApp({ store, tokens: [token], logger, metrics: createIngestMetrics() }),
    0,
    '127.0.0.1',
  );
});
afterAll(async () => {
  await server.drain();
  await Promise.all([dynamo.stop(), clickHouse.stop()]);
});

const post = (body: unknown) =>
  fetch(`http://127.0.0.1:${server.port}/api/crcr/results`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-hud-internal-bot': token },
    body: JSON.stringify(body),
  });

/** Everything in DynamoDB, through the replicator's own decoder and sink, into ClickHouse. */
async function replicate(): Promise<{ rows: number; quarantined: number }> {
  const { Items = [] } = await dynamo.client.send(new ScanCommand({ TableName: tableName }));
  const sink = createSink({ client: clickHouse.client, now: Date.now });
  return sink.write(
    Items.map((image) => ({ kind: 'put', image, sequenceNumber: '', changedAtMs: null })),
    'backfill',
  );
}

it('takes text as text: what was sent comes out of ClickHouse, byte for byte', async () => {
  const sent = [...hostile, ...withControls].map((text, index) => {
    const name = hostile.includes(text) ? text : 'plain';
    return {
      check_run_id: String(index),
      event_type: name.slice(0, 20),
      name,
      job_name: name,
      run_id: name,
      failed_tests: [{ name: text, message: text, stacktrace: text, [text.slice(0, 16)]: text }],
      environment: { [text]: text },
    };
  });
  for (const { event_type, ...workflow } of sent) {
    const response = await post(completed({ payload: { event_type, delivery_id: workflow.name }, workflow }));
    expect([workflow.name, response.status]).toEqual([workflow.name, 200]);
  }
  expect(await replicate()).toMatchObject({ rows: sent.length, quarantined: 0 });

  const rows = await clickHouse.rows<Record<string, string>>(
    `SELECT check_run_id, event_type, delivery_id, workflow_name AS name, job_name, run_id, failed_tests_json, environment, dynamoKey
     FROM oot_workflow_job FINAL ORDER BY toUInt32(check_run_id)`,
  );
  expect(
    rows.map(({ failed_tests_json, environment, ...row }) => ({
      ...row,
      failed_tests: JSON.parse(failed_tests_json ?? '') as unknown,
      environment: JSON.parse(environment ?? '') as unknown,
    })),
  ).toEqual(
    sent.map((workflow) => ({
      ...workflow,
      delivery_id: workflow.name,
      dynamoKey: `pytorch-labs/ascend-pytorch/${workflow.name}/${workflow.name}/${workflow.job_name}/${workflow.check_run_id}`,
    })),
  );
  // Nothing of it was run.
  expect(await clickHouse.rows('SELECT count() AS rows FROM oot_workflow_job FINAL')).toEqual([
    { rows: sent.length },
  ]);

  // And what people filter by finds it, bound as a parameter or quoted.
  for (const text of hostile) {
    const result = await clickHouse.client.query({
      query: 'SELECT toUInt32(count()) AS found FROM oot_jobs WHERE job_name = {job:String}',
      query_params: { job: text },
      format: 'JSONEachRow',
    });
    expect([text, await result.json<{ found: number }>()]).toEqual([text, [{ found: 1 }]]);
  }
});

it('refuses control characters in what becomes part of a key, and names the field', async () => {
  for (const text of withControls) {
    const response = await post(completed({ workflow: { job_name: text } }));
    expect([response.status, response.statusText]).toEqual([
      400,
      'workflow.job_name must not contain control characters',
    ]);
  }
});

it('logs one JSON object a line, with no word of a sender', () => {
  expect(logLines.length).toBeGreaterThan(hostile.length);
  for (const line of logLines) {
    expect(line.indexOf('\n')).toBe(line.length - 1);
    expect(Object.keys(JSON.parse(line) as object).toSorted()).toEqual(
      [
        'hostname',
        'level',
        'method',
        'ms',
        'msg',
        'pid',
        'reason',
        'requestId',
        'route',
        'status',
        'time',
      ].toSorted(),
    );
    for (const text of [...hostile, ...withControls]) expect(line).not.toContain(text);
    expect(line).not.toContain('forged');
  }
});

describe('links', () => {
  it.each([
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    ' javascript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'http://a.example/',
    '//a.example/',
    '/d/oot-summary',
    'https:a.example',
    'https://',
    'https://a.example/ onmouseover=alert(1)',
    'https://a.example/"><script>alert(1)</script>',
    "https://a.example/'onclick='alert(1)",
    'https://a.example/\\..\\x',
    'https://a.example/\njavascript:alert(1)',
    'https://a.example/\u0000',
  ])('%j is refused as a link, with the name of the field', async (url) => {
    for (const field of ['url', 'artifact_url']) {
      const response = await post(completed({ workflow: { check_run_id: 'link', [field]: url } }));
      expect([response.status, response.statusText]).toEqual([
        400,
        `workflow.${field} must be an https:// link`,
      ]);
    }
  });

  it('that another writer put into DynamoDB does not reach ClickHouse unless it is https', async () => {
    const item = (check_run_id: string, url: string) => ({
      ...{ dynamoKey: `x/${check_run_id}`, status: 'completed', conclusion: 'success', check_run_id },
      ...{ downstream_repo: 'a/b', workflow_name: 'w', job_name: 'j', delivery_id: 'd' },
      ...{ started_at: '2026-11-20T10:00:00Z', workflow_run_url: url, artifact_url: url },
    });
    const urls = ['javascript:alert(1)', 'http://a.example', 'https://a.example/"x', 'https://a.example/ok'];
    const sink = createSink({ client: clickHouse.client, now: Date.now });
    await sink.write(
      urls.map((url, index) => ({
        kind: 'put' as const,
        image: marshall(item(`foreign-${index}`, url)),
        sequenceNumber: '',
        changedAtMs: null,
      })),
      'stream',
    );
    const rows = await clickHouse.rows<{ workflow_run_url: string; artifact_url: string }>(
      `SELECT workflow_run_url, artifact_url FROM oot_workflow_job FINAL WHERE check_run_id LIKE 'foreign-%' ORDER BY check_run_id`,
    );
    expect(rows.map(({ workflow_run_url }) => workflow_run_url)).toEqual([
      '',
      '',
      '',
      'https://a.example/ok',
    ]);
    expect(rows.map(({ artifact_url }) => artifact_url)).toEqual(['', '', '', 'https://a.example/ok']);
  });
});
