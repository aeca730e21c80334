import { isNativeError } from 'node:util/types';

/** By name, as the SDK's own retry strategy tells them apart; all are worth another try. */
const transientNames = new Set([
  'AbortError',
  'BandwidthLimitExceeded',
  'ConnectionError',
  'EC2ThrottledException',
  'ExpiredTokenException',
  'InternalServerError',
  'LimitExceededException',
  'NetworkingError',
  'ProvisionedThroughputExceededException',
  'ReplicatedWriteConflictException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'ServiceUnavailable',
  'ServiceUnavailableException',
  'SlowDown',
  'ThrottlingException',
  'ThrottledException',
  'TimeoutError',
  'TooManyRequestsException',
  'TransactionConflictException',
]);

/** Whether an error of the AWS SDK is about the moment (throttled, unreachable, slow) and not about the request. */
export function isTransientAwsError(error: unknown): boolean {
  if (!isNativeError(error)) return false;
  if (transientNames.has(error.name)) return true;
  const { $metadata, $retryable, code } = error as {
    $metadata?: { httpStatusCode?: number };
    $retryable?: unknown;
    code?: unknown;
  };
  // Node's own network errors (ECONNREFUSED, ECONNRESET, EPIPE, ENOTFOUND ...) carry a code and no status.
  const isNetwork = typeof code === 'string' && /^(E[A-Z]+|EAI_[A-Z]+)$/.test(code);
  return isNetwork || Boolean($retryable) || ($metadata?.httpStatusCode ?? 0) >= 500;
}
