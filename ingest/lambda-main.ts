import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { awsClientOptions, withoutSdkLog } from '../runtime/aws';
import { ConfigError, readConfig } from '../runtime/env';
import { createLogger } from '../runtime/logger';
import { createSecretReader, keepMade } from '../runtime/secrets';
import { ingestLambdaConfigSchema, relayTokensSchema } from './config';
import { createLambdaIngest } from './lambda';
import { createIngestMetrics } from './metrics';
import { createResultStore, storeClientOptions } from './store';

const config = readConfig(ingestLambdaConfigSchema, process.env);
const logger = createLogger('ingest-lambda', config.LOG_LEVEL);
const client = withoutSdkLog(new DynamoDBClient({ ...awsClientOptions(config), ...storeClientOptions }));
const store = createResultStore({ client, tableName: config.OOT_TABLE, now: Date.now });
const metrics = createIngestMetrics();

const ingest = keepMade({
  read: createSecretReader({ region: config.AWS_REGION, secretId: config.OOT_RELAY_TOKENS_SECRET }),
  make: (secret) => {
    const tokens = relayTokensSchema.safeParse(secret);
    if (!tokens.success) throw new ConfigError(`The secret ${config.OOT_RELAY_TOKENS_SECRET} has no token`);
    // The relay gives up after 10 s and does not try again: a cold start, which is not in these, has to fit as well.
    return createLambdaIngest({
      store,
      tokens: tokens.data,
      logger,
      metrics,
      deadlineMs: 6_200,
      storeTimeoutMs: 6_000,
    });
  },
  close: (made) => made.close(),
  logger,
  now: Date.now,
  maxAgeMs: 300_000,
});
// A cold start has the processor to itself before the first event does; what fails here is tried again with that.
ingest().catch((error: unknown) => logger.warn({ err: error }, 'the secret was not read at the start'));

/** The function behind an HTTP API or a function URL, payload format 2.0. */
export const handler = async (event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> =>
  (await ingest()).answer(event);
