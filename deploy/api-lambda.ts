import { CfnOutput } from 'aws-cdk-lib';
import { CfnRoute, CfnStage, HttpMethod, type HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { Function } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import type { Environment } from './config-schema';
import { createFunction, mayReadSecret } from './function';

export type LambdaApi = { function: Function; api: HttpApi };

/** A look-up is given up after 8 s, and a first look at the secrets after 5; the gateway itself waits for 30. */
const timeoutSeconds = 15;

const paths = ['/api/oot/prs/{proxy+}', '/api/oot/badge/{proxy+}'];

/**
 * The API that readers ask, as a function behind the HTTP API. It knows nothing of the table: its secrets and its log
 * are all that it may touch.
 */
export function createLambdaApi(
  scope: Construct,
  api: HttpApi,
  props: { config: Extract<Environment['api'], { kind: 'lambda' }>; bundleFolder: string },
): LambdaApi {
  const { secrets, memoryMb, public: publicPart, grafanaUrl, requestsPerSecond, burst } = props.config;
  const lambda = createFunction(scope, 'Reader', {
    description: "Answers readers: a PR's results, badges",
    bundleFolder: props.bundleFolder,
    memoryMb,
    timeoutSeconds,
    environment: {
      API_READ_TOKENS_SECRET: secrets.readTokens,
      CLICKHOUSE_READER_SECRET: secrets.clickHouse,
      API_PUBLIC: publicPart,
      ...(grafanaUrl !== undefined && { GRAFANA_URL: grafanaUrl }),
    },
    statements: [mayReadSecret(scope, secrets.readTokens), mayReadSecret(scope, secrets.clickHouse)],
  });
  const integration = new HttpLambdaIntegration('Reader', lambda);
  const routes = paths.flatMap((path) => api.addRoutes({ path, methods: [HttpMethod.GET], integration }));

  const stage = api.defaultStage?.node.defaultChild;
  if (!(stage instanceof CfnStage)) throw new Error('the HTTP API has no default stage');
  // Of these routes alone: a throttled callback would be lost (ingest-lambda.ts). Both numbers, since the gateway
  // takes the account's for one that is left out.
  const throttle = { ThrottlingRateLimit: requestsPerSecond, ThrottlingBurstLimit: burst };
  stage.routeSettings = Object.fromEntries(paths.map((path) => [`GET ${path}`, throttle]));
  // A stage with settings of a route that is not there yet is refused.
  for (const { node } of routes)
    if (node.defaultChild instanceof CfnRoute) stage.addResourceDependency(node.defaultChild);

  new CfnOutput(scope, 'ReaderUrl', { value: `${api.apiEndpoint}/api/oot` });
  return { function: lambda, api };
}
