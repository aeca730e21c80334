import { randomUUID } from 'node:crypto';
import type { RequestHandler } from 'express';
import type { Counter, Gauge, Histogram } from 'prom-client';
import type { Logger } from '../logger';

/** What is counted of every request. Labels are closed sets: nothing that a sender wrote. */
export type RequestMetrics = {
  requests: Counter<'route' | 'status' | 'reason'>;
  latency: Histogram<'route'>;
  inFlight: Gauge;
};

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
