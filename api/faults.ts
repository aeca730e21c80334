import type { ErrorRequestHandler, Response } from 'express';
import { failureSlug } from '../clickhouse/errors';
import type { Logger } from '../runtime/logger';
import { refuse, refuseIssues, type Reason } from './answers';
import { OverloadedError } from './cache';
import { ClickHouseUnavailableError } from './read';

/** Whether the same request may work later. */
export const isForTheMoment = (error: unknown): error is ClickHouseUnavailableError | OverloadedError =>
  error instanceof ClickHouseUnavailableError || error instanceof OverloadedError;

/** Logs why there are no results, by a code alone, and returns the reason for the metric. */
export function reportUnavailable(
  logger: Logger,
  res: Response,
  error: ClickHouseUnavailableError | OverloadedError,
): Reason {
  const requestId = res.locals.requestId as string;
  logger.error({ requestId, failure: failureSlug(error.cause ?? error) }, 'results are not available');
  return error instanceof OverloadedError ? 'overloaded' : 'clickhouse_unavailable';
}

/** Answers what handlers threw: never a word of ClickHouse's. */
export function refuseFaults(logger: Logger): ErrorRequestHandler {
  // Express tells an error handler by its four parameters.
  return (error: unknown, _req, res, _next) => {
    if (isForTheMoment(error)) {
      const reason = reportUnavailable(logger, res, error);
      refuse(res, { status: 503, reason, error: 'The results are not available now, try again' });
      return;
    }
    // Express' own: a path that can't be decoded.
    if (error instanceof URIError || (error as { status?: unknown } | null)?.status === 400) {
      refuseIssues(res, [{ path: 'path', message: 'can not be decoded' }]);
      return;
    }
    logger.error({ requestId: res.locals.requestId as string, err: error }, 'request failed');
    refuse(res, { status: 500, reason: 'defect', error: 'Internal error' });
  };
}
