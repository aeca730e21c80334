import { exitWith } from '../runtime/shutdown';
import { backfill } from './backfill';
import { createProgressLine, openCommand } from './command';

async function main(): Promise<void> {
  const command = openCommand(process.env);
  const progress = createProgressLine();
  const written = await backfill({ ...command, onProgress: ({ rows }) => progress.show(rows, 'rows') });
  progress.end();
  await command.close();
  const skipped = written.skipped > 0 ? `; ${written.skipped} older than the retention` : '';
  process.stdout.write(`Copied ${written.rows} rows; ${written.quarantined} in quarantine${skipped}\n`);
}

main().catch(exitWith);
