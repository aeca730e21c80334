import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { claimPort } from '../../local/dynamodb/ports';
import { findGrafana, startGrafana, type GrafanaOptions } from '../../local/grafana';
import { createSupervisor } from '../../local/supervisor';

/** A stand-in for Grafana's executable: writes down how it was called, and answers as it does. */
const standIn = `#!${process.execPath}
const { writeFileSync } = require('node:fs');
const { env } = process;
const told = env.GF_PATHS_DATA + '/called.json';
writeFileSync(told, JSON.stringify({ argv: process.argv.slice(2), cwd: process.cwd(), env }));
if (env.GF_TEST === 'dies') { console.error('no'); process.exit(3); }
if (env.GF_TEST !== 'silent') {
  require('node:http')
    .createServer((request, response) => {
      response.statusCode = request.url === '/api/health' ? 200 : 404;
      response.end('{}');
    })
    .listen(Number(env.GF_SERVER_HTTP_PORT), env.GF_SERVER_HTTP_ADDR);
} else setInterval(() => undefined, 1000);
`;

type Called = { argv: string[]; cwd: string; env: Record<string, string> };

let directory: string;
let home: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'oot-grafana-'));
  home = join(directory, 'home');
  await mkdir(join(home, 'bin'), { recursive: true });
  await mkdir(join(home, 'conf'));
  await writeFile(join(home, 'conf', 'defaults.ini'), '');
  await makeExecutable(join(home, 'bin', 'grafana'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function makeExecutable(file: string): Promise<void> {
  await writeFile(file, standIn);
  await chmod(file, 0o755);
}

async function optionsFor(overrides: Partial<GrafanaOptions> = {}): Promise<GrafanaOptions> {
  const grafana = findGrafana({ GRAFANA_HOME: home });
  if (!grafana.ok) throw new Error(grafana.reason);
  return {
    grafana,
    port: await claimPort(0),
    dataDir: join(directory, 'data', 'grafana'),
    logFile: join(directory, 'data', 'logs', 'grafana.log'),
    clickHouse: { url: 'http://127.0.0.1:8123', user: 'grafana', password: 'p$word', database: 'default' },
    adminPassword: 'admin-secret',
    env: { PATH: process.env.PATH, OOT_RELAY_TOKENS: 'secret', AWS_SECRET_ACCESS_KEY: 'secret' },
    timeoutMs: 10_000,
    ...overrides,
  };
}

const called = async ({ dataDir }: GrafanaOptions) =>
  JSON.parse(await readFile(join(dataDir, 'called.json'), 'utf8')) as Called;

describe('findGrafana', () => {
  it('takes GRAFANA_HOME before the PATH', async () => {
    const other = join(directory, 'other');
    await mkdir(other);
    await makeExecutable(join(other, 'grafana'));
    expect(findGrafana({ GRAFANA_HOME: home, PATH: other })).toEqual({
      ok: true,
      file: join(home, 'bin', 'grafana'),
      args: ['server'],
      home,
    });
  });

  it('follows a link on the PATH to its home', async () => {
    const bin = join(directory, 'linked');
    await mkdir(bin);
    await symlink(join(home, 'bin', 'grafana'), join(bin, 'grafana'));
    expect(findGrafana({ PATH: `/nonexistent:${bin}` })).toEqual({
      ok: true,
      file: join(bin, 'grafana'),
      args: ['server'],
      home,
    });
  });

  it('knows the older name, which takes no command', async () => {
    await rm(join(home, 'bin', 'grafana'));
    await makeExecutable(join(home, 'bin', 'grafana-server'));
    expect(findGrafana({ PATH: join(home, 'bin') })).toMatchObject({
      ok: true,
      file: join(home, 'bin', 'grafana-server'),
      args: [],
    });
  });

  it('says what is missing in one line', async () => {
    expect(findGrafana({ GRAFANA_HOME: '/nonexistent' })).toEqual({
      ok: false,
      reason: 'GRAFANA_HOME is /nonexistent, where there is no bin/grafana',
    });
    expect(findGrafana({ PATH: directory })).toEqual({
      ok: false,
      reason: expect.stringMatching(/^Grafana is not here: .*GRAFANA_HOME.*PATH$/) as string,
    });
    await rm(join(home, 'conf'), { recursive: true });
    // Only where no package has put one into /usr/share.
    expect(findGrafana({ PATH: join(home, 'bin') })).toEqual({
      ok: false,
      reason: `${join(home, 'bin', 'grafana')} is there, but not its conf/defaults.ini: set GRAFANA_HOME`,
    });
  });
});

describe('startGrafana', () => {
  it('gives it our data source and dashboards, on loopback, and stops with the rest', async () => {
    const options = await optionsFor();
    const supervisor = createSupervisor();
    const part = await supervisor.add(startGrafana(options));
    try {
      expect(part.url).toBe(`http://127.0.0.1:${options.port}`);
      expect((await fetch(`${part.url}/api/health`)).status).toBe(200);
      const { argv, cwd, env } = await called(options);
      expect(argv).toEqual(['server', '--homepath', home]);
      expect(cwd).toBe(home);
      const repository = resolve(__dirname, '../..');
      expect(env).toMatchObject({
        GF_SERVER_HTTP_ADDR: '127.0.0.1',
        GF_SERVER_HTTP_PORT: String(options.port),
        GF_AUTH_ANONYMOUS_ENABLED: 'true',
        GF_AUTH_ANONYMOUS_ORG_ROLE: 'Viewer',
        GF_SECURITY_ADMIN_PASSWORD: 'admin-secret',
        GF_PATHS_DATA: options.dataDir,
        GF_PATHS_PROVISIONING: join(repository, 'dashboards/provisioning'),
        GF_PATHS_PLUGINS: join(options.dataDir, 'plugins'),
        GF_PLUGINS_PREINSTALL: 'grafana-clickhouse-datasource@4.20.0',
        OOT_DASHBOARDS_PATH: join(repository, 'dashboards/generated'),
        OOT_CLICKHOUSE_HOST: '127.0.0.1',
        OOT_CLICKHOUSE_PORT: '8123',
        OOT_CLICKHOUSE_PROTOCOL: 'http',
        OOT_CLICKHOUSE_SECURE: 'false',
        OOT_CLICKHOUSE_DATABASE: 'default',
        OOT_CLICKHOUSE_USER: 'grafana',
        OOT_CLICKHOUSE_PASSWORD: 'p$word',
      });
      expect(Object.values(env)).not.toContain('secret');
    } finally {
      await supervisor.stop();
    }
    expect(await part.exited).toEqual({ why: `SIGTERM (log: ${options.logFile})` });
    await expect(fetch(`${part.url}/api/health`)).rejects.toThrow();
  });

  it('keeps the plugins of GF_PATHS_PLUGINS, downloads none, and passes other GF_ settings on', async () => {
    const options = await optionsFor({
      env: { PATH: process.env.PATH, GF_PATHS_PLUGINS: '/plugins', GF_LOG_LEVEL: 'debug' },
      clickHouse: { url: 'https://ch.example', user: 'u', password: '', database: 'oot' },
    });
    const part = await startGrafana(options);
    await part.stop();
    const { env } = await called(options);
    expect(env).toMatchObject({ GF_PATHS_PLUGINS: '/plugins', GF_LOG_LEVEL: 'debug' });
    expect(env).not.toHaveProperty('GF_PLUGINS_PREINSTALL');
    expect(env).toMatchObject({
      OOT_CLICKHOUSE_HOST: 'ch.example',
      OOT_CLICKHOUSE_PORT: '443',
      OOT_CLICKHOUSE_SECURE: 'true',
    });
  });

  it.each([
    ['ends by itself', 'dies', /^Grafana did not start: exit code 3 \(log: .*grafana\.log\)$/],
    ['never answers', 'silent', /^Grafana did not answer in time \(log: .*grafana\.log\)$/],
  ])('says so when it %s', async (_name, GF_TEST, message) => {
    const options = await optionsFor({ env: { PATH: process.env.PATH, GF_TEST }, timeoutMs: 1_500 });
    await expect(startGrafana(options)).rejects.toThrow(message);
  });

  it('says which variable changes a port that is taken', async () => {
    const first = await optionsFor();
    const part = await startGrafana(first);
    await expect(startGrafana(await optionsFor({ port: first.port }))).rejects.toThrow(
      `port ${first.port} is taken (EADDRINUSE); set GRAFANA_PORT to another`,
    );
    await part.stop();
  });
});
