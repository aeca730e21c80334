import { parseArgs } from 'node:util';
import { readConfig } from '../runtime/env';
import { exitWith } from '../runtime/shutdown';
import { clickHouseConfigSchema, createClickHouse } from './client';
import { keptFrom, parseRetentionDays, readRetention, RetentionError, setRetention } from './retention';

const usage = `usage: npm run retention [-- --days N | --off]
  (nothing)  says what is kept
  --days N   drops results received before the last N days (UTC), from now on
  --off      keeps all from now on
`;

async function main(): Promise<void> {
  const change = readFlags();
  const client = createClickHouse(readConfig(clickHouseConfigSchema, process.env));
  if (change !== undefined) await setRetention(client, change.days);
  const { days, other } = await readRetention(client);
  await client.close();
  process.stdout.write(`${sayKept(days, other)}\n`);
}

function sayKept(days: number | null, other: string | null): string {
  if (other !== null) return `Kept by a TTL that is not ours: ${other}`;
  if (days === null) return 'Everything is kept';
  return `${days} days are kept: what was received from ${new Date(keptFrom(days, Date.now())).toISOString().slice(0, 10)} on`;
}

function readFlags(): { days: number | null } | undefined {
  try {
    const { values } = parseArgs({ options: { days: { type: 'string' }, off: { type: 'boolean' } } });
    if (values.off && values.days !== undefined) throw new RetentionError('--days or --off, not both');
    if (values.off) return { days: null };
    return values.days === undefined ? undefined : { days: parseRetentionDays(values.days) };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}

main().catch(exitWith);
