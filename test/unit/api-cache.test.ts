import { createCache, OverloadedError } from '../../api/cache';

const cacheOf = (options: { maxBytes?: number; maxLoads?: number; now?: () => number } = {}) =>
  createCache<string>({
    ttlMs: 1_000,
    maxBytes: 1_000_000,
    maxLoads: 10,
    bytesOf: (value) => value.length,
    now: () => 0,
    ...options,
  });

/** Counts its calls. */
function counting(value: string) {
  const load = () => {
    load.calls++;
    return Promise.resolve(value);
  };
  load.calls = 0;
  return load;
}

describe('the cache', () => {
  it('is as old as the beginning of its look-up says', async () => {
    let nowMs = 5_000;
    const cache = cacheOf({ now: () => nowMs });
    const slow = () => {
      nowMs += 400;
      return Promise.resolve('a');
    };
    expect(await cache.get('k', slow)).toEqual({ value: 'a', loadedAtMs: 5_000, origin: 'loaded' });
    nowMs = 5_999;
    expect(await cache.get('k', counting('b'))).toEqual({ value: 'a', loadedAtMs: 5_000, origin: 'cache' });
    nowMs = 6_000;
    expect(await cache.get('k', counting('b'))).toEqual({ value: 'b', loadedAtMs: 6_000, origin: 'loaded' });
  });

  it('gives an error to all who wait for it, and tries again for the next', async () => {
    const cache = cacheOf();
    const failing = jest.fn(() => Promise.reject(new Error('away')));
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => cache.get('k', failing)));
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(failing).toHaveBeenCalledTimes(1);
    expect(await cache.get('k', counting('a'))).toMatchObject({ value: 'a', origin: 'loaded' });
  });

  it('forgets what nobody asked for longest when it is full, and keeps nothing that is too large', async () => {
    const cache = cacheOf({ maxBytes: 3_000 });
    const loads = ['a', 'b', 'c'].map((key) => ({ key, load: counting(key.repeat(1_000)) }));
    for (const { key, load } of loads) await cache.get(key, load);
    for (const { key, load } of loads.toReversed()) await cache.get(key, load);
    expect(loads.map(({ load }) => load.calls)).toEqual([2, 1, 1]);
    const large = counting('x'.repeat(4_000));
    await cache.get('large', large);
    await cache.get('large', large);
    expect(large.calls).toBe(2);
  });

  it('begins no more look-ups than it may, and counts them down when they end', async () => {
    const cache = cacheOf({ maxLoads: 2 });
    const ends: (() => void)[] = [];
    const held = () => new Promise<string>((resolve) => ends.push(() => resolve('a')));
    const first = [cache.get('1', held), cache.get('2', held)];
    await expect(cache.get('3', counting('c'))).rejects.toThrow(OverloadedError);
    const joined = cache.get('1', held);
    for (const end of ends) end();
    expect((await Promise.all([...first, joined])).map(({ origin }) => origin)).toEqual([
      'loaded',
      'loaded',
      'joined',
    ]);
    expect(await cache.get('3', counting('c'))).toMatchObject({ value: 'c' });
  });
});
