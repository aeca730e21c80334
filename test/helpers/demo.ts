import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { marshall } from '@aws-sdk/util-dynamodb';
import { loadBackends, parseAllowlist } from '../../clickhouse/backends';
import type { ClickHouseClient } from '../../clickhouse/client';
import type { RowSource } from '../../clickhouse/tables';
import type { Item } from '../../ingest/contract/item';
import { buildHistory } from '../../local/demo/items';
import { changeOfItem, type Change } from '../../replicator/change';
import { createSink } from '../../replicator/sink';

/**
 * The demo's "now" in tests, UTC milliseconds: a Friday afternoon. Nights and weekends are quiet in the demo, so
 * what it shows depends on the hour at which it ends, and no test may depend on the hour at which it runs.
 */
export const demoNowMs = Date.UTC(2026, 10, 20, 14);

/**
 * Every item of the history that `npm start` shows, had it been started on that Friday, in the order in which they
 * were first seen. With `endMs` (UTC milliseconds) the same items with all their times moved by whole seconds so
 * that they end then: for queries that ask the engine's clock, which no test can set.
 */
export function demoChanges(endMs = demoNowMs): Change[] {
  const byMs = Math.floor((endMs - demoNowMs) / 1000) * 1000;
  return buildHistory({ seed: 'oot-demo', endMs: demoNowMs }).items.map((item) =>
    changeOfItem(marshall(moved(item, byMs), { removeUndefinedValues: true })),
  );
}

/** Makes a migrated, empty database that of the demo: its allowlist, and its items as changes from `source`. */
export async function loadDemo(
  client: ClickHouseClient,
  { endMs = demoNowMs, source = 'stream' }: { endMs?: number; source?: RowSource } = {},
): Promise<void> {
  const allowlist = readFileSync(join(__dirname, '../../local/demo/allowlist.yml'), 'utf8');
  await loadBackends(client, parseAllowlist(allowlist), endMs);
  const sink = createSink({ client, now: () => endMs });
  await sink.write(demoChanges(endMs), source);
  await sink.settleEverything();
}

/** The check run at another time. `byMs`: whole seconds, so that a sender's time keeps its own digits after them. */
function moved(item: Item, byMs: number): Item {
  const ours = (atMs: number | undefined) => (atMs === undefined ? undefined : atMs + byMs);
  const theirs = (text: string | undefined) => {
    if (text === undefined) return undefined;
    const secondMs = Date.parse(`${text.slice(0, 19)}Z`);
    return `${new Date(secondMs + byMs).toISOString().slice(0, 19)}${text.slice(19)}`;
  };
  return {
    ...item,
    received_at: ours(item.received_at),
    updated_at: ours(item.updated_at),
    outcome_at: ours(item.outcome_at),
    started_at: theirs(item.started_at),
    completed_at: theirs(item.completed_at),
  };
}
