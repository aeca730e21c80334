import { ipKeyGenerator, rateLimit, type Store } from 'express-rate-limit';
import type { Request, RequestHandler } from 'express';
import { LRUCache } from 'lru-cache';
import { refuse } from './answers';

const windowMs = 60_000;
/** Who is counted at once; whoever asked longest ago is forgotten. The library's own store has no bound. */
const maxClients = 10_000;

/** Counts hits of a client in the minute that began with its first one. */
export function createHitStore(max = maxClients): Store {
  const clients = new LRUCache<string, { totalHits: number; resetTime: Date }>({ max });
  const current = (key: string) => {
    const found = clients.get(key);
    return found && found.resetTime.getTime() > Date.now() ? found : undefined;
  };
  return {
    localKeys: true,
    get: current,
    increment(key) {
      const client = current(key) ?? { totalHits: 0, resetTime: new Date(Date.now() + windowMs) };
      client.totalHits++;
      clients.set(key, client);
      return client;
    },
    decrement(key) {
      const client = current(key);
      if (client) client.totalHits--;
    },
    resetKey: (key) => void clients.delete(key),
  };
}

/**
 * So many requests a minute of one client: of a token where `tokenOf` finds one, else of an address (IPv6: of a
 * network of 56 bits, which one customer has). Answers 429 with Retry-After.
 */
export const limitRate = (perMinute: number, tokenOf: (req: Request) => number | undefined): RequestHandler =>
  rateLimit({
    windowMs,
    limit: perMinute,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    store: createHitStore(),
    // Its checks write to the console about proxies; API_TRUST_PROXY says what holds.
    validate: false,
    keyGenerator(req) {
      const token = tokenOf(req);
      return token === undefined ? `address ${ipKeyGenerator(req.ip ?? '')}` : `token ${token}`;
    },
    handler: (_req, res) =>
      refuse(res, { status: 429, reason: 'too_many', error: 'Too many requests, come back later' }),
  });
