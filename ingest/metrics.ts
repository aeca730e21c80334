import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { Reason } from './answers';
import type { WriteKind } from './merge';

export type IngestMetrics = ReturnType<typeof createIngestMetrics>;

/** The service's metrics. Labels are closed sets: no repository, key or other word of a sender's. */
export function createIngestMetrics(registry = new Registry()) {
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    requests: new Counter<'route' | 'status' | 'reason'>({
      name: 'oot_ingest_requests_total',
      help: 'Answers by route, HTTP status and reason',
      labelNames: ['route', 'status', 'reason'],
      registers: [registry],
    }),
    latency: new Histogram<'route'>({
      name: 'oot_ingest_request_duration_seconds',
      help: 'Seconds from the headers of a request to the end of its answer',
      labelNames: ['route'],
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 9],
      registers: [registry],
    }),
    writes: new Counter<'kind'>({
      name: 'oot_ingest_writes_total',
      help: 'Callbacks by what they did to their item: new, advanced, filled, unchanged, conflicting',
      labelNames: ['kind'],
      registers: [registry],
    }),
    inFlight: new Gauge({
      name: 'oot_ingest_requests_in_flight',
      help: 'Requests that are being answered now',
      registers: [registry],
    }),
  };
}

export type RequestLabels = { route: string; status: string; reason: Reason };
export type WriteLabels = { kind: WriteKind };
