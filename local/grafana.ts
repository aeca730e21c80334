import { spawn } from 'node:child_process';
import { accessSync, closeSync, constants, existsSync, mkdirSync, openSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { config as dashboards } from '../dashboards/config';
import { sleep } from '../runtime/retry';
import { claimPort, PortUnavailableError } from './dynamodb/ports';
import { endProcess } from './node-part';
import type { Part } from './supervisor';

/** A Grafana on this machine; `args` come before all others. */
export type FoundGrafana = { ok: true; file: string; args: string[]; home: string };

/** Who reads ClickHouse for Grafana. */
export type Reader = { user: string; password: string };

export type GrafanaOptions = {
  grafana: FoundGrafana;
  port: number;
  /** Its database and, unless `GF_PATHS_PLUGINS` says otherwise, its plugins. */
  dataDir: string;
  logFile: string;
  clickHouse: Reader & { url: string; database: string };
  adminPassword: string;
  /** Of this process; of it Grafana gets what every process needs, proxies, and what is called GF_. */
  env: NodeJS.ProcessEnv;
  /** For the migration of its database, at a first start. */
  timeoutMs?: number;
};

/** Grafana isn't there, or did not start. `message` says why, and where to look. */
export class GrafanaError extends Error {
  override readonly name = 'GrafanaError';
  readonly code = 'GRAFANA';
}

const repository = resolve(__dirname, '..');
const oldest = '11.6';
const inherited = /^(PATH|HOME|TMPDIR|LANG|TZ|SSL_CERT_FILE|SSL_CERT_DIR|GF_.*|(HTTPS?|NO)_PROXY)$/i;

/** How to get one, in a line. */
export const howToGetGrafana = `Grafana is not here: unpack ${oldest} or newer from https://grafana.com/grafana/download and set GRAFANA_HOME, or put grafana on the PATH`;

/** Looks in `GRAFANA_HOME`, then for `grafana` or the older `grafana-server` on the PATH. */
export function findGrafana(env: NodeJS.ProcessEnv): FoundGrafana | { ok: false; reason: string } {
  const given = env.GRAFANA_HOME?.trim();
  if (given) {
    const found = executableIn(join(given, 'bin'));
    return found
      ? { ok: true, ...found, home: resolve(given) }
      : { ok: false, reason: `GRAFANA_HOME is ${given}, where there is no bin/grafana` };
  }
  for (const directory of (env.PATH ?? '').split(delimiter).filter((path) => path !== '')) {
    const found = executableIn(directory);
    if (!found) continue;
    const home = homeOf(found.file);
    return home
      ? { ok: true, ...found, home }
      : { ok: false, reason: `${found.file} is there, but not its conf/defaults.ini: set GRAFANA_HOME` };
  }
  return { ok: false, reason: howToGetGrafana };
}

function executableIn(directory: string): { file: string; args: string[] } | undefined {
  for (const [name, args] of [
    ['grafana', ['server']],
    ['grafana-server', []],
  ] as const) {
    const file = join(directory, name);
    try {
      accessSync(file, constants.X_OK);
      return { file, args: [...args] };
    } catch {
      // The next one.
    }
  }
  return undefined;
}

/** An archive has it above bin/, packages of Linux and Homebrew in share/. */
function homeOf(file: string): string | undefined {
  const prefix = dirname(dirname(realpathSync(file)));
  return [prefix, join(prefix, 'share', 'grafana'), '/usr/share/grafana'].find((home) =>
    existsSync(join(home, 'conf', 'defaults.ini')),
  );
}

/**
 * Starts Grafana with our data source and dashboards and resolves when it answers. Everybody who reaches the
 * port, on this machine only, may look. Throws {@link GrafanaError}.
 */
export async function startGrafana(options: GrafanaOptions): Promise<Part & { url: string }> {
  const { grafana, port, logFile } = options;
  await claimPort(port).catch((error: unknown) => {
    if (!(error instanceof PortUnavailableError)) throw error;
    throw new GrafanaError(`port ${port} is taken (${error.code}); set GRAFANA_PORT to another`);
  });
  mkdirSync(options.dataDir, { recursive: true });
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'w');
  const child = spawn(grafana.file, [...grafana.args, '--homepath', grafana.home], {
    cwd: grafana.home,
    env: grafanaEnvironment(options),
    // A group of its own: Ctrl-C is for the supervisor, which stops the parts in order.
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const exited = new Promise<{ why: string }>((settle) => {
    child.once('error', ({ message }) => settle({ why: message }));
    child.once('close', (code, signal) =>
      settle({ why: `${signal ?? `exit code ${code ?? '?'}`} (log: ${logFile})` }),
    );
  });
  const part = {
    name: 'Grafana',
    url: `http://127.0.0.1:${port}`,
    exited,
    stop: () => endProcess(child, exited),
  };
  const first = await Promise.race([isHealthy(part.url, exited, options.timeoutMs ?? 120_000), exited]);
  if (first === true) return part;
  await part.stop();
  throw new GrafanaError(
    first === false
      ? `Grafana did not answer in time (log: ${logFile})`
      : `Grafana did not start: ${first.why}`,
  );
}

/** Polls until it is; false when the time is up, or its process is gone. */
async function isHealthy(url: string, exited: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const over = new AbortController();
  void exited.then(() => over.abort());
  const deadlineMs = Date.now() + timeoutMs;
  while (Date.now() < deadlineMs && !over.signal.aborted) {
    const answer = await fetch(`${url}/api/health`, { signal: AbortSignal.timeout(2_000) }).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.ok) return true;
    await sleep(200, over.signal);
  }
  return false;
}

function grafanaEnvironment(options: GrafanaOptions): NodeJS.ProcessEnv {
  const { env, clickHouse } = options;
  const kept = Object.fromEntries(Object.entries(env).filter(([name]) => inherited.test(name)));
  const { hostname, port, protocol } = new URL(clickHouse.url);
  const secure = protocol === 'https:';
  const plugin = `${dashboards.datasource.type}@${dashboards.datasource.pluginVersion}`;
  return {
    // With a plugin directory that somebody keeps, nothing is downloaded.
    ...(kept.GF_PATHS_PLUGINS
      ? {}
      : { GF_PATHS_PLUGINS: join(options.dataDir, 'plugins'), GF_PLUGINS_PREINSTALL: plugin }),
    ...kept,
    GF_SERVER_HTTP_ADDR: '127.0.0.1',
    GF_SERVER_HTTP_PORT: String(options.port),
    GF_AUTH_ANONYMOUS_ENABLED: 'true',
    GF_AUTH_ANONYMOUS_ORG_ROLE: 'Viewer',
    GF_SECURITY_ADMIN_PASSWORD: options.adminPassword,
    GF_PATHS_DATA: options.dataDir,
    GF_PATHS_LOGS: join(options.dataDir, 'log'),
    GF_PATHS_PROVISIONING: join(repository, 'dashboards', 'provisioning'),
    GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH: join(
      repository,
      'dashboards',
      'generated',
      `${dashboards.dashboards.summary.uid}.json`,
    ),
    GF_LOG_MODE: 'console',
    GF_ANALYTICS_REPORTING_ENABLED: 'false',
    GF_ANALYTICS_CHECK_FOR_UPDATES: 'false',
    GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES: 'false',
    GF_NEWS_NEWS_FEED_ENABLED: 'false',
    OOT_DASHBOARDS_PATH: join(repository, 'dashboards', 'generated'),
    OOT_CLICKHOUSE_HOST: hostname,
    OOT_CLICKHOUSE_PORT: port || (secure ? '443' : '80'),
    OOT_CLICKHOUSE_PROTOCOL: 'http',
    OOT_CLICKHOUSE_SECURE: String(secure),
    OOT_CLICKHOUSE_DATABASE: clickHouse.database,
    OOT_CLICKHOUSE_USER: clickHouse.user,
    OOT_CLICKHOUSE_PASSWORD: clickHouse.password,
  };
}
