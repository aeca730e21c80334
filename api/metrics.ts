import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

export type ApiMetrics = ReturnType<typeof createApiMetrics>;

/** The service's metrics. Labels are closed sets: no repository, PR or other word of a reader's. */
export function createApiMetrics(registry = new Registry()) {
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    requests: new Counter<'route' | 'status' | 'reason'>({
      name: 'oot_api_requests_total',
      help: 'Answers by route, HTTP status and reason',
      labelNames: ['route', 'status', 'reason'],
      registers: [registry],
    }),
    latency: new Histogram<'route'>({
      name: 'oot_api_request_duration_seconds',
      help: 'Seconds from the headers of a request to the end of its answer',
      labelNames: ['route'],
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 9],
      registers: [registry],
    }),
    lookups: new Counter<'route' | 'origin'>({
      name: 'oot_api_lookups_total',
      help: 'Answers by where their numbers came from: cache, joined (a look-up that went on), loaded (ClickHouse)',
      labelNames: ['route', 'origin'],
      registers: [registry],
    }),
    inFlight: new Gauge({
      name: 'oot_api_requests_in_flight',
      help: 'Requests that are being answered now',
      registers: [registry],
    }),
  };
}
