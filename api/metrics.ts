import { Counter, Registry, collectDefaultMetrics } from 'prom-client';
import { createRequestMetrics } from '../runtime/http/observe';

export type ApiMetrics = ReturnType<typeof createApiMetrics>;

/** The service's metrics. Labels are closed sets: no repository, PR or other word of a reader's. */
export function createApiMetrics(registry = new Registry()) {
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    ...createRequestMetrics(registry, 'api'),
    lookups: new Counter<'route' | 'origin'>({
      name: 'oot_api_lookups_total',
      help: 'Answers by where their numbers came from: cache, joined (a look-up that went on), loaded (ClickHouse)',
      labelNames: ['route', 'origin'],
      registers: [registry],
    }),
  };
}
