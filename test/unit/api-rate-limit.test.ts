import { createHitStore } from '../../api/rate-limit';

describe('the count of hits', () => {
  beforeEach(() => jest.useFakeTimers({ now: 0 }));
  afterEach(() => jest.useRealTimers());

  it("begins anew a minute after a client's first hit, each client by itself", async () => {
    const store = createHitStore();
    const hit = async (key: string) => {
      const { totalHits, resetTime } = await store.increment(key);
      return [totalHits, resetTime?.getTime()];
    };
    expect(await hit('a')).toEqual([1, 60_000]);
    jest.setSystemTime(30_000);
    expect([await hit('a'), await hit('b')]).toEqual([
      [2, 60_000],
      [1, 90_000],
    ]);
    jest.setSystemTime(60_000);
    expect([await hit('a'), await hit('b')]).toEqual([
      [1, 120_000],
      [2, 90_000],
    ]);
    await store.decrement('b');
    await store.resetKey('a');
    expect([await hit('a'), await hit('b')]).toEqual([
      [1, 120_000],
      [2, 90_000],
    ]);
  });

  it('remembers so many clients and no more, the ones that asked last', async () => {
    const store = createHitStore(2);
    for (const key of ['a', 'b', 'a', 'c']) await store.increment(key);
    expect([await store.get?.('a'), await store.get?.('b'), await store.get?.('c')]).toMatchObject([
      { totalHits: 2 },
      undefined,
      { totalHits: 1 },
    ]);
  });
});
