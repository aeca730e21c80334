import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { parseConfig, readConfig, readSecretConfig } from '../runtime/env';
import { createLogger } from '../runtime/logger';
import { createSecretReader, joinSecrets, keepMade, splitSecrets } from '../runtime/secrets';
import { apiLambdaConfigSchema, readerSecretSchema, readTokensSchema } from './config';
import { createLambdaApi } from './lambda';
import { createApiMetrics } from './metrics';
import { createReader, createReaderClient } from './read';

const config = readConfig(apiLambdaConfigSchema, process.env);
const { API_READ_TOKENS_SECRET: tokensId, CLICKHOUSE_READER_SECRET: clickHouseId } = config;
const logger = createLogger('api-lambda', config.LOG_LEVEL);
const metrics = createApiMetrics();
const readerOf = (secretId: string) => createSecretReader({ region: config.AWS_REGION, secretId });

const api = keepMade({
  read: joinSecrets(readerOf(tokensId), readerOf(clickHouseId)),
  make: async (secrets) => {
    const [tokensText, clickHouseText = ''] = splitSecrets(secrets);
    const tokens = parseConfig(readTokensSchema, tokensText, `The secret ${tokensId}`);
    if (tokens.some((token) => token.length < 16))
      logger.warn('a read token has fewer than 16 characters: too easy to guess for the internet');
    const clickHouse = createReaderClient(readSecretConfig(readerSecretSchema, clickHouseText, clickHouseId));
    const { answer, close } = await createLambdaApi({
      startReading: createReader(clickHouse),
      tokens,
      publicPart: config.API_PUBLIC,
      cacheSeconds: config.API_CACHE_SECONDS,
      rateLimit: config.API_RATE_LIMIT,
      grafanaUrl: config.GRAFANA_URL,
      logger,
      metrics,
      now: Date.now,
    });
    return {
      answer,
      close() {
        close();
        void clickHouse.close();
      },
    };
  },
  close: (made) => made.close(),
  logger,
  now: Date.now,
  maxAgeMs: 300_000,
});
// A cold start has the processor to itself before the first event does; what fails here is tried again with that.
api().catch((error: unknown) => logger.warn({ err: error }, 'the secrets were not read at the start'));

/** The function behind an HTTP API or a function URL, payload format 2.0. */
export const handler = async (event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> =>
  (await api()).answer(event);
