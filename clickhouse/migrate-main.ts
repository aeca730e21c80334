import { readConfig } from '../runtime/env';
import { exitWith } from '../runtime/shutdown';
import { clickHouseConfigSchema, createClickHouse } from './client';
import { migrate } from './migrate';

async function main(): Promise<void> {
  const config = readConfig(clickHouseConfigSchema, process.env);
  const client = createClickHouse(config);
  const applied = await migrate(client, { cluster: config.CLICKHOUSE_CLUSTER });
  await client.close();
  process.stdout.write(applied.length > 0 ? `Applied: ${applied.join(', ')}\n` : 'Up to date\n');
}

main().catch(exitWith);
