import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { releaseNotes } from './release-notes';

/* npm run release-notes -- v1.2.3: prints that version's notes, or says why it can't be released and exits 1. */
const read = (file: string) => readFileSync(join(__dirname, '..', file), 'utf8');
try {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  const [tag = ''] = process.argv.slice(2);
  process.stdout.write(releaseNotes({ tag, version, changelog: read('CHANGELOG.md') }));
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
