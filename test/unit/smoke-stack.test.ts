import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { allRules } from '../../dashboards/alerts/all';
import type { Evaluation } from '../../dashboards/alerts/evaluate';
import type { AlertRule } from '../../dashboards/alerts/rule';
import { generatedFiles } from '../../dashboards/generated-files';
import { createGrafana } from '../../dashboards/push/client';
import { commitShasSql } from '../../dashboards/queries/commit';
import { alertTimeoutsMs, type Subject } from '../smoke/alert';
import { mayBeEmpty } from '../smoke/panels';
import { smokeStack } from '../smoke/stack';
import { ruleCount } from '../helpers/bundle-size';
import { recordOf, type WireCallback } from '../helpers/callbacks';
import { annotationQueries, expandMacros, panelsOf, type DashboardJson } from '../helpers/grafana';
import { startGrafanaImitation, type GrafanaImitation } from '../helpers/grafana-api';
import { imitateStack, type StackImitation } from '../helpers/grafana-stack';

/* What the smoke test makes of each answer, on an imitation; that it holds for what is real is in integration/. */

const subject: Subject = { repo: 'org/repo', level: 'L3', oncalls: ['one', 'two'] };
const labels = { backend: 'org/repo', level: 'L3', severity: 'warning', oncall: 'one, two' };
const token = 'a-token-of-the-relay';
const dashboards = generatedFiles()
  .filter(({ path }) => path.startsWith('generated/'))
  .map((file) => JSON.parse(file.text) as DashboardJson);

let grafana: GrafanaImitation;
let ingest: Server;
let ingestStatus: number;
let received: { token: unknown; body: WireCallback }[];
let lines: string[];

beforeEach(async () => {
  grafana = await startGrafanaImitation();
  [ingestStatus, received, lines] = [200, [], []];
  ingest = createServer((request, response) => {
    void text(request).then((body) => {
      received.push({
        token: request.headers['x-hud-internal-bot'],
        body: JSON.parse(body) as WireCallback,
      });
      response.writeHead(ingestStatus).end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(ingest, 'listening');
});
afterEach(async () => {
  await grafana.close();
  ingest.closeAllConnections();
  ingest.close();
});

/** The subject is well until five callbacks came. */
const evaluateWith =
  (own: Record<string, string> = labels) =>
  (rule: AlertRule, atMs: number): Promise<Evaluation> =>
    Promise.resolve({
      atMs,
      instances:
        rule.name === 'OotBackendBroken'
          ? [{ labels: own, value: received.length, limit: 5, isBreaching: received.length >= 5 }]
          : [{ labels: {}, value: 0, limit: 1, isBreaching: false }],
    });

async function smoke(
  imitation: Partial<StackImitation> = {},
  change: () => void = () => undefined,
  dataTimeoutMs = 1_000,
): Promise<void> {
  imitateStack(grafana, {
    ask: () => Promise.resolve([['a row']]),
    evaluate: evaluateWith(),
    ...imitation,
  });
  change();
  await smokeStack(
    {
      grafana: createGrafana({
        url: grafana.url,
        authorization: `Bearer ${grafana.token}`,
        secrets: [],
      }),
      ingest: { url: `http://127.0.0.1:${(ingest.address() as AddressInfo).port}/`, token },
      say: (line) => lines.push(line),
      pollMs: 1,
      timeoutsMs: { data: dataTimeoutMs, evaluated: 100, firing: 2_000 },
    },
    subject,
  );
}

describe('npm run test:smoke', () => {
  it('asks every query of every panel and annotation as the front end would, and changes nothing', async () => {
    const asked = new Set<string>();
    await smoke({
      ask: (rawSql, range) => {
        // Throws where a variable, or an unknown macro, is left.
        expandMacros(rawSql, range);
        expect(range.toMs - range.fromMs).toBe(7 * 86_400_000);
        asked.add(rawSql);
        return Promise.resolve([['a row']]);
      },
    });
    const queries = dashboards.flatMap((dashboard) => [
      ...panelsOf(dashboard).flatMap(({ targets = [] }) => targets),
      ...annotationQueries(dashboard),
    ]);
    expect(queries.length).toBeGreaterThan(60);
    expect(lines).toContain(`--- ${queries.length} queries of panels and annotations`);
    expect(asked.size).toBeGreaterThan(60);
    expect(grafana.changes.filter((call) => call !== 'POST /api/ds/query')).toEqual([]);
  });

  it('sends as many failed jobs as the rule asks for, such as ingest takes, and sees the alert', async () => {
    await smoke();
    expect(received.map((one) => one.token)).toEqual(Array<string>(5).fill(token));
    const records = received.map(({ body }) => recordOf(body));
    expect(records.map(({ state, fields }) => [state, fields.conclusion, fields.downstream_repo])).toEqual(
      Array(5).fill(['reported', 'failure', 'org/repo']),
    );
    expect(new Set(records.map(({ dynamoKey }) => dynamoKey)).size).toBe(5);
    expect(new Set(records.map(({ fields }) => fields.job_name)).size).toBe(5);
    expect(lines.at(-3)).toMatch(
      /^it fires \d+ s after the callbacks: org\/repo \(L3, oncall: one, two\): its newest 5/,
    );
    expect(lines.at(-1)).toBe(`${ruleCount} of ${ruleCount} alert rules were evaluated, none with an error`);
  });

  it('waits for data that comes late', async () => {
    // Not before every page has been asked with every choice.
    let asked = 0;
    await smoke({ ask: () => Promise.resolve(asked++ > 500 ? [['a row']] : []) }, undefined, 30_000);
    expect(lines).toEqual(
      expect.arrayContaining([expect.stringMatching(/^\d+ without data yet, among them oot-\S+: /)]),
    );
  });

  it('asks of each commit in turn, until one has what a panel shows', async () => {
    const shas = Array.from('0123456789', (digit) => digit.repeat(40));
    // As far as its first variable.
    const isList = (rawSql: string) => rawSql.startsWith(commitShasSql.split('$')[0]!);
    const isFailedTests = (rawSql: string) =>
      rawSql.includes('oot_commit_day') && rawSql.includes('failed_tests_cut');
    await smoke({
      ask: (rawSql) => {
        if (isList(rawSql)) return Promise.resolve([shas]);
        return Promise.resolve(isFailedTests(rawSql) && !rawSql.includes(shas[7]!) ? [] : [['a row']]);
      },
    });
    expect(lines).toContainEqual(expect.stringMatching(/^\d+ queries answered/));
    expect(lines).not.toContainEqual(expect.stringMatching(/without data yet/));
  });

  it('waits for the rule at least as long as the rule itself', () => {
    const { for: wait } = allRules().find(({ name }) => name === 'OotBackendBroken')!;
    expect(wait).toBe('5m');
    expect(alertTimeoutsMs(0)).toEqual({ evaluated: 120_000, firing: 420_000 });
  });

  it('allows only panels that exist to be empty', () => {
    const known = dashboards.flatMap((dashboard) =>
      panelsOf(dashboard).map(({ title }) => `${dashboard.uid}: ${title}`),
    );
    expect(Object.keys(mayBeEmpty).filter((name) => !known.includes(name))).toEqual([]);
  });

  const uid = '/api/datasources/uid/oot-clickhouse/health';
  const alertmanager = '/api/alertmanager/grafana/api/v2/alerts';
  const refused = (): Promise<never> => Promise.reject(new Error('code: 47, Unknown identifier'));
  const missing = (uidOfDashboard: string) => () => void grafana.state.dashboards.delete(uidOfDashboard);
  const answers = (call: string, status: number, body: unknown) => () =>
    void (grafana.overrides[call] = { status, body });
  const alert = (over: object) => [
    {
      labels: { ...labels, alertname: 'OotBackendBroken', grafana_folder: 'OOT CI alerts' },
      annotations: {
        summary: 'Nothing of what a backend ran last ended as expected.',
        description: 'org/repo: 5',
      },
      receivers: [{ name: 'OOT CI' }],
      ...over,
    },
  ];

  it('takes the alert that it is compared with below', async () => {
    await smoke({}, answers(`GET ${alertmanager}`, 200, alert({})));
  });

  it.each<[string, Partial<StackImitation>, () => void, RegExp]>([
    [
      'the database is not well',
      {},
      answers('GET /api/health', 200, { database: 'failing' }),
      /database is not well/,
    ],
    [
      'ClickHouse does not take the user',
      {},
      answers(`GET ${uid}`, 400, { status: 'ERROR', message: 'Authentication failed' }),
      /health: 400 Authentication failed/,
    ],
    [
      'the data source is not there',
      {},
      answers(`GET ${uid}`, 404, {}),
      /data source oot-clickhouse is not there/,
    ],
    ['a dashboard is not there', {}, missing('oot-nightly'), /dashboard oot-nightly is not there/],
    [
      'a dashboard was made by hand',
      {},
      () => void (grafana.state.dashboards.get('oot-pr')!.provisioned = false),
      /oot-pr does not come from a file/,
    ],
    [
      'a rule is not there',
      {},
      answers('GET /api/prometheus/grafana/api/v1/rules', 200, { data: { groups: [] } }),
      /alert rules are not those of the bundle/,
    ],
    [
      'a rule can not be evaluated',
      { brokenRules: { OotQuarantine: 'no such table' } },
      () => undefined,
      /OotQuarantine: no such table/,
    ],
    [
      'a query is refused',
      { ask: (rawSql) => (rawSql.includes('oot_quarantine') ? refused() : Promise.resolve([['a row']])) },
      () => undefined,
      /queries fail:\noot-pipeline: .*400 .*Unknown identifier/,
    ],
    [
      'a panel has no data',
      { ask: (rawSql) => Promise.resolve(rawSql.includes('median_seconds') ? [[], []] : [['a row']]) },
      () => undefined,
      /panels without data after 1 s:\noot-/,
    ],
    [
      'the backend is not registered',
      { evaluate: evaluateWith({}) },
      () => undefined,
      /no instance for org\/repo/,
    ],
    [
      'the backend is broken before',
      {},
      () => void received.push(...Array<never>(5)),
      /org\/repo is Pending already, .* start the stack anew/,
    ],
    ['ingest refuses the token', {}, () => void (ingestStatus = 401), /refuses the token/],
    ['ingest refuses a callback', {}, () => void (ingestStatus = 400), /answer to callback 1/],
    [
      'no alert comes',
      {},
      answers(`GET ${alertmanager}`, 200, []),
      /did not fire: the rule says Pending \(waited 2 s\)/,
    ],
    [
      'the alert has another label',
      {},
      answers(`GET ${alertmanager}`, 200, alert({ labels: { ...alert({})[0]!.labels, oncall: 'nobody' } })),
      /labels of the alert/,
    ],
    [
      'the alert tells somebody else',
      {},
      answers(`GET ${alertmanager}`, 200, alert({ receivers: [{ name: 'grafana-default-email' }] })),
      /whom the alert tells/,
    ],
    [
      'a template is not filled in',
      {},
      answers(
        `GET ${alertmanager}`,
        200,
        alert({
          annotations: { ...alert({})[0]!.annotations, description: 'org/repo: {{ $labels.level }}' },
        }),
      ),
      /is not filled in/,
    ],
  ])('fails where %s', async (_name, imitation, change, message) => {
    await expect(smoke(imitation, change)).rejects.toThrow(message);
  });
});
