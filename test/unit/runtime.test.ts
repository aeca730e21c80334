import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { z } from 'zod';
import { ConfigError, readConfig } from '../../runtime/env';
import { describeError } from '../../runtime/logger';
import { retry, StoppedError } from '../../runtime/retry';
import { withoutSdkLog } from '../../runtime/aws';
import { isTransientAwsError } from '../../runtime/aws-errors';
import { ingestConfigSchema } from '../../ingest/config';

describe('readConfig', () => {
  it('names every bad key at once, and no value', () => {
    const schema = z.object({ PORT: z.coerce.number(), TOKEN: z.string().min(20), HOST: z.string() });
    const read = () => readConfig(schema, { PORT: 'eighty', TOKEN: 'hunter2' });
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(/PORT: .*\n {2}TOKEN: .*\n {2}HOST: /);
    expect(read).not.toThrow(/hunter2/);
  });

  it('counts an empty string as unset', () => {
    expect(readConfig(z.object({ HOST: z.string().default('127.0.0.1') }), { HOST: '' })).toEqual({
      HOST: '127.0.0.1',
    });
  });

  it.each([[undefined], [''], [' , ']])(
    'refuses to start ingest with the tokens %j, and says what is missing',
    (tokens) => {
      expect(() => readConfig(ingestConfigSchema, { OOT_RELAY_TOKENS: tokens })).toThrow(
        /OOT_RELAY_TOKENS: /,
      );
    },
  );

  it('splits tokens at commas', () => {
    expect(readConfig(ingestConfigSchema, { OOT_RELAY_TOKENS: ' one , two,' }).OOT_RELAY_TOKENS).toEqual([
      'one',
      'two',
    ]);
  });
});

describe('describeError', () => {
  it('keeps class, code and frames, and drops the message, which may quote a row', () => {
    const error = Object.assign(new TypeError('row: secret'), { code: '27', cause: new Error('secret too') });
    const described = describeError(error);
    expect(described).toMatchObject({ name: 'TypeError', code: '27', cause: { name: 'Error' } });
    expect(JSON.stringify(described)).not.toMatch(/secret/);
  });
});

describe('retry', () => {
  const signal = new AbortController().signal;

  it('waits longer each time, within its bounds, until it works', async () => {
    const waits: number[] = [];
    let tries = 0;
    const result = await retry(
      () => (++tries < 6 ? Promise.reject(new Error('away')) : Promise.resolve(tries)),
      {
        isRetryable: () => true,
        onRetry: () => undefined,
        signal,
        baseMs: 100,
        capMs: 1_000,
        sleep: (ms) => {
          waits.push(ms);
          return Promise.resolve();
        },
      },
    );
    expect(result).toBe(6);
    expect(waits).toHaveLength(5);
    [100, 200, 400, 800, 1_000].forEach((longest, index) => {
      expect(waits[index]).toBeGreaterThanOrEqual(longest / 2);
      expect(waits[index]).toBeLessThanOrEqual(longest);
    });
  });

  it('throws at once what is not to be retried', async () => {
    const failing = () => Promise.reject(new Error('for good'));
    await expect(
      retry(failing, { isRetryable: () => false, onRetry: () => undefined, signal }),
    ).rejects.toThrow('for good');
  });

  it('stops between two tries when its signal aborts', async () => {
    const stop = new AbortController();
    const failing = () => Promise.reject(new Error('away'));
    const pending = retry(failing, {
      isRetryable: () => true,
      onRetry: () => stop.abort(),
      signal: stop.signal,
      baseMs: 60_000,
    });
    await expect(pending).rejects.toThrow(StoppedError);
  });
});

describe('isTransientAwsError', () => {
  const error = (fields: object) => Object.assign(new Error('x'), fields);
  it.each([
    [true, error({ name: 'ProvisionedThroughputExceededException', $metadata: { httpStatusCode: 400 } })],
    [true, error({ name: 'ThrottlingException', $metadata: { httpStatusCode: 400 } })],
    [true, error({ name: 'TimeoutError' })],
    [true, error({ code: 'ECONNREFUSED' })],
    [true, error({ code: 'EAI_AGAIN' })],
    [true, error({ name: 'TooManyRequestsException', $metadata: { httpStatusCode: 400 } })],
    [true, error({ name: 'SomethingNew', $metadata: { httpStatusCode: 503 } })],
    [false, error({ name: 'ValidationException', $metadata: { httpStatusCode: 400 } })],
    [false, error({ name: 'ResourceNotFoundException', $metadata: { httpStatusCode: 400 } })],
    [false, error({ name: 'AccessDeniedException', $metadata: { httpStatusCode: 400 } })],
    [false, new TypeError('a defect')],
    [false, 'a string'],
  ])('is %s for %s', (expected, thrown) => {
    expect(isTransientAwsError(thrown)).toBe(expected);
  });
});

describe('withoutSdkLog', () => {
  it('takes the log out of a client of the SDK, which still has it under that name', () => {
    const client = new DynamoDBClient({ region: 'us-east-1' });
    const names = () => client.middlewareStack.identify().map((line) => line.split(' - ')[0]);
    const before = names();
    expect(withoutSdkLog(client)).toBe(client);
    expect(before.filter((name) => !names().includes(name))).toEqual(['loggerMiddleware']);
    client.destroy();
  });
});
