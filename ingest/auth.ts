import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** The names under which the relay sends its secret: today's, and the original design's. */
const tokenHeaders = ['x-hud-internal-bot', 'x-oot-relay-token'] as const;

/**
 * Whether a request carries one of the tokens, in either of the relay's headers or as a bearer token.
 *
 * Digests are compared, all of them and to their ends, so that the time taken says nothing about a token:
 * neither how much of a guess is right, nor how long a token is, nor which one it was.
 */
export function createAuthorizer(tokens: readonly string[]): (headers: IncomingHttpHeaders) => boolean {
  const accepted = tokens.map(digest);
  return (headers) => {
    let authorized = false;
    for (const candidate of candidates(headers)) {
      const actual = digest(candidate);
      for (const expected of accepted) authorized = timingSafeEqual(actual, expected) || authorized;
    }
    return authorized;
  };
}

function candidates(headers: IncomingHttpHeaders): string[] {
  const named = tokenHeaders.map((name) => headers[name]);
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  return [...named, bearer].filter((value) => typeof value === 'string');
}

const digest = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest();
