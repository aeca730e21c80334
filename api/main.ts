import { readConfig } from '../runtime/env';
import { listen } from '../runtime/http/server';
import { createLogger } from '../runtime/logger';
import { exitWith, onShutdown, tellReady } from '../runtime/shutdown';
import { createApp } from './app';
import { apiConfigSchema } from './config';
import { createApiMetrics } from './metrics';
import { createReader, createReaderClient } from './read';

async function main(): Promise<void> {
  const config = readConfig(apiConfigSchema, process.env);
  const logger = createLogger('api', config.LOG_LEVEL);
  if (config.API_READ_TOKENS.some((token) => token.length < 16)) {
    logger.warn(
      'a token of API_READ_TOKENS has fewer than 16 characters: too easy to guess for the internet',
    );
  }
  if (config.API_PUBLIC === 'badges' && config.API_READ_TOKENS.length === 0) {
    logger.warn('there is no token in API_READ_TOKENS: only badges are answered');
  }
  const clickHouse = createReaderClient(config);

  let draining = false;
  const app = createApp({
    startReading: createReader(clickHouse),
    tokens: config.API_READ_TOKENS,
    publicPart: config.API_PUBLIC,
    cacheSeconds: config.API_CACHE_SECONDS,
    rateLimit: config.API_RATE_LIMIT,
    trustedProxies: config.API_TRUST_PROXY,
    grafanaUrl: config.GRAFANA_URL,
    logger,
    metrics: createApiMetrics(),
    now: Date.now,
    isDraining: () => draining,
  });
  const { port, drain } = await listen(app, config.API_PORT, config.HOST);
  onShutdown(async (why) => {
    draining = true;
    logger.info({ why }, 'draining');
    await drain();
    await clickHouse.close();
    logger.info('stopped');
  });
  logger.info({ host: config.HOST, port, public: config.API_PUBLIC }, 'listening');
  tellReady({ port });
}

main().catch(exitWith);
