import { exitWith } from '../runtime/shutdown';
import { openCommand } from './command';
import { listQuarantine, replayQuarantine } from './replay';

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const unknown = args.find((arg) => arg !== '--replay');
  if (unknown !== undefined) {
    process.stderr.write(`unknown argument ${unknown}; usage: npm run quarantine [-- --replay]\n`);
    process.exitCode = 2;
    return;
  }
  const command = openCommand(process.env);
  if (args.includes('--replay')) {
    const { resolved, refused } = await replayQuarantine({
      client: command.clickHouse,
      sink: command.sink,
      now: Date.now,
    });
    process.stdout.write(`${resolved} replayed, ${refused} refused again\n`);
  } else {
    const entries = await listQuarantine(command.clickHouse);
    for (const entry of entries) {
      process.stdout.write(
        `${entry.quarantined_at}\t${entry.reason}\t${entry.detail}\t${entry.source}\t${entry.dynamoKey}\n`,
      );
    }
    process.stdout.write(`${entries.length} in quarantine\n`);
  }
  await command.close();
}

main().catch(exitWith);
