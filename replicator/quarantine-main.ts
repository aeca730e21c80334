import { parseArgs } from 'node:util';
import { exitWith } from '../runtime/shutdown';
import { openCommand } from './command';
import { discardQuarantine, listQuarantine, replayQuarantine } from './replay';

const usage = `usage: npm run quarantine [-- --replay | --discard KEY]
  --replay       tries every change again with today's code
  --discard KEY  gives up every change of the item with this dynamoKey
`;

async function main(): Promise<void> {
  const { replay, discard } = readFlags();
  const command = openCommand(process.env);
  const deps = { client: command.clickHouse, sink: command.sink, now: Date.now };
  if (replay) {
    const { resolved, refused } = await replayQuarantine(deps);
    process.stdout.write(`${resolved} replayed, ${refused} refused again\n`);
  } else if (discard !== undefined) {
    const discarded = await discardQuarantine(deps, discard);
    process.stdout.write(`${discarded} discarded\n`);
    process.exitCode = discarded > 0 ? 0 : 1;
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

function readFlags() {
  try {
    const { values } = parseArgs({ options: { replay: { type: 'boolean' }, discard: { type: 'string' } } });
    if (values.replay && values.discard !== undefined) throw new Error('--replay or --discard, not both');
    return values;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}

main().catch(exitWith);
