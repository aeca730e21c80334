import { readFile } from 'node:fs/promises';
import { readConfig } from '../runtime/env';
import { exitWith } from '../runtime/shutdown';
import { AllowlistError, loadBackends, parseAllowlist } from './backends';
import { clickHouseConfigSchema, createClickHouse } from './client';

async function main(): Promise<void> {
  const [file] = process.argv.slice(2);
  if (!file) throw new AllowlistError('usage: npm run backends -- FILE (an allowlist.yml)');
  const backends = parseAllowlist(await readFile(file, 'utf8'));
  const client = createClickHouse(readConfig(clickHouseConfigSchema, process.env));
  await loadBackends(client, backends, Date.now());
  await client.close();
  process.stdout.write(`${backends.length} backends registered\n`);
}

main().catch(exitWith);
