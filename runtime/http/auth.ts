import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** Which of the tokens, by its place in the list, a request carries; undefined where it carries none of them. */
export type FindToken = (headers: IncomingHttpHeaders) => number | undefined;

/**
 * Looks for a token in the named headers (in lower case), and as a bearer token.
 *
 * Digests are compared, all of them and to their ends, so that the time taken says nothing about a token:
 * neither how much of a guess is right, nor how long a token is, nor which one it was.
 */
export function createTokenFinder(tokens: readonly string[], headerNames: readonly string[] = []): FindToken {
  const accepted = tokens.map(digest);
  return (headers) => {
    let found: number | undefined;
    for (const candidate of candidates(headers, headerNames)) {
      const actual = digest(candidate);
      for (const [index, expected] of accepted.entries())
        found = timingSafeEqual(actual, expected) ? index : found;
    }
    return found;
  };
}

function candidates(headers: IncomingHttpHeaders, headerNames: readonly string[]): string[] {
  const named = headerNames.map((name) => headers[name]);
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  return [...named, bearer].filter((value) => typeof value === 'string');
}

/** Tokens of a comma-separated list, as configurations have them; two at once is how one rotates. */
export const splitTokens = (list: string): string[] =>
  list
    .split(',')
    .map((token) => token.trim())
    .filter((token) => token !== '');

const digest = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest();
