import type fc from 'fast-check';
import { parseCallback } from '../../../ingest/contract/callback';
import type { Random } from '../../../local/demo/random';
import type { WireCallback } from '../../helpers/callbacks';
import type { Attack, Expected } from './attack';
import { callbackAgainst, relayHeaders, resultsPath, victims } from './target';

/** Draws one value of an arbitrary; the same for the same seed. */
export type Draw = <T>(arbitrary: fc.Arbitrary<T>) => T;

export type Context = {
  random: Random;
  draw: Draw;
  /** A `check_run_id` that no other attack has. */
  freshId: () => string;
};

export type Make = (context: Context) => Omit<Attack, 'kind'>;

export const accepted: Expected = { statuses: [200] };
export const refused = (...fields: string[]): Expected => ({
  statuses: [400],
  ...(fields.length > 0 && { fields }),
});
/** Whether it is bad is for the contract to say; it must be one or the other, and the table must agree. */
export const either: Expected = { statuses: [200, 400] };

/** One callback over a kept connection. */
export function send(body: string | Buffer, expected: Expected, headers: Record<string, string> = {}) {
  const bytes = Buffer.from(body);
  return {
    act: {
      over: 'http' as const,
      method: 'POST',
      path: resultsPath,
      headers: relayHeaders(headers),
      body: bytes,
    },
    expected: [expected],
    ...(expected.statuses.includes(200) && { bodies: [bytes.toString('utf8')] }),
  };
}

export const victimId = ({ random }: Context): string => `victim-${random.int(0, victims - 1)}`;

/** Sets a value deep inside, making the objects on the way. */
export function put(callback: WireCallback, path: readonly string[], value: unknown): WireCallback {
  const copy = structuredClone(callback);
  let at: Record<string, unknown> = copy;
  for (const key of path.slice(0, -1)) {
    const inner = at[key];
    at[key] = typeof inner === 'object' && inner !== null ? inner : {};
    at = at[key] as Record<string, unknown>;
  }
  at[path.at(-1) ?? ''] = value;
  return copy;
}

/** Whether the contract takes a text; only to choose what it is aimed at. What counts is ingest's answer. */
function isAcceptable(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return parseCallback(typeof value === 'string' ? JSON.parse(value) : value).ok;
  } catch {
    return false;
  }
}

/** A spoiled callback. One that will be refused is aimed at an item that is there, any other at a new one. */
export function aimed(context: Context, spoil: (text: string) => string) {
  // Half a surrogate pair has no bytes of its own: what is sent, and judged, has U+FFFD there.
  const spoiled = (checkRunId: string) => spoil(JSON.stringify(callbackAgainst(checkRunId))).toWellFormed();
  const against = spoiled(victimId(context));
  return isAcceptable(against) ? send(spoiled(context.freshId()), either) : send(against, refused());
}
