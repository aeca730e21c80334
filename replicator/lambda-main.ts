import type { DynamoDBBatchResponse, DynamoDBStreamEvent } from 'aws-lambda';
import { createClickHouse } from '../clickhouse/client';
import { readConfig, readSecretConfig } from '../runtime/env';
import { createLogger } from '../runtime/logger';
import { createSecretReader, keepMade } from '../runtime/secrets';
import { clickHouseSecretSchema, replicatorLambdaConfigSchema } from './config';
import { createLambdaHandler } from './lambda';
import { createSink } from './sink';

// Migrations are not a Lambda's business: `npm run migrate`.
const config = readConfig(replicatorLambdaConfigSchema, process.env);
const { CLICKHOUSE_SECRET: secretId } = config;
const logger = createLogger('replicator-lambda', config.LOG_LEVEL);

/**
 * A batch takes some requests, one after the other (insert, rank, runs, heartbeat), and the function has 180 s: it has to
 * say itself that a batch failed, since Lambda would take one that timed out for bad and halve it.
 */
const requestTimeoutMs = 20_000;

const replicator = keepMade({
  read: secretId ? createSecretReader({ region: config.AWS_REGION, secretId }) : () => Promise.resolve(''),
  make: (secret) => {
    const clickHouse = createClickHouse(
      secretId ? readSecretConfig(clickHouseSecretSchema, secret, secretId) : config,
      requestTimeoutMs,
    );
    const sink = createSink({ client: clickHouse, now: Date.now });
    const handle = createLambdaHandler({ sink, clickHouse, logger, now: Date.now });
    return Promise.resolve({ handle, clickHouse });
  },
  close: ({ clickHouse }) => void clickHouse.close(),
  logger,
  now: Date.now,
  maxAgeMs: 300_000,
});
// A cold start has the processor to itself before the first event does; what fails here is tried again with that.
replicator().catch((error: unknown) => logger.warn({ err: error }, 'the secret was not read at the start'));

/** The function for an event source mapping with ReportBatchItemFailures, starting at TRIM_HORIZON. */
export const handler = async (event: DynamoDBStreamEvent): Promise<DynamoDBBatchResponse> =>
  (await replicator()).handle(event);
