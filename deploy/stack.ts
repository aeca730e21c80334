import { CfnOutput, Stack, Tags, type App } from 'aws-cdk-lib';
import { createAlarms } from './alarms';
import type { LambdaName } from './bundle';
import type { Environment } from './config-schema';
import { createContainerIngest } from './ingest-container';
import { createLambdaIngest } from './ingest-lambda';
import { createReplicator } from './replicator';
import { resultsTable } from './table';

/** Where the bundle of each function lies. */
export type BundleFolders = Record<LambdaName, string>;

/**
 * One environment: the table, or a reference to one; who writes into it; who mirrors it; who watches.
 *
 * Another function joins as these do: an entry in `lambdaEntries`, `createFunction` with what it may do, and, where
 * it is asked over HTTP, its own API.
 */
export function createStack(
  app: App,
  name: string,
  environment: Environment,
  bundleFolders: BundleFolders,
): Stack {
  const { account, region, ingest, terminationProtection } = environment;
  const stack = new Stack(app, `oot-ci-health-${name}`, {
    description: `OOT CI health, ${name}`,
    env: { region, ...(account !== undefined && { account }) },
    terminationProtection,
  });
  Tags.of(stack).add('oot-ci-health', name);

  const table = resultsTable(stack, environment.table);
  const alarms = createAlarms(stack, environment.alarms);
  alarms.ofReplicator(
    createReplicator(stack, { environment, table, bundleFolder: bundleFolders.replicator }),
  );
  const shared = { table, relayTokensSecret: environment.secrets.relayTokens };
  if (ingest.kind === 'lambda') {
    alarms.ofLambdaIngest(
      createLambdaIngest(stack, { ...shared, config: ingest, bundleFolder: bundleFolders.ingest }),
    );
  } else if (ingest.kind === 'container') {
    alarms.ofContainerIngest(createContainerIngest(stack, { ...shared, config: ingest }));
  }
  new CfnOutput(stack, 'Table', { value: table.name });
  return stack;
}
