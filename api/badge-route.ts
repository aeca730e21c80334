import type { RequestHandler } from 'express';
import type { Logger } from '../runtime/logger';
import { refuseIssues, send } from './answers';
import { readBackendState, type BackendState } from './backend-state';
import { renderBadge } from './badge';
import type { Cache } from './cache';
import { isForTheMoment, reportUnavailable } from './faults';
import type { ApiMetrics } from './metrics';
import type { StartReading } from './read';
import { readBadgeRequest } from './requests';

/**
 * How long others may keep a badge. GitHub's image proxy (Camo) does as it is told, also with what it could not get:
 * without caching it would ask at every look at a README, and run into the rate limit.
 */
const maxAgeSeconds = { known: 300, unknown: 60 };

/** GitHub's image proxy waits for 4 s. */
const lookupTimeoutMs = 3_000;

/**
 * Answers a backend's badge. One that is not registered has a grey one and status 200, and so has everybody while
 * ClickHouse is away: GitHub shows a broken image for what comes with any other.
 */
export function createBadgeHandler(deps: {
  cache: Cache<BackendState>;
  startReading: StartReading;
  metrics: ApiMetrics;
  logger: Logger;
  isPublic: boolean;
}): RequestHandler {
  const { cache, startReading, metrics, logger, isPublic } = deps;
  return async (req, res) => {
    const asked = readBadgeRequest(req.params, req.query);
    if (!asked.ok) {
      refuseIssues(res, asked.issues);
      return;
    }
    const { owner, repo, label } = asked.value;
    const backend = `${owner}/${repo}`;
    const shown = await cache
      .get(backend, () => readBackendState(startReading(lookupTimeoutMs), backend))
      .then(({ value, origin }) => {
        metrics.lookups.inc({ route: 'badge', origin });
        return value;
      })
      .catch((error: unknown) => {
        if (!isForTheMoment(error)) throw error;
        res.locals.reason = reportUnavailable(logger, res, error);
        return 'unavailable' as const;
      });
    const isStateKnown = shown !== 'unavailable' && shown.state !== null;
    res.set('Cross-Origin-Resource-Policy', 'cross-origin');
    send(req, res, {
      type: 'image/svg+xml',
      body: renderBadge(label, shown),
      isPublic,
      maxAgeSeconds: isStateKnown ? maxAgeSeconds.known : maxAgeSeconds.unknown,
    });
  };
}
