import { randomUUID } from 'node:crypto';
import type { RequestHandler } from 'express';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Logger } from '../logger';

/** What {@link observe} counts. */
export type RequestMetrics = ReturnType<typeof createRequestMetrics>;

/** What is counted of every request of a service. Labels are closed sets: nothing that a sender wrote. */
export function createRequestMetrics(registry: Registry, service: 'ingest' | 'api') {
  return {
    requests: new Counter<'route' | 'status' | 'reason'>({
      name: `oot_${service}_requests_total`,
      help: 'Answers by route, HTTP status and reason',
      labelNames: ['route', 'status', 'reason'],
      registers: [registry],
    }),
    latency: new Histogram<'route'>({
      name: `oot_${service}_request_duration_seconds`,
      help: 'Seconds from the headers of a request to the end of its answer',
      labelNames: ['route'],
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 9],
      registers: [registry],
    }),
    inFlight: new Gauge({
      name: `oot_${service}_requests_in_flight`,
      help: 'Requests that are being answered now',
      registers: [registry],
    }),
  };
}

/**
 * Gives each request an id, and counts and logs its answer: never its path, body, query or headers. Handlers say its
 * route with {@link routeAs}, and in `res.locals.reason` why it was answered so. Routes other than `loudRoute` are
 * logged at `debug` unless they fail.
 */
export function observe(deps: {
  logger: Logger;
  metrics: RequestMetrics;
  loudRoute: string;
}): RequestHandler {
  const { logger, metrics, loudRoute } = deps;
  return (req, res, next) => {
    const startedNs = process.hrtime.bigint();
    const requestId = randomUUID();
    res.locals.requestId = requestId;
    res.set('X-Request-Id', requestId);
    metrics.inFlight.inc();
    res.once('close', () => {
      const route = (res.locals.route as string | undefined) ?? 'other';
      const seconds = Number(process.hrtime.bigint() - startedNs) / 1e9;
      const finished = res.writableFinished;
      const reason = finished ? ((res.locals.reason as string | undefined) ?? 'ok') : 'aborted';
      metrics.inFlight.dec();
      metrics.latency.observe({ route }, seconds);
      metrics.requests.inc({ route, status: finished ? String(res.statusCode) : 'none', reason });
      const level = res.statusCode >= 500 ? 'error' : route === loudRoute ? 'info' : 'debug';
      logger[level](
        {
          requestId,
          route,
          method: req.method,
          status: res.statusCode,
          reason,
          ms: Math.round(seconds * 1e3),
        },
        'request answered',
      );
    });
    next();
  };
}

/** Names the request's route for metrics and logs; the path itself may be anything. */
export const routeAs =
  (route: string): RequestHandler =>
  (_req, res, next) => {
    res.locals.route = route;
    next();
  };
