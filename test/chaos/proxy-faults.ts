import { sleep } from '../../runtime/retry';
import type { Random } from '../../local/demo/random';
import type { Answer, Call, Middleware } from './proxy';

/* What can go wrong between a part and its engine; each is switched on with `proxy.add`. */

/** Only the calls that `concerns` says yes to. */
export const only =
  (concerns: (call: Call) => boolean, fault: Middleware): Middleware =>
  (call, next) =>
    concerns(call) ? fault(call, next) : next(call);

/** A share of the calls, and of those one of several faults each. */
export const sometimes =
  (random: Random, share: number, faults: readonly Middleware[]): Middleware =>
  (call, next) =>
    random.chance(share) ? random.pick(faults)(call, next) : next(call);

/** The call waits before it is let through. */
export const delayed =
  (random: Random, minMs: number, maxMs: number): Middleware =>
  async (call, next) => {
    await sleep(random.between(minMs, maxMs));
    return next(call);
  };

/** The engine never hears of the call. */
export const answerInstead =
  (answer: Answer): Middleware =>
  () =>
    Promise.resolve(answer);

/** The engine does it, and the caller waits `holdMs` in vain: its connection is cut then. */
export const loseAnswer =
  (holdMs: () => number): Middleware =>
  async (call, next) => {
    await next(call);
    await sleep(holdMs());
    return 'cut';
  };

/** The engine does it and says so, and its answer is cut off in the middle. */
export const cutAnswer: Middleware = async (call, next) => {
  const answer = await next(call);
  return answer === 'cut' ? answer : { ...answer, cutAt: answer.body.length >> 1 };
};

/** The engine does it, and something else is said. */
export const answerAfterwards =
  (answer: Answer): Middleware =>
  async (call, next) => {
    await next(call);
    return answer;
  };

/** An error as ClickHouse words it. The code is what clients tell it by. */
export const clickHouseError = (code: number, type: string, text: string): Answer => ({
  status: 500,
  headers: {
    'content-type': 'text/plain; charset=UTF-8',
    'x-clickhouse-exception-code': String(code),
  },
  body: Buffer.from(`Code: ${code}. DB::Exception: ${text}. (${type}) (version 26.7.1.1)\n`),
});

/** What a load balancer says when the server behind it has gone. */
export const badGateway: Answer = {
  status: 502,
  headers: { 'content-type': 'text/html' },
  body: Buffer.from('<html><body>502 Bad Gateway</body></html>'),
};

export const clickHouseErrors = {
  outOfDisk: clickHouseError(243, 'NOT_ENOUGH_SPACE', 'Cannot reserve 1.00 MiB, not enough space'),
  tooManyParts: clickHouseError(252, 'TOO_MANY_PARTS', 'Too many parts (3000), merges are too slow'),
  memoryLimit: clickHouseError(241, 'MEMORY_LIMIT_EXCEEDED', '(total) memory limit exceeded'),
  keeperLost: clickHouseError(999, 'KEEPER_EXCEPTION', 'Session expired'),
  unknownStatusOfInsert: clickHouseError(
    319,
    'UNKNOWN_STATUS_OF_INSERT',
    'Unknown status, client must retry',
  ),
} as const;

/** An error as DynamoDB words it. */
export const dynamoError = (type: string, message: string, status = 400): Answer => ({
  status,
  headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-requestid': 'chaos' },
  body: Buffer.from(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message })),
});

export const dynamoErrors = {
  throughput: dynamoError('ProvisionedThroughputExceededException', 'The level of throughput is exceeded'),
  throttled: dynamoError('ThrottlingException', 'Rate of requests exceeds the allowed throughput'),
  requestLimit: dynamoError('RequestLimitExceeded', 'Throughput exceeds the current limit for your account'),
  internal: dynamoError('InternalServerError', 'Internal server error', 500),
  unavailable: dynamoError('ServiceUnavailable', 'The service is unavailable', 503),
} as const;

/** Calls of one of these DynamoDB operations. */
export const isOperation =
  (...names: string[]) =>
  (call: Call): boolean =>
    names.includes(operationOf(call));

/** Whether a call of ClickHouse writes rows (of whatever table). */
export const isInsert = ({ url }: Call): boolean => /[?&]query=INSERT/i.test(url.replaceAll('+', ' '));

/** The operation of a DynamoDB call: `UpdateItem`, `GetRecords` ... */
export const operationOf = ({ headers }: Call): string =>
  String(headers['x-amz-target'] ?? '').replace(/^.*\./, '');
