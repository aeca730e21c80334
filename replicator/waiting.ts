import { classifyFailure, failureSlug } from '../clickhouse/errors';
import { isTransientAwsError } from '../runtime/aws-errors';
import { retry } from '../runtime/retry';
import type { PollerDeps } from './poller-deps';

/*
 * Both services being away is waited out, for as long as it takes, aloud: in the log and in metrics.
 */

/** Tries a write to ClickHouse until it is confirmed. Throws what waiting can't cure. */
export const retryClickHouse = <T>(
  deps: PollerDeps,
  signal: AbortSignal,
  call: () => Promise<T>,
): Promise<T> =>
  retrySettling(deps, signal, async () => {
    const result = await call();
    deps.metrics.clickHouseUp.set(1);
    return result;
  });

/** The same for what may have nothing to ask, so that its success says nothing of ClickHouse. */
export function retrySettling<T>(deps: PollerDeps, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  const { logger, metrics } = deps;
  return retry(call, {
    isRetryable: (error) => classifyFailure(error) === 'retryable',
    onRetry: (error, tries, delayMs) => {
      metrics.clickHouseUp.set(0);
      metrics.retries.inc({ service: 'clickhouse' });
      logger.warn(
        { failure: failureSlug(error), tries, delayMs },
        'ClickHouse did not take a batch; holding the position',
      );
    },
    signal,
    capMs: 10_000,
  });
}

/** Tries a call of DynamoDB until it answers. Throws what waiting can't cure. */
export function retryAws<T>(deps: PollerDeps, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  return retry(call, { isRetryable: isTransientAwsError, onRetry: onAwsRetry(deps), signal });
}

/** Says that DynamoDB is being waited for. */
export const onAwsRetry =
  ({ logger, metrics }: PollerDeps) =>
  (error: unknown, tries: number, delayMs: number) => {
    metrics.retries.inc({ service: 'dynamodb' });
    logger.warn({ err: error, tries, delayMs }, 'DynamoDB did not answer; trying again');
  };
