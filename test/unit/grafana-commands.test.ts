import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { smokeGrafana } from '../smoke/grafana';
import { pushedCount } from '../helpers/bundle-size';
import { startGrafanaImitation, type GrafanaImitation } from '../helpers/grafana-api';

const root = join(__dirname, '../..');
let grafana: GrafanaImitation;

beforeEach(async () => {
  grafana = await startGrafanaImitation();
  grafana.state.datasources.set('a-oot-clickhouse', { type: 'grafana-clickhouse-datasource' });
});
afterEach(() => grafana.close());

async function run(args: string[], env: Record<string, string>) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'dashboards/generate-main.ts', ...args], {
    cwd: root,
    env: { PATH: process.env.PATH, ...env },
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, out, err };
}

describe('npm run dashboards', () => {
  it('pushes with a user and a password, names a conflict, and removes', async () => {
    const env = { GRAFANA_URL: grafana.url, GRAFANA_USER: 'admin', GRAFANA_PASSWORD: 'basic-password' };
    const pushed = await run(['--push', '--prefix', 'a'], { ...env, OOT_ALERT_EMAILS: 'team@example.org' });
    expect(pushed).toMatchObject({ code: 0, err: '' });
    expect(pushed.out).toMatch(new RegExp(`${pushedCount} created, .*\n$`));
    expect(grafana.state.contactPoints.get('a-oot-ci')!.settings.addresses).toBe(';team@example.org');
    grafana.state.rules.get('a-oot-quarantine')!.provenance = 'file';
    const refused = await run(['--push'], { ...env, GRAFANA_PREFIX: 'a' });
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toMatch(/^Nothing was changed: .*\n {2}alert rule a-oot-quarantine .* from a file/);
    grafana.state.rules.get('a-oot-quarantine')!.provenance = 'api';
    const removed = await run(['--remove', '--yes', '--prefix', 'a'], env);
    expect(removed).toMatchObject({ code: 0, err: '' });
    expect(grafana.state.rules.size + grafana.state.dashboards.size).toBe(0);
  });

  it('says what Grafana answers, not the token', async () => {
    const { code, out, err } = await run(['--push'], {
      GRAFANA_URL: grafana.url,
      GRAFANA_TOKEN: 'wrong-token',
    });
    expect([code, out, err]).toEqual([1, '', 'GET /api/folders/oot: 401 Invalid API key\n']);
  });

  it.each([
    [['--remove'], '--remove needs --yes; with --dry-run it says what it would remove'],
    [['--prefix', 'a'], '--prefix needs --out, --push or --remove: what is committed has none'],
    [
      ['--check', '--datasource', 'a'],
      '--datasource needs --out, --push or --remove: what is committed has none',
    ],
    [['--push', '--remove'], "--push and --remove don't go together"],
    [['--dry-run'], '--dry-run needs --push or --remove'],
    [['--push', '--yes'], '--yes needs --remove'],
    [['--out', 'dashboards'], '--out has to be another directory than that of the committed files'],
    [['--push', '--prefix', ''], '--prefix is empty'],
  ])('refuses %j before it does anything', async (args, message) => {
    const { code, out, err } = await run(args, {
      GRAFANA_URL: grafana.url,
      GRAFANA_TOKEN: grafana.token,
    });
    expect([code, out, err.split('\n')[0]]).toEqual([2, '', message]);
    expect(grafana.asked).toEqual([]);
  });
});

describe('npm run test:grafana', () => {
  const smoke = () => {
    const connection = { url: grafana.url, authorization: `Bearer ${grafana.token}`, secrets: [] };
    return smokeGrafana(connection, 'x', () => undefined, 0);
  };

  it('holds for the imitation, and leaves nothing behind', async () => {
    const before = structuredClone(grafana.state);
    await smoke();
    expect(structuredClone(grafana.state)).toEqual(before);
  });

  it.each([
    ['a dashboard is not saved', 'POST /api/dashboards/db', 200],
    ['a template is not there afterwards', 'PUT /api/v1/provisioning/templates/smoke-b-x-oot', 202],
    ['a folder stays', 'DELETE /api/folders/smoke-b-x-oot', 200],
    ['policies can not be read', 'GET /api/v1/provisioning/policies', 500],
  ])('fails where %s', async (_name, call, status) => {
    grafana.overrides[call] = { status, body: {} };
    await expect(smoke()).rejects.toThrow();
  });
});
