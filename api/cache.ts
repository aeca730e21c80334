import { LRUCache } from 'lru-cache';

/** Too many different things are being asked of ClickHouse at once. */
export class OverloadedError extends Error {
  override readonly name = 'OverloadedError';
  readonly code = 'OVERLOADED';
}

/** Where a value came from: kept, from a look-up that somebody else had begun, or from one of its own. */
export type Origin = 'cache' | 'joined' | 'loaded';

/** `loadedAtMs` is UTC milliseconds, when its look-up began: it is not newer than that. */
export type Kept<T> = { value: T; loadedAtMs: number };

export type Cache<T> = {
  /** Throws what `load` throws, to everybody who waits for it, and {@link OverloadedError}. */
  get(key: string, load: () => Promise<T>): Promise<Kept<T> & { origin: Origin }>;
};

/**
 * Keeps values for `ttlMs`, the most recently used ones, at most `maxBytes` of them. Whoever asks for what is being
 * loaded waits for that: any number of requests for one thing is one look-up. An error is not kept, and an old value
 * never takes its place. At most `maxLoads` look-ups go on at once.
 */
export function createCache<T>(options: {
  ttlMs: number;
  maxBytes: number;
  maxLoads: number;
  bytesOf: (value: T) => number;
  now: () => number;
}): Cache<T> {
  const { ttlMs, maxBytes, maxLoads, bytesOf, now } = options;
  const kept = new LRUCache<string, Kept<T>>({
    max: 10_000,
    maxSize: maxBytes,
    sizeCalculation: ({ value }, key) => bytesOf(value) + 2 * key.length + 200,
  });
  const loading = new Map<string, Promise<Kept<T>>>();

  async function begin(key: string, load: () => Promise<T>): Promise<Kept<T>> {
    const loadedAtMs = now();
    const entry = { value: await load(), loadedAtMs };
    kept.set(key, entry);
    return entry;
  }

  return {
    async get(key, load) {
      const found = kept.get(key);
      if (found && now() - found.loadedAtMs < ttlMs) return { ...found, origin: 'cache' };
      const begun = loading.get(key);
      if (begun) return { ...(await begun), origin: 'joined' };
      if (loading.size >= maxLoads) throw new OverloadedError(`${maxLoads} look-ups go on`);
      const promise = begin(key, load).finally(() => loading.delete(key));
      loading.set(key, promise);
      return { ...(await promise), origin: 'loaded' };
    },
  };
}
