import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { exitWith } from '../runtime/shutdown';
import { bundleLambda } from './bundle';
import { environments } from './config';
import { parseEnvironments } from './config-schema';
import { createStack } from './stack';

/** What the CDK's command line runs (`cdk.json`): one stack an environment. Asks no account and no network. */
function main(): void {
  const parsed = parseEnvironments(environments);
  const folder = mkdtempSync(join(tmpdir(), 'oot-deploy-'));
  try {
    const bundleFolders = {
      api: bundleLambda('api', folder).folder,
      ingest: bundleLambda('ingest', folder).folder,
      replicator: bundleLambda('replicator', folder).folder,
    };
    // The folder to write to is the command line's to say (CDK_OUTDIR).
    const app = new App();
    for (const [name, environment] of Object.entries(parsed))
      createStack(app, name, environment, bundleFolders);
    app.synth();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  main();
} catch (error) {
  exitWith(error);
}
