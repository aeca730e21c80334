import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { claimPort } from '../../local/dynamodb/ports';
import { inProgress } from '../helpers/callbacks';
import { eventually } from '../helpers/engines';

/** `npm start` itself, as a person runs it, on dynoxide and ports of its own. */
describe('npm start', () => {
  let dataDir: string;
  let env: NodeJS.ProcessEnv;
  const started: ChildProcess[] = [];

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'oot-start-'));
    const [PORT, CLICKHOUSE_PORT, DYNAMODB_PORT, METRICS_PORT, API_PORT] = await Promise.all(
      [0, 0, 0, 0, 0].map(claimPort),
    );
    env = Object.fromEntries(
      Object.entries({
        PATH: process.env.PATH?.split(':')
          .filter((folder) => !existsSync(join(folder, 'grafana')))
          .join(':'),
        HOME: process.env.HOME,
        DATA_DIR: dataDir,
        PORT,
        CLICKHOUSE_PORT,
        DYNAMODB_PORT,
        METRICS_PORT,
        API_PORT,
        DYNAMODB_ENGINE: 'dynoxide',
        NO_COLOR: '1',
      }).map(([name, value]) => [name, String(value)]),
    );
  });
  afterAll(async () => {
    for (const child of started) {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    }
    await nothingLeft();
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  });

  function run(args: string[] = [], overrides: NodeJS.ProcessEnv = {}) {
    const child = spawn(process.execPath, ['--import', 'tsx', 'local/main.ts', ...args], {
      env: { ...env, ...overrides },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    started.push(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    const exited = once(child, 'close').then(([code]) => code as number | null);
    return {
      child,
      exited,
      output: () => output,
      ready: () =>
        eventually(async () => {
          if (child.exitCode !== null) throw new Error(output);
          return Promise.resolve(output.includes('Ctrl-C stops everything'));
        }, 60_000),
    };
  }

  const query = async (sql: string) =>
    (await fetch(`http://127.0.0.1:${env.CLICKHOUSE_PORT}/`, { method: 'POST', body: sql })).text();
  const token = async () => (await readFile(join(dataDir, 'relay-token'), 'utf8')).trim();
  const post = async (body: unknown) =>
    fetch(`http://127.0.0.1:${env.PORT}/api/oot/results`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-oot-relay-token': await token() },
      body: JSON.stringify(body),
    });
  /** Processes of this bundle, its engines included: each has the data directory or an engine's port in its environment. */
  const processes = () =>
    readdirSync('/proc').filter((pid) => {
      try {
        const environment = /^\d+$/.test(pid) ? readFileSync(`/proc/${pid}/environ`, 'utf8') : '';
        return (
          environment.includes(`DATA_DIR=${dataDir}\0`) ||
          environment.includes(`127.0.0.1:${env.DYNAMODB_PORT}\0`) ||
          environment.includes(`127.0.0.1:${env.CLICKHOUSE_PORT}\0`)
        );
      } catch {
        return false;
      }
    });
  const nothingLeft = () => eventually(() => Promise.resolve(processes().length === 0), 20_000);

  it('shows three weeks of history, takes a callback, stops clean, and has it all after a restart', async () => {
    const first = run();
    await first.ready();
    expect(first.output()).toMatch(/backend \(7 days\) +level +success +jobs/);
    expect(first.output()).toContain(await token());
    // The supervisor, two engines, ingest, the replicator, the API; and tsx's compiler, while its cache is cold.
    expect(processes().length).toBeGreaterThanOrEqual(6);
    const history = Number(await query('SELECT count() FROM oot_attempts'));
    expect(history).toBeGreaterThan(4_000);
    expect(await query('SELECT count() FROM oot_backends')).toBe('8\n');

    expect((await post(inProgress())).status).toBe(200);
    // By its delivery: at some times of the year the history has a PR of the same number.
    const { delivery_id } = inProgress().untrusted.callback_payload;
    const posted = `SELECT status FROM oot_jobs WHERE delivery_id = '${String(delivery_id)}'`;
    await eventually(async () => (await query(posted)) === 'in_progress\n');

    // What PR authors see of it, as the line it printed asks.
    const readToken = (await readFile(join(dataDir, 'read-token'), 'utf8')).trim();
    expect(first.output()).toContain(`-H 'Authorization: Bearer ${readToken}'`);
    const askApi = async (path: string, headers = {}) => {
      const answer = await fetch(`http://127.0.0.1:${env.API_PORT}/api/oot${path}`, { headers });
      return [answer.status, await answer.text()];
    };
    const bearer = { authorization: `Bearer ${readToken}` };
    expect(await askApi('/prs/pytorch/pytorch/179565?format=markdown', bearer)).toEqual([
      200,
      expect.stringContaining('0&#47;1 backends passed&#44; 1 running'),
    ]);
    expect((await askApi('/prs/pytorch/pytorch/179565'))[0]).toBe(401);
    expect(await askApi('/badge/pytorch-labs/ascend-pytorch.svg')).toEqual([
      200,
      expect.stringMatching(/^<svg .*OOT CI: (healthy|failing|unstable|broken) \d/),
    ]);

    const second = run();
    expect(await second.exited).toBe(1);
    expect(second.output()).toMatch(/in use by another npm start/);

    first.child.kill('SIGINT');
    expect(await first.exited).toBe(0);
    await nothingLeft();

    const again = run();
    await again.ready();
    expect(Number(await query('SELECT count() FROM oot_attempts'))).toBe(history + 1);
    again.child.kill('SIGTERM');
    expect(await again.exited).toBe(0);
  });

  it('says which part ended, and stops the others', async () => {
    const bundle = run();
    await bundle.ready();
    const metrics = await (await fetch(`http://127.0.0.1:${env.PORT}/metrics`)).text();
    expect(metrics).toContain('oot_ingest_requests_in_flight');
    const log = readFileSync(join(dataDir, 'logs', 'ingest.log'), 'utf8');
    expect(log).toContain('"msg":"listening"');
    const { pid } = JSON.parse(log.split('\n')[0] ?? '{}') as { pid: number };
    process.kill(pid, 'SIGKILL');
    expect(await bundle.exited).toBe(1);
    expect(bundle.output()).toMatch(/ingest ended: SIGKILL/);
    await nothingLeft();
  });

  it('leaves nothing running when it is killed itself', async () => {
    const bundle = run();
    await bundle.ready();
    bundle.child.kill('SIGKILL');
    await bundle.exited;
    await nothingLeft();
  });

  it('says which port is taken and which variable changes it', async () => {
    const taken = String(await claimPort(0));
    const { createServer } = await import('node:net');
    const server = createServer().listen(Number(taken), '127.0.0.1');
    await once(server, 'listening');
    const bundle = run([], { PORT: taken });
    expect(await bundle.exited).toBe(1);
    expect(bundle.output()).toContain(`port ${taken} is taken (EADDRINUSE); set PORT to another`);
    server.close();
  });

  it.each([
    [['--frsh'], {}, 2, "Unknown option '--frsh'"],
    [[], { PORT: 'x', DYNAMODB_ENGINE: 'mongo' }, 1, 'PORT'],
  ])('refuses %j %j with a clear line', async (args, overrides, code, text) => {
    const bundle = run(args, overrides);
    expect(await bundle.exited).toBe(code);
    expect(bundle.output()).toContain(text);
  });
});
