import { randomUUID } from 'node:crypto';
import { ClickHouseError } from '@clickhouse/client';
import { sleep } from '../runtime/retry';
import type { ClickHouseClient } from './client';
import { onCluster } from './cluster';

/** Making a table is all or nothing on every kind of server, so a table is the lock. It is gone afterwards. */
const lockTable = 'oot_migrations_lock';
const tableExists = '57';

/** A holder that said nothing for so long is gone. */
const expiresAfterSeconds = 90;
const refreshIntervalMs = 10_000;
const retryMs = 250;

export type MigrationLock = {
  /** Never throws: left behind, it expires. */
  release(): Promise<void>;
};

/** Waits until nobody else migrates this database, on any server of the cluster. */
export async function lockMigrations(client: ClickHouseClient, cluster?: string): Promise<MigrationLock> {
  const holder = randomUUID();
  const on = onCluster(cluster);
  const drop = () => client.command({ query: `DROP TABLE IF EXISTS ${lockTable} ${on}` });
  for (;;) {
    try {
      await client.command({
        query: `CREATE TABLE ${lockTable} ${on} (nothing UInt8) ENGINE = Memory COMMENT '${holder}'`,
      });
      break;
    } catch (error) {
      const isTaken = error instanceof ClickHouseError && error.code === tableExists;
      const held = await readLock(client);
      if (!isTaken) {
        // The answer may be what got lost, and the lock ours.
        if (held?.holder === holder) await drop();
        throw error;
      }
      if (held && held.silentSeconds > expiresAfterSeconds) await drop();
      else await sleep(retryMs);
    }
  }
  // Says that its holder is alive, also while one statement copies for minutes. Where it can't be said, it expires.
  const refreshing = setInterval(() => {
    client
      .command({ query: `ALTER TABLE ${lockTable} ${on} MODIFY COMMENT '${holder}'` })
      .catch(() => undefined);
  }, refreshIntervalMs);
  refreshing.unref();
  return {
    async release() {
      clearInterval(refreshing);
      await drop().catch(() => undefined);
    },
  };
}

async function readLock(
  client: ClickHouseClient,
): Promise<{ holder: string; silentSeconds: number } | undefined> {
  const result = await client.query({
    query: `SELECT comment AS holder, toFloat64(dateDiff('second', metadata_modification_time, now())) AS silentSeconds
      FROM system.tables WHERE database = currentDatabase() AND name = '${lockTable}'`,
    format: 'JSONEachRow',
  });
  return (await result.json<{ holder: string; silentSeconds: number }>())[0];
}
