import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { reader, startApi, type TestApi } from '../helpers/api';
import { loadDemo } from '../helpers/demo';
import { startClickHouse, type TestClickHouse } from '../helpers/engines';
import { allValue, expandQuery, panelsOf, type DashboardJson } from '../helpers/grafana';

let clickHouse: TestClickHouse;
let api: TestApi;

beforeAll(async () => {
  clickHouse = await startClickHouse(reader);
  await loadDemo(clickHouse.client, { endMs: Date.now(), source: 'backfill' });
  api = await startApi(clickHouse.url);
});
afterAll(async () => {
  await api.stop();
  await clickHouse.stop();
});

/** A panel of the dashboard of a backend as it is committed, asked as Grafana asks it when the page opens. */
const dashboard = JSON.parse(
  readFileSync(join(__dirname, '../../dashboards/generated/oot-backend.json'), 'utf8'),
) as DashboardJson;
async function panelValue(title: string, backend: string): Promise<unknown> {
  const rawSql = panelsOf(dashboard).find((panel) => panel.title === title)?.targets?.[0]?.rawSql;
  if (rawSql === undefined) throw new Error(`no panel ${title}`);
  const variables = { backend, workflow: allValue, job: allValue, event_type: allValue, outcome: allValue };
  const toMs = Date.now();
  const [row] = await clickHouse.rows<Record<string, unknown>>(
    expandQuery(rawSql, { fromMs: toMs - 7 * 86_400_000, toMs, variables }),
  );
  return row && Object.values(row)[0];
}

const textOf = (svg: string) => /<title>OOT CI: (.*)<\/title>/.exec(svg)?.[1];

it('says of every backend what the panels of its dashboard say', async () => {
  const backends = await clickHouse.rows<{ repo: string }>('SELECT repo FROM oot_backends');
  expect(backends).toHaveLength(8);
  const texts: string[] = [];
  for (const { repo } of backends) {
    const rate = (await panelValue('Success rate', repo)) as number | null;
    const state = (await panelValue('State', repo)) as string;
    const { status, text } = await api.get(`/api/oot/badge/${repo}.svg`);
    expect([repo, status, textOf(text)]).toEqual([
      repo,
      200,
      rate === null ? state : `${state} ${(rate * 100).toFixed(1)} %`,
    ]);
    texts.push(state);
  }
  // Or it would say the same of everybody.
  expect(new Set(texts).size).toBeGreaterThan(2);
});

it('is a picture that GitHub shows and keeps for a while', async () => {
  const { status, headers, text } = await api.get('/api/oot/badge/pytorch-labs/ascend-pytorch.svg');
  expect(status).toBe(200);
  expect(text).toMatch(/^<svg /);
  expect(Object.fromEntries(headers)).toMatchObject({
    'content-type': 'image/svg+xml; charset=utf-8',
    'cache-control': 'public, max-age=300',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    'cross-origin-resource-policy': 'cross-origin',
  });
  const again = await api.get('/api/oot/badge/pytorch-labs/ascend-pytorch.svg', {
    'if-none-match': headers.get('etag') ?? '',
  });
  expect([again.status, again.text]).toEqual([304, '']);
});

it.each(['nobody/nothing', 'pytorch-labs/ascend-pytorch.svg', 'a/b.c.d'])(
  'is grey, with status 200, for the backend %s that is not registered, and soon asked again',
  async (backend) => {
    const { status, headers, text } = await api.get(`/api/oot/badge/${backend}.svg`);
    expect([status, textOf(text)]).toEqual([200, 'unknown']);
    expect(text).toContain('fill="#9f9f9f"');
    expect(headers.get('cache-control')).toBe('public, max-age=60');
  },
);

it('has the label that is asked for, and takes what image proxies add', async () => {
  const path = '/api/oot/badge/pytorch-labs/ascend-pytorch.svg';
  const { text } = await api.get(`${path}?label=${encodeURIComponent('<b> Ascend & "co"')}&v=2&v=3`);
  expect(text).toContain('aria-label="&lt;b&gt; Ascend &amp; &quot;co&quot;: ');
  expect((await api.get(path, {}, 'DELETE')).status).toBe(405);
  expect((await api.get('/api/oot/badge/pytorch-labs/ascend-pytorch')).status).toBe(404);
});
