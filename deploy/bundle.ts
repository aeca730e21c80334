import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync, type Metafile } from 'esbuild';

const root = join(__dirname, '..');

/** The functions that are bundled, and the entry point that exports `handler`. */
export const lambdaEntries = {
  api: 'api/lambda-main.ts',
  ingest: 'ingest/lambda-main.ts',
  replicator: 'replicator/lambda-main.ts',
} as const;

export type LambdaName = keyof typeof lambdaEntries;

/**
 * Asked for by packages that do without them: `debug` would write in colours. Found here only because a tool of
 * development has them.
 */
export const leftOut = ['supports-color'];

/** A folder to upload. `metafile` says what went in, `bytes` how large the one script became. */
export type Bundle = { folder: string; file: string; bytes: number; metafile: Metafile };

/**
 * Makes one script of a function and all that it imports, in `folder/NAME/index.js`. Needs no network and no Docker,
 * and gives the same bytes wherever it runs, so that what did not change is not deployed.
 *
 * The AWS SDK goes in, too: that of Lambda's own image changes with the image, and loads slower.
 */
export function bundleLambda(name: LambdaName, folder: string): Bundle {
  const file = join(folder, name, 'index.js');
  const { metafile } = buildSync({
    absWorkingDir: root,
    entryPoints: [lambdaEntries[name]],
    outfile: file,
    bundle: true,
    external: leftOut,
    platform: 'node',
    // The oldest that package.json allows; Lambda runs a newer one.
    target: 'node20',
    format: 'cjs',
    // Where a package has both: modules can be left out in part.
    mainFields: ['module', 'main'],
    minify: true,
    // Errors are told apart by their names, and those end up in logs.
    keepNames: true,
    legalComments: 'external',
    metafile: true,
    logLevel: 'silent',
  });
  mkdirSync(join(folder, name), { recursive: true });
  // Without it, `type: module` of some folder above would decide how Node reads the script.
  writeFileSync(join(folder, name, 'package.json'), '{"type":"commonjs"}\n');
  return { folder: join(folder, name), file, bytes: statSync(file).size, metafile };
}
