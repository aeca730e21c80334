import { parseArgs } from 'node:util';
import { clickHouseConfigSchema, createClickHouse } from '../clickhouse/client';
import { readConfig } from '../runtime/env';
import { exitWith } from '../runtime/shutdown';
import { allRuleGroups } from './alerts/all';
import { isCriticalFiring, linesOf, reportAlerts } from './alerts/report';

const usage = `usage: npm run alerts [-- --at 2026-11-20T12:00Z] [--rule OotBackendFailing] [--all]
  --at    as of then, from what had been received by then
  --rule  this rule alone
  --all   what is well, too
exits 1 if something critical fires, 2 if it can't be said
`;

async function main(): Promise<void> {
  const { atMs, isPast, groups, all } = readFlags();
  const config = readConfig(clickHouseConfigSchema, process.env);
  const client = createClickHouse(config);
  const report = await reportAlerts(client, groups, { atMs, isPast });
  await client.close();
  for (const line of linesOf(report, all)) process.stdout.write(`${line}\n`);
  process.exitCode = isCriticalFiring(report) ? 1 : 0;
}

function readFlags() {
  try {
    const { values } = parseArgs({
      options: { at: { type: 'string' }, rule: { type: 'string' }, all: { type: 'boolean' } },
    });
    const groups = allRuleGroups().map((group) => ({
      ...group,
      rules: group.rules.filter(({ name }) => values.rule === undefined || name === values.rule),
    }));
    const names = allRuleGroups().flatMap(({ rules }) => rules.map(({ name }) => name));
    if (groups.every(({ rules }) => rules.length === 0))
      throw new Error(`--rule is none of ${names.join(', ')}`);
    const nowMs = Date.now();
    const atMs = values.at === undefined ? nowMs : momentOf(values.at, nowMs);
    return { atMs, isPast: values.at !== undefined, groups, all: values.all ?? false };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}

/** Milliseconds of an ISO 8601 time; without a zone it would mean another moment on each machine. */
function momentOf(text: string, nowMs: number): number {
  const atMs = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text)
    ? Date.parse(text)
    : NaN;
  if (Number.isNaN(atMs)) throw new Error(`--at ${text} is not a time like 2026-11-20T12:00Z`);
  if (atMs > nowMs) throw new Error(`--at ${text} is in the future`);
  return atMs;
}

main().catch((error: unknown) => exitWith(error, 2));
