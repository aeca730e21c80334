import { parseOptions, usage } from './options';
import { formatReport } from './report';
import { runBadInput, type BadInputOptions } from './run';

/** Exits 0 when everything held, 1 when something broke, 2 for a command line that can't be read. */
async function main(): Promise<void> {
  let options: BadInputOptions;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}`);
    process.exit(2);
  }
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
  const onProgress = (line: string) => process.stderr.write(`${line}\n`);
  try {
    const report = await runBadInput({ ...options, signal: stop.signal, onProgress });
    process.stdout.write(`${formatReport(report)}\n`);
    process.exitCode = report.breaches.size === 0 ? 0 : 1;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.stderr.write('stopped\n');
    process.exitCode = 130;
  }
}

void main();
