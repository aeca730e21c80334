import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { createClickHouse } from '../clickhouse/client';
import { ClusterError } from '../clickhouse/cluster';
import { classifyFailure, failureSlug } from '../clickhouse/errors';
import { migrate, MigrationError } from '../clickhouse/migrate';
import { awsClientOptions, patientRequests, withoutSdkLog } from '../runtime/aws';
import { isTransientAwsError } from '../runtime/aws-errors';
import { readConfig } from '../runtime/env';
import { createLogger } from '../runtime/logger';
import { retry } from '../runtime/retry';
import { exitWith, onShutdown, tellReady } from '../runtime/shutdown';
import { createCheckpoints } from './checkpoints';
import { checkpointTableOf, replicatorConfigSchema } from './config';
import { createReplicatorMetrics } from './metrics';
import { serveMetrics } from './metrics-server';
import { runPoller } from './poller';
import { createSink } from './sink';

async function main(): Promise<void> {
  const config = readConfig(replicatorConfigSchema, process.env);
  const logger = createLogger('replicator', config.LOG_LEVEL);
  const dynamo = withoutSdkLog(new DynamoDBClient({ ...awsClientOptions(config), ...patientRequests }));
  const streams = withoutSdkLog(
    new DynamoDBStreamsClient({ ...awsClientOptions(config), ...patientRequests }),
  );
  const clickHouse = createClickHouse(config);
  const metrics = createReplicatorMetrics();
  const stop = new AbortController();

  const server = await serveMetrics(metrics.registry, config.METRICS_PORT, config.HOST);
  const checkpoints = createCheckpoints({
    client: dynamo,
    tableName: checkpointTableOf(config),
    now: Date.now,
  });
  const run = async () => {
    const applied = await retry(() => migrate(clickHouse, { cluster: config.CLICKHOUSE_CLUSTER }), {
      isRetryable: (error) => classifyFailure(error) === 'retryable' && !isOurs(error),
      onRetry: (error, tries, delayMs) =>
        logger.warn({ failure: failureSlug(error), tries, delayMs }, 'ClickHouse is not there yet'),
      signal: stop.signal,
    });
    if (applied.length > 0) logger.info({ applied }, 'migrated');
    await retry(() => checkpoints.ensureTable(), {
      isRetryable: isTransientAwsError,
      onRetry: (error, tries, delayMs) =>
        logger.warn({ err: error, tries, delayMs }, 'DynamoDB is not there yet'),
      signal: stop.signal,
    });
    tellReady();
    await runPoller(
      {
        dynamo,
        streams,
        clickHouse,
        sink: createSink({ client: clickHouse, now: Date.now }),
        checkpoints,
        tableName: config.OOT_TABLE,
        logger,
        metrics,
        now: Date.now,
      },
      stop.signal,
    );
  };
  const running = run();
  onShutdown(async (why) => {
    logger.info({ why }, 'stopping');
    stop.abort();
    await running.catch(() => undefined);
    server.close();
    await clickHouse.close();
    logger.info('stopped');
  });
  await running;
}

/** A migration that can't be looks like any other error, but no waiting cures it. */
const isOurs = (error: unknown): boolean => error instanceof MigrationError || error instanceof ClusterError;

main().catch(exitWith);
