import { CfnOutput, Stack, Tags, type App } from 'aws-cdk-lib';
import { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import { createAlarms } from './alarms';
import { createLambdaApi } from './api-lambda';
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
 * it is asked over HTTP, routes of the one API.
 */
export function createStack(
  app: App,
  name: string,
  environment: Environment,
  bundleFolders: BundleFolders,
): Stack {
  const { account, region, ingest, api, terminationProtection } = environment;
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
  const httpApi =
    ingest.kind === 'lambda' || api.kind === 'lambda'
      ? new HttpApi(stack, 'Api', { description: 'Callbacks of the relay, and what readers ask' })
      : undefined;
  const shared = { table, relayTokensSecret: environment.secrets.relayTokens };
  if (ingest.kind === 'lambda' && httpApi) {
    const created = createLambdaIngest(stack, httpApi, {
      ...shared,
      config: ingest,
      bundleFolder: bundleFolders.ingest,
    });
    alarms.ofLambdaIngest(created, { sharesApi: api.kind === 'lambda' });
  } else if (ingest.kind === 'container') {
    alarms.ofContainerIngest(createContainerIngest(stack, { ...shared, config: ingest }));
  }
  if (api.kind === 'lambda' && httpApi) {
    alarms.ofLambdaApi(createLambdaApi(stack, httpApi, { config: api, bundleFolder: bundleFolders.api }));
  }
  new CfnOutput(stack, 'Table', { value: table.name });
  return stack;
}
