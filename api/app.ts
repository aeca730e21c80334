import express, { type Express, type RequestHandler } from 'express';
import { createTokenFinder } from '../runtime/http/auth';
import { createMetricsReader } from '../runtime/http/metrics-reader';
import { observe, routeAs } from '../runtime/http/observe';
import type { Logger } from '../runtime/logger';
import { refuse } from './answers';
import type { BackendState } from './backend-state';
import { createBadgeHandler } from './badge-route';
import { createCache } from './cache';
import type { PublicPart } from './config';
import { refuseFaults } from './faults';
import type { ApiMetrics } from './metrics';
import type { PrLookup } from './pr-results';
import { createPrHandler } from './pr-route';
import { limitRate } from './rate-limit';
import type { StartReading } from './read';

export type AppDeps = {
  startReading: StartReading;
  /** Secrets of readers; any of them opens what is not public. */
  tokens: readonly string[];
  publicPart: PublicPart;
  /** How old an answer may be. */
  cacheSeconds: number;
  /** Requests a minute of a client. */
  rateLimit: number;
  /** How many proxies stand before it. */
  trustedProxies: number;
  /** Where Grafana is, for links. */
  grafanaUrl?: string | undefined;
  logger: Logger;
  metrics: ApiMetrics;
  now: () => number;
  /** True once the process is asked to stop: requests that come in from then on get 503. */
  isDraining?: () => boolean;
};

/** Different things that are looked up at once; a PR takes nine queries. */
const maxLoads = 16;
const maxCacheBytes = 64 * 1024 * 1024;

/** The reading API as an Express app that listens nowhere. */
export function createApp(deps: AppDeps): Express {
  const { startReading, logger, metrics, now } = deps;
  const prs = createCache<PrLookup>({
    ttlMs: deps.cacheSeconds * 1_000,
    maxBytes: maxCacheBytes,
    maxLoads,
    bytesOf: (lookup) => 2 * JSON.stringify(lookup).length,
    now,
  });
  const states = createCache<BackendState>({
    ttlMs: Math.max(deps.cacheSeconds, 60) * 1_000,
    maxBytes: 1024 * 1024,
    maxLoads,
    bytesOf: () => 200,
    now,
  });
  // Who asks whether it is ready needs no token, and must not keep ClickHouse busy.
  const readiness = createCache<unknown>({
    ttlMs: 1_000,
    maxBytes: 1024,
    maxLoads: 1,
    bytesOf: () => 1,
    now,
  });
  const findToken = createTokenFinder(deps.tokens);

  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', deps.trustedProxies);

  app.use(observe({ logger, metrics, loudRoute: 'pr' }));
  app.use((_req, res, next) => {
    // Nothing here is a page: whatever a browser takes it for, it may load and run nothing.
    res.set({
      'X-Content-Type-Options': 'nosniff',
      'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
      'Referrer-Policy': 'no-referrer',
    });
    if (!deps.isDraining?.()) next();
    else {
      refuse(res, {
        status: 503,
        reason: 'draining',
        error: 'Shutting down, try again',
        headers: { Connection: 'close' },
      });
    }
  });

  const requireGet: RequestHandler = (req, res, next) => {
    if (req.method === 'GET' || req.method === 'HEAD') next();
    else
      refuse(res, {
        status: 405,
        reason: 'method',
        error: 'Method not allowed',
        headers: { Allow: 'GET, HEAD' },
      });
  };
  const authorize =
    (isPublic: boolean): RequestHandler =>
    (req, res, next) => {
      if (isPublic || findToken(req.headers) !== undefined) next();
      else
        refuse(res, {
          status: 401,
          reason: 'unauthorized',
          error: 'Unauthorized: send a read token as Authorization: Bearer',
          headers: { 'WWW-Authenticate': 'Bearer' },
        });
    };
  const arePrsPublic = deps.publicPart === 'all';
  const areBadgesPublic = deps.publicPart !== 'none';
  const tokenOf = ({ headers }: { headers: Record<string, string | string[] | undefined> }) =>
    findToken(headers);
  app.all(
    '/api/oot/prs/:owner/:repo/:number',
    routeAs('pr'),
    requireGet,
    limitRate(deps.rateLimit, tokenOf),
    authorize(arePrsPublic),
    createPrHandler({
      cache: prs,
      startReading,
      metrics,
      isPublic: arePrsPublic,
      cacheSeconds: deps.cacheSeconds,
      grafanaUrl: deps.grafanaUrl,
      now,
    }),
  );
  app.all(
    '/api/oot/badge/:owner/:repo.svg',
    routeAs('badge'),
    requireGet,
    limitRate(deps.rateLimit, tokenOf),
    authorize(areBadgesPublic),
    createBadgeHandler({ cache: states, startReading, metrics, logger, isPublic: areBadgesPublic }),
  );
  app.get('/healthz', routeAs('healthz'), (_req, res) => {
    res.json({ ok: true });
  });
  app.get('/readyz', routeAs('readyz'), async (_req, res) => {
    await readiness.get('views', () =>
      startReading(2_000)('SELECT count() FROM oot_backends', { fromMs: 0, toMs: 0, variables: {} }),
    );
    res.json({ ok: true });
  });
  const readMetrics = createMetricsReader(metrics.registry);
  app.get('/metrics', routeAs('metrics'), async (_req, res) => {
    res.set('Content-Type', metrics.registry.contentType).send(await readMetrics());
  });
  app.use((_req, res) => refuse(res, { status: 404, reason: 'not_found', error: 'Not found' }));
  app.use(refuseFaults(logger));
  return app;
}
