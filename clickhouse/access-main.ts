import { parseArgs } from 'node:util';
import { readConfig } from '../runtime/env';
import { exitWith } from '../runtime/shutdown';
import { applyAccess, printableStatements, usersOf } from './access/apply';
import { accessConfigSchema } from './access/config';
import { createClickHouse } from './client';

const usage = `usage: npm run access [-- --print | --keep-old-password]
  --print              writes the SQL, for an admin who pastes it; nothing is sent
  --keep-old-password  adds the passwords that are set to those that work, instead of replacing them
`;

async function main(): Promise<void> {
  const flags = readFlags();
  const config = readConfig(accessConfigSchema, process.env);
  const options = {
    database: config.CLICKHOUSE_DATABASE,
    cluster: config.CLICKHOUSE_CLUSTER,
    keepsOldPassword: flags['keep-old-password'],
  };
  if (flags.print) {
    process.stdout.write(printableStatements(config, options));
    return;
  }
  const users = usersOf(config);
  const client = createClickHouse(config);
  await applyAccess(client, { ...options, users });
  await client.close();
  for (const { name, role, password } of users) {
    process.stdout.write(
      `${role}\t${name}\t${password ? 'password set' : 'no password given: not touched'}\n`,
    );
  }
}

function readFlags() {
  try {
    const { values } = parseArgs({
      options: {
        print: { type: 'boolean', default: false },
        'keep-old-password': { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}

main().catch(exitWith);
