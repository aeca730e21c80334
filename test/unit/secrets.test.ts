import { clickHouseSecretSchema } from '../../replicator/config';
import { ConfigError, readSecretConfig } from '../../runtime/env';
import { joinSecrets, keepMade, splitSecrets } from '../../runtime/secrets';
import { silent } from '../helpers/engines';

/** Something that is made of a secret, with a clock that only the test moves. */
function open(secrets: (string | Error)[]) {
  const did: string[] = [];
  let nowMs = 0;
  const get = keepMade({
    read: () => {
      const secret = secrets.length > 1 ? secrets.shift() : secrets[0];
      did.push('read');
      return secret instanceof Error ? Promise.reject(secret) : Promise.resolve(secret ?? '');
    },
    make: (secret) => {
      if (secret === 'bad') return Promise.reject(new ConfigError('bad'));
      did.push(`make ${secret}`);
      return Promise.resolve({ of: secret });
    },
    close: ({ of }) => did.push(`close ${of}`),
    logger: silent,
    now: () => nowMs,
    maxAgeMs: 1_000,
  });
  return { get, did, pass: (ms: number) => (nowMs += ms) };
}

describe('what is made of a secret', () => {
  it('is kept, and the secret not read again, until it is 1,000 ms old', async () => {
    const { get, did, pass } = open(['a', 'b']);
    const made = await get();
    pass(999);
    expect(await get()).toBe(made);
    pass(1);
    expect(await get()).toEqual({ of: 'b' });
    expect(did).toEqual(['read', 'make a', 'read', 'make b', 'close a']);
  });

  it('is the same while the secret is', async () => {
    const { get, did, pass } = open(['a', 'a']);
    const made = await get();
    pass(1_000);
    expect(await get()).toBe(made);
    pass(999);
    await get();
    expect(did).toEqual(['read', 'make a', 'read']);
  });

  it('is made once for all who ask at once', async () => {
    const { get, did } = open(['a']);
    const [one, two] = await Promise.all([get(), get()]);
    expect(one).toBe(two);
    expect(did).toEqual(['read', 'make a']);
  });

  it.each([
    ['can not be read', new Error('down')],
    ['makes nothing', 'bad'],
  ])('goes on where the next secret %s, and is looked at again later', async (_, next) => {
    const { get, did, pass } = open(['a', next, 'b']);
    const made = await get();
    pass(1_000);
    expect(await get()).toBe(made);
    pass(999);
    expect(await get()).toBe(made);
    pass(1);
    expect(await get()).toEqual({ of: 'b' });
    expect(did).toEqual(['read', 'make a', 'read', 'read', 'make b', 'close a']);
  });

  it('fails the first time, and works the next', async () => {
    const { get } = open([new Error('down'), 'a']);
    await expect(get()).rejects.toThrow('down');
    expect(await get()).toEqual({ of: 'a' });
  });
});

describe('several secrets', () => {
  it('are read as one, which is another one when any of them is', async () => {
    const texts = ['a,"b"', '{"c":1}'];
    const read = joinSecrets(...texts.map((_, n) => () => Promise.resolve(texts[n]!)));
    const signal = AbortSignal.timeout(1_000);
    const joined = await read(signal);
    expect(splitSecrets(joined)).toEqual(texts);
    texts[1] = '';
    expect(await read(signal)).not.toBe(joined);
  });

  it('can not be read where one can not', async () => {
    const read = joinSecrets(
      () => Promise.resolve('a'),
      () => Promise.reject(new Error('down')),
    );
    await expect(read(AbortSignal.timeout(1_000))).rejects.toThrow('down');
  });
});

describe('a configuration in a secret', () => {
  const read = (secret: string) => readSecretConfig(clickHouseSecretSchema, secret, 'oot/clickhouse');

  it('has the keys that the environment would have', () => {
    expect(read('{"CLICKHOUSE_URL":"https://clickhouse:8443","CLICKHOUSE_PASSWORD":"p"}')).toEqual({
      CLICKHOUSE_URL: 'https://clickhouse:8443',
      CLICKHOUSE_USER: 'default',
      CLICKHOUSE_PASSWORD: 'p',
      CLICKHOUSE_DATABASE: 'default',
    });
  });

  it.each([
    ['hunter2', 'The secret oot/clickhouse is not JSON'],
    [
      '"hunter2"',
      'The secret oot/clickhouse is not usable:\n  Invalid input: expected object, received string',
    ],
    [
      '{"CLICKHOUSE_URL":"hunter2","CLICKHOUSE_DATABASE":"hunter2;"}',
      'The secret oot/clickhouse is not usable:\n  CLICKHOUSE_URL: is required: https://host:8443\n  CLICKHOUSE_DATABASE: must be a plain name',
    ],
  ])('is refused without a word of it: %s', (secret, message) => {
    let said: unknown;
    try {
      read(secret);
    } catch (error) {
      said = error;
    }
    expect(said).toBeInstanceOf(ConfigError);
    expect(said).toMatchObject({ message });
    expect((said as Error).cause).toBeUndefined();
    expect(message).not.toContain('hunter2');
  });
});
