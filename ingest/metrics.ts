import { Counter, Registry, collectDefaultMetrics } from 'prom-client';
import { createRequestMetrics } from '../runtime/http/observe';
import type { Reason } from './answers';
import type { WriteKind } from './merge';

export type IngestMetrics = ReturnType<typeof createIngestMetrics>;

/** The service's metrics. Labels are closed sets: no repository, key or other word of a sender's. */
export function createIngestMetrics(registry = new Registry()) {
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    ...createRequestMetrics(registry, 'ingest'),
    writes: new Counter<'kind'>({
      name: 'oot_ingest_writes_total',
      help: 'Callbacks by what they did to their item: new, advanced, filled, unchanged, conflicting',
      labelNames: ['kind'],
      registers: [registry],
    }),
  };
}

export type RequestLabels = { route: string; status: string; reason: Reason };
export type WriteLabels = { kind: WriteKind };
