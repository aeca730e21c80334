import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { awsClientOptions, withoutSdkLog } from '../runtime/aws';
import { readConfig } from '../runtime/env';
import { createLogger } from '../runtime/logger';
import { exitWith, onShutdown, tellReady } from '../runtime/shutdown';
import { createApp } from './app';
import { ingestConfigSchema } from './config';
import { createIngestMetrics } from './metrics';
import { listen } from '../runtime/http/server';
import { createResultStore, storeClientOptions } from './store';
import { ensureTable } from './table';

async function main(): Promise<void> {
  const config = readConfig(ingestConfigSchema, process.env);
  const logger = createLogger('ingest', config.LOG_LEVEL);
  const client = withoutSdkLog(new DynamoDBClient({ ...awsClientOptions(config), ...storeClientOptions }));
  if (config.OOT_RELAY_TOKENS.some((token) => token.length < 16)) {
    logger.warn(
      'a token of OOT_RELAY_TOKENS has fewer than 16 characters: too easy to guess for the internet',
    );
  }
  if (config.OOT_CREATE_TABLE) await ensureTable(client, config.OOT_TABLE);

  let draining = false;
  const app = createApp({
    store: createResultStore({ client, tableName: config.OOT_TABLE, now: Date.now }),
    tokens: config.OOT_RELAY_TOKENS,
    logger,
    metrics: createIngestMetrics(),
    isDraining: () => draining,
  });
  const { port, drain } = await listen(app, config.PORT, config.HOST);
  onShutdown(async (why) => {
    draining = true;
    logger.info({ why }, 'draining');
    await drain();
    client.destroy();
    logger.info('stopped');
  });
  logger.info({ host: config.HOST, port, table: config.OOT_TABLE }, 'listening');
  tellReady({ port });
}

main().catch(exitWith);
