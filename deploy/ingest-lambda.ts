import { CfnOutput } from 'aws-cdk-lib';
import { HttpMethod, type HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { Function } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import type { Environment } from './config-schema';
import { createFunction, mayReadSecret, mayWriteResults } from './function';
import type { ResultsTable } from './table';

export type LambdaIngest = { function: Function; api: HttpApi };

/** The relay's own limit is 10 s. The app answers within 8.2 s of having the request; a cold start comes before that. */
const timeoutSeconds = 15;

/**
 * Ingest as a function behind an HTTP API.
 *
 * Not a function URL: that answers 429 where Lambda has no room, and the relay never sends again after a 4xx, so the
 * callback would be lost. The API makes a 5xx of it. It also lets only these paths reach the function.
 */
export function createLambdaIngest(
  scope: Construct,
  api: HttpApi,
  props: {
    config: Extract<Environment['ingest'], { kind: 'lambda' }>;
    relayTokensSecret: string;
    table: ResultsTable;
    bundleFolder: string;
  },
): LambdaIngest {
  const lambda = createFunction(scope, 'Ingest', {
    description: "Takes the relay's callbacks",
    bundleFolder: props.bundleFolder,
    memoryMb: props.config.memoryMb,
    timeoutSeconds,
    environment: { OOT_TABLE: props.table.name, OOT_RELAY_TOKENS_SECRET: props.relayTokensSecret },
    statements: [mayReadSecret(scope, props.relayTokensSecret), mayWriteResults(props.table.arn)],
  });
  const integration = new HttpLambdaIntegration('Ingest', lambda);
  const routes = [
    { path: '/api/oot/results', method: HttpMethod.POST },
    { path: '/api/crcr/results', method: HttpMethod.POST },
    { path: '/healthz', method: HttpMethod.GET },
  ];
  for (const { path, method } of routes) api.addRoutes({ path, methods: [method], integration });
  new CfnOutput(scope, 'IngestUrl', { value: `${api.apiEndpoint}/api/oot/results` });
  return { function: lambda, api };
}
