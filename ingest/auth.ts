import type { IncomingHttpHeaders } from 'node:http';
import { createTokenFinder } from '../runtime/http/auth';

/** The names under which the relay sends its secret: today's, and the original design's. */
const tokenHeaders = ['x-hud-internal-bot', 'x-oot-relay-token'] as const;

/** Whether a request carries one of the tokens, in either of the relay's headers or as a bearer token. */
export function createAuthorizer(tokens: readonly string[]): (headers: IncomingHttpHeaders) => boolean {
  const findToken = createTokenFinder(tokens, tokenHeaders);
  return (headers) => findToken(headers) !== undefined;
}
