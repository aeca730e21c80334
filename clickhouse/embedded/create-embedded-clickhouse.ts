import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import type { Logger } from '../../runtime/logger';
import type { Role } from '../access/rights';
import { usersFile } from '../access/users-file';
import { createAccessGuard } from './access-guard';
import type { Account } from './credentials';
import { makeDefaultDatabaseAtomic } from './default-database';
import { createInsertSpool } from './insert-spool';
import { createRequestHandler } from './request-handler';
import { createSessionPool } from './session-pool';

export type EmbeddedClickHouseOptions = {
  /** The engine's own directory; made if missing. `<dataDir>-spool` beside it holds rows on their way in. */
  dataDir: string;
  /** Loopback unless said otherwise: the engine can read this machine's files. */
  host?: string;
  /** 0 takes a free one. */
  port: number;
  user?: string;
  /** Empty: no password is asked for. */
  password?: string;
  /** Users with one of our roles: who may read only, such as Grafana, or only what the replicator writes. */
  others?: { user: string; password: string; role: Role }[];
  /** The database that their rights are for. */
  database?: string;
  /** More elements of ClickHouse's config.xml, such as remote_servers. */
  serverConfig?: string;
  /** Queries that run at once; more wait their turn. Each takes a thread of libuv's pool. */
  maxSessions?: number;
  maxBodyBytes?: number;
  logger: Logger;
  /** Called when the engine has stopped for good and the process must be replaced. */
  onFatal?: () => void;
};

export type EmbeddedClickHouse = {
  url: string;
  port: number;
  /** Stops accepting, lets queries in flight finish, and closes the engine. */
  close(): Promise<void>;
};

/** 256 MiB inflated: far beyond a batch of rows, and well within memory. */
const defaultMaxBodyBytes = 256 * 1024 * 1024;

/**
 * Opens ClickHouse's engine in this process and serves its HTTP interface.
 *
 * Once a process only: chdb binds a process to one directory. Rejects with chdb's error where the directory
 * is another's (code 76), and with `EADDRINUSE` where the port is.
 */
export async function createEmbeddedClickHouse(
  options: EmbeddedClickHouseOptions,
): Promise<EmbeddedClickHouse> {
  const { host = '127.0.0.1', user = 'default', password = '', others = [], logger } = options;
  const dataDir = resolve(options.dataDir);
  await mkdir(dataDir, { recursive: true });
  const configFile = await writeConfig(dataDir, options.database ?? 'default', options.serverConfig ?? '');
  const pool = createSessionPool(dataDir, options.maxSessions ?? 8, configFile);
  try {
    await makeDefaultDatabaseAtomic(pool, dataDir);
    const version = await pool.use((session) => session.run('SELECT version()', 'TSVRaw'));
    const accounts: Account[] = [{ user, password, role: undefined }, ...others];
    const handle = createRequestHandler({
      pool,
      // After the engine is open: its lock says that nobody else uses the spool.
      spool: await createInsertSpool(`${dataDir}-spool`),
      guard: await createAccessGuard(pool),
      accounts,
      version: Buffer.from(version.bytes).toString().trim(),
      maxBodyBytes: options.maxBodyBytes ?? defaultMaxBodyBytes,
      logger,
      onFatal: options.onFatal ?? (() => undefined),
    });
    const server = createServer({ maxHeaderSize: 1024 * 1024 }, (request, response) => {
      // While closing, a connection goes with its last answer, instead of lingering for its keep-alive time.
      response.once('close', () => {
        if (!server.listening) setImmediate(() => server.closeIdleConnections());
      });
      void handle(request, response);
    });
    // As on a server; the client's own idle limit is 2.5 s, so it never meets a closing socket.
    server.keepAliveTimeout = 10_000;
    server.listen(options.port, host);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return {
      url: `http://${host}:${port}`,
      port,
      async close() {
        const closed = once(server, 'close');
        server.close();
        server.closeIdleConnections();
        await closed;
        await pool.close();
      },
    };
  } catch (error) {
    await pool.close();
    throw error;
  }
}

/** The engine's config.xml, and the users file that it names: roles, rights and limits are the engine's own. */
async function writeConfig(dataDir: string, database: string, serverConfig: string): Promise<string> {
  const directory = join(dataDir, 'access');
  await mkdir(directory, { recursive: true });
  const users = join(directory, 'users.xml');
  await writeFile(users, usersFile(database));
  const config = join(directory, 'config.xml');
  await writeFile(
    config,
    `<clickhouse><users_config><![CDATA[${users}]]></users_config>${serverConfig}</clickhouse>\n`,
  );
  return config;
}
