import type { WireBody } from './jobs';
import { sleep } from '../../runtime/retry';

/** ingest can't be used at all. `message` says what to do. */
export class IngestUnusableError extends Error {
  override readonly name = 'IngestUnusableError';
  readonly code = 'INGEST_UNUSABLE';
}

/** As the relay does it: 4 attempts, after 1, 2 and 4 s, each of at most 10 s. */
const waitsMs = [1_000, 2_000, 4_000] as const;
const timeoutMs = 10_000;

/**
 * Sends a callback as the relay does, and returns the HTTP status of the answer. A 5xx and a refused connection
 * are tried again; an answer that is too slow, or a connection that drops, is not.
 *
 * Throws {@link IngestUnusableError} where nothing takes connections, none comes back, or the token is wrong;
 * returns null where `signal` aborted before there was an answer.
 */
export async function postCallback(
  target: { url: string; token: string; signal: AbortSignal },
  body: WireBody,
): Promise<number | null> {
  const { url, token, signal } = target;
  for (let tries = 0; ; tries++) {
    if (signal.aborted) return null;
    const answer = await postOnce(url, token, body);
    if (answer === 401) {
      throw new IngestUnusableError(
        `ingest at ${url} refuses the token: set OOT_RELAY_TOKENS, or DATA_DIR to where npm start keeps its data`,
      );
    }
    if (typeof answer === 'number' && answer < 500) return answer;
    const waitMs = answer === 'dropped' ? undefined : waitsMs[tries];
    if (waitMs !== undefined) {
      await sleep(waitMs, signal);
      continue;
    }
    if (typeof answer === 'number') return answer;
    throw new IngestUnusableError(
      answer === 'refused'
        ? `Nothing listens at ${url}: run npm start first, or set INGEST_URL`
        : `ingest at ${url} dropped the connection or took over ${timeoutMs / 1_000} s`,
    );
  }
}

async function postOnce(url: string, token: string, body: WireBody): Promise<number | 'refused' | 'dropped'> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-hud-internal-bot': token },
      body: JSON.stringify(body),
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    await response.arrayBuffer();
    return response.status;
  } catch (error) {
    return isNeverConnected(error) ? 'refused' : 'dropped';
  }
}

/** fetch wraps what the socket said; where a host has two addresses, in an AggregateError with its code. */
function isNeverConnected(error: unknown): boolean {
  const { code } = ((error as Error).cause ?? {}) as { code?: unknown };
  return ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'UND_ERR_CONNECT_TIMEOUT'].includes(
    String(code),
  );
}
