import { lstat, readlink, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { SessionPool } from './session-pool';

/**
 * Makes `default` an Atomic database, as on a server. Must run before anything else does.
 *
 * chdb lays an Overlay over it at every start: an Atomic database under one that serves files of this
 * machine as tables. The overlay refuses refreshable materialized views, shows tables without their UUIDs,
 * and lets a SELECT read any file. Its tables lie in the Atomic one, so detaching it and attaching
 * that one by its own definition loses nothing.
 */
export async function makeDefaultDatabaseAtomic(pool: SessionPool, dataDir: string): Promise<void> {
  const definition = join(dataDir, 'metadata', 'default.sql');
  // A link to the directory of the definitions, made with the first table; its target is named by the UUID.
  const tables = join(dataDir, 'metadata', 'default');
  const hasTables = await exists(tables);
  let statement = 'CREATE DATABASE default ENGINE = Atomic';
  if (hasTables && (await exists(definition))) {
    statement = 'ATTACH DATABASE default';
  } else if (hasTables) {
    // Written by a bare chdb: the tables are there, the definition never was.
    statement = `ATTACH DATABASE default UUID '${basename(await readlink(tables))}' ENGINE = Atomic`;
  } else {
    // Without tables chdb took a new UUID at this start, and the definition's can't be attached any more.
    await rm(definition, { force: true });
  }
  await pool.use(async (session) => {
    session.taint();
    await session.run('USE system');
    await session.run('DETACH DATABASE default');
    await session.run(statement);
  });
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
