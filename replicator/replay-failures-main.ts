import { parseArgs } from 'node:util';
import { S3Client } from '@aws-sdk/client-s3';
import { withoutSdkLog } from '../runtime/aws';
import { exitWith } from '../runtime/shutdown';
import { createProgressLine, openCommand } from './command';
import { createBucketStore, createFolderStore } from './failed-batch-stores';
import { replayFailures } from './replay-failures';

const usage = `usage: npm run replay-failures -- [OPTIONS] s3://BUCKET[/PREFIX] | FOLDER
  Replays the batches that Lambda gave up and put into BUCKET, or into a FOLDER that was copied from it.
  What ClickHouse has confirmed is deleted from the bucket, or renamed to *.replayed in the folder.
  --keep   leaves everything where it is
  --check  reads and says what is there, writes nothing
`;

/** Exits 0 when all of it was replayed, 1 when something was not, 2 on bad flags. */
async function main(): Promise<void> {
  const flags = readFlags();
  const command = openCommand(process.env);
  const progress = createProgressLine();
  const { refused, kept, ...sum } = await replayFailures({
    store: openStore(flags.from, command.region),
    sink: command.sink,
    tableName: command.tableName,
    write: !flags.check,
    settle: !flags.keep,
    onProgress: ({ changes }) => progress.show(changes, 'changes'),
    onProblem: (key, problem) => {
      progress.end();
      process.stderr.write(`${key}: ${problem}\n`);
    },
  });
  progress.end();
  await command.close();
  const written = flags.check
    ? 'nothing written'
    : `${sum.rows} rows, ${sum.quarantined} in quarantine, ${sum.skipped} skipped`;
  const left = refused + kept > 0 ? `; ${refused} objects refused, ${kept} not whole, all left there` : '';
  process.stdout.write(`${sum.objects} objects, ${sum.changes} changes: ${written}${left}\n`);
  process.exitCode = refused + kept > 0 ? 1 : 0;
}

function openStore(from: string, region: string) {
  const bucket = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(from);
  if (!bucket?.[1]) return createFolderStore(from);
  // A bucket's own region is found where it is another one than ours.
  const client = withoutSdkLog(new S3Client({ region, followRegionRedirects: true }));
  return createBucketStore(client, bucket[1], bucket[2] ?? '');
}

function readFlags() {
  try {
    const { values, positionals } = parseArgs({
      options: { keep: { type: 'boolean', default: false }, check: { type: 'boolean', default: false } },
      allowPositionals: true,
    });
    const [from] = positionals;
    if (from === undefined || positionals.length > 1) throw new Error('one bucket or folder');
    if (from.startsWith('s3:') && !/^s3:\/\/[a-z0-9]/.test(from))
      throw new Error(`${from} is not s3://BUCKET`);
    return { ...values, from };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}

main().catch(exitWith);
