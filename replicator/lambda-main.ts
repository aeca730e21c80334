import { createClickHouse } from '../clickhouse/client';
import { readConfig } from '../runtime/env';
import { createLogger } from '../runtime/logger';
import { replicatorConfigSchema } from './config';
import { createLambdaHandler } from './lambda';
import { createSink } from './sink';

// Built once a container, at its cold start. Migrations are not a Lambda's business: `npm run migrate`.
const config = readConfig(replicatorConfigSchema, process.env);
const clickHouse = createClickHouse(config);

/** The function for an event source mapping with ReportBatchItemFailures, starting at TRIM_HORIZON. */
export const handler = createLambdaHandler({
  sink: createSink({ client: clickHouse, now: Date.now }),
  clickHouse,
  logger: createLogger('replicator-lambda', config.LOG_LEVEL),
  now: Date.now,
});
