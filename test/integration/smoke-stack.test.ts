import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllowlist } from '../../clickhouse/backends';
import { createClickHouse, type ClickHouseClient } from '../../clickhouse/client';
import { evaluateRule } from '../../dashboards/alerts/evaluate';
import { createGrafana } from '../../dashboards/push/client';
import { claimPort } from '../../local/dynamodb/ports';
import { dashboardCount, ruleCount } from '../helpers/bundle-size';
import { eventually } from '../helpers/engines';
import { expandMacros } from '../helpers/grafana';
import { startGrafanaImitation, type GrafanaImitation } from '../helpers/grafana-api';
import { imitateStack } from '../helpers/grafana-stack';
import { smokeStack } from '../smoke/stack';

/*
 * The smoke test of the compose stack on everything that can run here: ingest, DynamoDB, replicator and ClickHouse are
 * those of `npm start`, with the demo's history. Only Grafana is an imitation, which sends queries on to that ClickHouse.
 */
let dataDir: string;
let bundle: ChildProcess;
let clickHouse: ClickHouseClient;
let grafana: GrafanaImitation;
let ingestUrl: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'oot-smoke-'));
  const [PORT, CLICKHOUSE_PORT, DYNAMODB_PORT, METRICS_PORT, API_PORT] = await Promise.all(
    [0, 0, 0, 0, 0].map(claimPort),
  );
  const PATH = process.env.PATH?.split(':').filter((folder) => !existsSync(join(folder, 'grafana')));
  const ports = { PORT, CLICKHOUSE_PORT, DYNAMODB_PORT, METRICS_PORT, API_PORT };
  bundle = spawn(process.execPath, ['--import', 'tsx', 'local/main.ts'], {
    env: {
      PATH: PATH?.join(':'),
      HOME: process.env.HOME,
      DATA_DIR: dataDir,
      DYNAMODB_ENGINE: 'dynoxide',
      NO_COLOR: '1',
      ...Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)])),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  bundle.stdout!.setEncoding('utf8').on('data', (text: string) => (output += text));
  await eventually(() => Promise.resolve(output.includes('Ctrl-C stops everything')), 60_000);
  ingestUrl = `http://127.0.0.1:${PORT}`;
  clickHouse = createClickHouse({
    CLICKHOUSE_URL: `http://127.0.0.1:${CLICKHOUSE_PORT}`,
    CLICKHOUSE_USER: 'default',
    CLICKHOUSE_PASSWORD: '',
    CLICKHOUSE_DATABASE: 'default',
    CLICKHOUSE_CLUSTER: undefined,
  });
  grafana = await startGrafanaImitation();
  imitateStack(grafana, {
    ask: async (rawSql, range) => {
      const query = expandMacros(rawSql, range);
      const result = await clickHouse.query({ query, format: 'JSONCompact' });
      const { meta = [], data } = await result.json<unknown[]>();
      return meta.map((_, column) => data.map((row) => row[column]));
    },
    evaluate: (rule, atMs) => evaluateRule(clickHouse, rule, { atMs, isPast: false }),
  });
});

afterAll(async () => {
  await grafana.close();
  await clickHouse.close();
  bundle.kill('SIGTERM');
  if (bundle.exitCode === null) await once(bundle, 'close');
  await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
});

it('holds for the bundle with the demo: every query, every rule, and callbacks that bring an alert to firing', async () => {
  const lines: string[] = [];
  const connection = { url: grafana.url, authorization: `Bearer ${grafana.token}`, secrets: [] };
  const token = (await readFile(join(dataDir, 'relay-token'), 'utf8')).trim();
  const allowlist = parseAllowlist(await readFile(join(__dirname, '../../local/demo/allowlist.yml'), 'utf8'));
  const subject = allowlist.find(({ repo }) => repo === 'novaforge-ai/torch-novaforge')!;
  const stack = {
    grafana: createGrafana(connection),
    ingest: { url: ingestUrl, token },
    say: (line: string) => lines.push(line),
    pollMs: 100,
    // The imitation's minutes pass with each look.
    timeoutsMs: { data: 20_000, evaluated: 20_000, firing: 60_000 },
  };
  await smokeStack(stack, subject);
  // How long panels had to wait for the callbacks to come through is the machine's matter.
  const isProgress = (line: string) => /^---|without data yet/.test(line);
  expect(lines.filter((line) => !isProgress(line))).toEqual([
    'Grafana 12.2.1 is well, and reaches ClickHouse',
    `${dashboardCount} dashboards, ${ruleCount} alert rules`,
    '5 failed jobs of novaforge-ai/torch-novaforge sent; it has to fire within some minutes',
    expect.stringMatching(/^\d+ queries answered, and what should have data has some$/),
    expect.stringMatching(
      /^it fires \d+ s after the callbacks: novaforge-ai\/torch-novaforge \(L2, oncall: demo-nova-petrik\): its newest \d+ counted jobs all failed; 5 in a row are too many\.$/,
    ),
    `${ruleCount} of ${ruleCount} alert rules were evaluated, none with an error`,
  ]);
  // A second run on the same stack can't tell what its callbacks do.
  await expect(smokeStack(stack, subject)).rejects.toThrow(/is Alerting already, .* start the stack anew/);
});
