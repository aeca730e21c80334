import { parseArgs } from 'node:util';
import { exitWith } from '../runtime/shutdown';
import { createProgressLine, openCommand } from './command';
import { deleteExtra } from './delete-extra';
import { verify } from './verify';

const usage = `usage: npm run verify [-- --delete KEY]
  --delete KEY  instead, deletes the row with this dynamoKey, whose item is gone from DynamoDB (extra)
`;

/** Differences that are printed; all are counted. */
const maxPrinted = 50;

async function main(): Promise<void> {
  const flags = readFlags();
  const command = openCommand(process.env);
  if (flags.delete !== undefined) {
    const rows = await deleteExtra(command, flags.delete);
    process.stdout.write(`${rows} deleted\n`);
    process.exitCode = rows > 0 ? 0 : 1;
    return command.close();
  }
  const progress = createProgressLine();
  const verdict = await verify({ ...command, onProgress: (items) => progress.show(items, 'items read') });
  progress.end();
  await command.close();
  const { differences } = verdict;
  for (const { kind, dynamoKey, dynamoRevision, clickHouseRevision } of differences.slice(0, maxPrinted)) {
    process.stdout.write(
      `${kind}\t${dynamoKey}\tDynamoDB ${dynamoRevision ?? '-'}\tClickHouse ${clickHouseRevision ?? '-'}\n`,
    );
  }
  if (differences.length > maxPrinted)
    process.stdout.write(`... and ${differences.length - maxPrinted} more\n`);
  const expired = verdict.expired > 0 ? `, ${verdict.expired} kept after their TTL` : '';
  const old = verdict.old > 0 ? `, ${verdict.old} items older than the retention` : '';
  process.stdout.write(
    `${verdict.items} items, ${verdict.rows} rows, ${differences.length} differences${expired}${old}\n`,
  );
  const { stale } = verdict;
  if (stale.attempts + stale.runs > 0)
    process.stdout.write(
      `${stale.attempts} attempts and ${stale.runs} runs are stored otherwise than the rows say; npm run backfill puts that right\n`,
    );
  process.exitCode = differences.length + stale.attempts + stale.runs > 0 ? 1 : 0;
}

function readFlags() {
  try {
    return parseArgs({ options: { delete: { type: 'string' } } }).values;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}

main().catch(exitWith);
