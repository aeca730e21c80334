import { parse } from 'yaml';
import { z } from 'zod';
import type { ClickHouseClient } from './client';
import { dateTimeOfMs, tables, type BackendRow } from './tables';

export const levels = ['L1', 'L2', 'L3', 'L4'] as const;

export type Backend = { repo: string; level: (typeof levels)[number]; device: string; oncalls: string[] };

/** An allowlist that can't be loaded. `message` names the entry. */
export class AllowlistError extends Error {
  override readonly name = 'AllowlistError';
  readonly code = 'ALLOWLIST';
}

const repoForm = /^[A-Za-z0-9][A-Za-z0-9-]{0,38}\/[A-Za-z0-9._-]{1,100}$/;
const flatEntry = z.union([z.string(), z.record(z.string(), z.string().nullable())]);
const allowlistSchema = z
  .strictObject({
    L1: z.array(flatEntry).nullish(),
    L2: z.array(flatEntry).nullish(),
    L3: z.record(z.string(), z.record(z.string(), z.array(z.string()).nullable())).nullish(),
    L4: z.array(flatEntry).nullish(),
  })
  .partial();

/**
 * Reads upstream's `allowlist.yml`: L1, L2 and L4 are lists of `org/repo` or `org/repo: oncall1, oncall2`,
 * L3 is `device: { org/repo: [oncalls] }`. Throws {@link AllowlistError} that names the entry; a repository
 * may stand there only once (names on GitHub ignore case).
 */
export function parseAllowlist(text: string): Backend[] {
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    throw new AllowlistError(`allowlist is not YAML: ${(error as Error).message.split('\n')[0] ?? ''}`);
  }
  const parsed = allowlistSchema.safeParse(document);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new AllowlistError(
      `allowlist ${issue && issue.path.length > 0 ? issue.path.join('.') : 'root'}: ${issue?.message ?? 'invalid'}`,
    );
  }
  const { L3, ...flat } = parsed.data;
  const backends = [
    ...(['L1', 'L2', 'L4'] as const).flatMap((level) =>
      (flat[level] ?? []).flatMap((entry) =>
        Object.entries(typeof entry === 'string' ? { [entry]: '' } : entry).map(([repo, oncalls]) => ({
          repo,
          level,
          device: '',
          oncalls: splitOncalls(oncalls ?? ''),
        })),
      ),
    ),
    ...Object.entries(L3 ?? {}).flatMap(([device, repos]) =>
      Object.entries(repos).map(([repo, oncalls]) => ({
        repo,
        level: 'L3' as const,
        device,
        oncalls: splitOncalls((oncalls ?? []).join(',')),
      })),
    ),
  ];
  const seen = new Set<string>();
  for (const { repo } of backends) {
    if (!repoForm.test(repo)) throw new AllowlistError(`allowlist: "${repo}" is not org/repo`);
    if (seen.has(repo.toLowerCase())) throw new AllowlistError(`allowlist: ${repo} is listed twice`);
    seen.add(repo.toLowerCase());
  }
  return backends.sort((a, b) => a.level.localeCompare(b.level) || a.repo.localeCompare(b.repo));
}

const splitOncalls = (list: string): string[] =>
  list
    .split(',')
    .map((login) => login.trim().replace(/^@/, ''))
    .filter((login) => login !== '');

/** Makes the registry equal to the list: what is no longer in it is removed. */
export async function loadBackends(
  client: ClickHouseClient,
  backends: Backend[],
  nowMs: number,
): Promise<void> {
  const registered = await client
    .query({
      query: `SELECT repo, level, device, oncalls FROM ${tables.backendRegistry} FINAL`,
      format: 'JSONEachRow',
    })
    .then((result) => result.json<Backend>());
  // One more than before even where this machine's clock is behind, or the load would do nothing in silence.
  const [newest] = await client
    .query({
      query: `SELECT toFloat64(max(version)) AS version FROM ${tables.backendRegistry}`,
      format: 'JSONEachRow',
    })
    .then((result) => result.json<{ version: number }>());
  const version = Math.max(nowMs, (newest?.version ?? 0) + 1);
  const wanted = new Set(backends.map(({ repo }) => repo));
  const row = (backend: Backend, is_deleted: 0 | 1): BackendRow => ({
    ...backend,
    loaded_at: dateTimeOfMs(nowMs),
    version,
    is_deleted,
  });
  const values = [
    ...backends.map((backend) => row(backend, 0)),
    ...registered.filter(({ repo }) => !wanted.has(repo)).map((backend) => row(backend, 1)),
  ];
  if (values.length > 0) {
    await client.insert({ table: tables.backendRegistry, values, format: 'JSONEachRow' });
  }
}
