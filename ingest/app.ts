import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import { createMetricsReader } from '../runtime/http/metrics-reader';
import { observe, routeAs } from '../runtime/http/observe';
import type { Logger } from '../runtime/logger';
import { refuse, refuseIssues } from './answers';
import { createAuthorizer } from './auth';
import { afterBody, parseBody, readBody, refuseUnreadable, requireJson } from './body';
import { parseCallback } from './contract/callback';
import type { IngestMetrics } from './metrics';
import { createRecord } from './record';
import type { ResultStore } from './store';
import { StoreUnavailableError } from './store-errors';

export type AppDeps = {
  store: ResultStore;
  /** Shared secrets of the relay; any of them opens the door. None: every callback gets a 500. */
  tokens: readonly string[];
  logger: Logger;
  metrics: IngestMetrics;
  /** True once the process is asked to stop: requests that come in from then on get 503. */
  isDraining?: () => boolean;
  /** Body bytes after inflating; the boundary itself passes. Default 2 MB. */
  maxBodyBytes?: number;
  /** From a request's headers to its answer. The relay gives up, without a retry, at 10 s. Default 8.2 s. */
  deadlineMs?: number;
  /** For one write to DynamoDB, its retries included. Default 8 s. */
  storeTimeoutMs?: number;
};

/** Both paths of the relay: the original design's, and the one since "OOT" was renamed "CRCR". */
const resultPaths = ['/api/oot/results', '/api/crcr/results'];
const retryAfterSeconds = 2;

/** The ingest service as an Express app that listens nowhere. */
export function createApp(deps: AppDeps): Express {
  const { store, logger, metrics } = deps;
  const maxBodyBytes = deps.maxBodyBytes ?? 2 * 1024 * 1024;
  const deadlineMs = deps.deadlineMs ?? 8_200;
  const storeTimeoutMs = deps.storeTimeoutMs ?? 8_000;
  const isAuthorized = createAuthorizer(deps.tokens);

  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');

  app.use(observe({ logger, metrics, loudRoute: 'results' }));
  app.use((req, res, next) => {
    if (!deps.isDraining?.()) next();
    else {
      afterBody(req, () =>
        refuse(res, {
          status: 503,
          reason: 'draining',
          error: 'Shutting down, try again',
          retryAfterSeconds,
          headers: { Connection: 'close' },
        }),
      );
    }
  });

  app.use((req, res, next) => {
    if (req.headers.host !== undefined || req.httpVersion === '1.0') next();
    else refuseIssues(res, [{ path: 'host', message: 'is required' }]);
  });

  const requirePost: RequestHandler = (req, res, next) => {
    if (req.method === 'POST') next();
    else
      refuse(res, { status: 405, reason: 'method', error: 'Method not allowed', headers: { Allow: 'POST' } });
  };

  const authorize: RequestHandler = (req, res, next) => {
    if (deps.tokens.length === 0) {
      refuse(res, { status: 500, reason: 'misconfigured', error: 'Server misconfigured' });
    } else if (isAuthorized(req.headers)) next();
    else refuse(res, { status: 401, reason: 'unauthorized', error: 'Unauthorized' });
  };

  /** Answers 503 when a request has taken too long, a body that trickles in included, and tells the rest to stop. */
  const limitTime: RequestHandler = (_req, res, next) => {
    const deadline = new AbortController();
    res.locals.deadline = deadline.signal;
    const timer = setTimeout(() => {
      refuse(res, {
        status: 503,
        reason: 'deadline',
        error: 'Took too long, try again',
        retryAfterSeconds,
        headers: { Connection: 'close' },
      });
      deadline.abort();
    }, deadlineMs);
    res.once('close', () => clearTimeout(timer));
    next();
  };

  const takeResult: RequestHandler = async (req, res) => {
    const read = readRecord(res.locals.body);
    // A body can be a hundred times as large in memory as it was on the wire: it does not wait for DynamoDB too.
    res.locals.body = req.body = undefined;
    if (!read.ok) {
      refuseIssues(res, read.issues);
      return;
    }
    const { record } = read;
    const signal = AbortSignal.any([res.locals.deadline as AbortSignal, AbortSignal.timeout(storeTimeoutMs)]);
    const kind = await store.write(record, signal);
    metrics.writes.inc({ kind });
    if (kind === 'conflicting') {
      logger.warn({ requestId: res.locals.requestId as string }, 'a second, different outcome was not taken');
    }
    if (!res.headersSent)
      res.status(200).json({ ok: true, status: record.status, dynamoKey: record.dynamoKey });
  };

  for (const path of resultPaths) {
    app.all(
      path,
      routeAs('results'),
      requirePost,
      authorize,
      requireJson,
      limitTime,
      readBody(maxBodyBytes),
      parseBody,
      takeResult,
    );
  }
  app.get('/healthz', routeAs('healthz'), (_req, res) => {
    res.json({ ok: true });
  });
  app.get('/readyz', routeAs('readyz'), async (_req, res) => {
    await store.ping(AbortSignal.timeout(2_000));
    res.json({ ok: true });
  });
  const readMetrics = createMetricsReader(metrics.registry);
  app.get('/metrics', routeAs('metrics'), async (_req, res) => {
    res.set('Content-Type', metrics.registry.contentType).send(await readMetrics());
  });
  app.use((_req, res) => refuse(res, { status: 404, reason: 'not_found', error: 'Not found' }));

  app.use(refuseUnreadable);
  app.use(refuseFaults(logger));
  return app;
}

function readRecord(body: unknown) {
  const parsed = parseCallback(body);
  return parsed.ok ? { ok: true as const, record: createRecord(parsed.callback) } : parsed;
}

function refuseFaults(logger: Logger): ErrorRequestHandler {
  // Express tells an error handler by its four parameters.
  return (error: unknown, _req, res, _next) => {
    const requestId = res.locals.requestId as string;
    if (error instanceof StoreUnavailableError) {
      logger.error({ requestId, err: error.cause }, 'DynamoDB is not available');
      refuse(res, {
        status: 503,
        reason: 'store_unavailable',
        error: 'DynamoDB is not available, try again',
        retryAfterSeconds,
      });
      return;
    }
    logger.error({ requestId, err: error }, 'request failed');
    refuse(res, { status: 500, reason: 'defect', error: 'Internal error writing to DynamoDB' });
  };
}
