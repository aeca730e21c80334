import type { Request, Response } from 'express';
import type { Issue } from './contract/callback';

/** Why a request was answered as it was: the closed set of values of the metric's `reason` label. */
export const reasons = [
  'ok',
  'method',
  'unauthorized',
  'misconfigured',
  'media_type',
  'too_large',
  'unreadable',
  'invalid',
  'aborted',
  'draining',
  'deadline',
  'store_unavailable',
  'not_found',
  'defect',
] as const;

export type Reason = (typeof reasons)[number];

/**
 * How much of a refused body that still has to come is thrown away as it comes, so that a sender that first
 * sends all and then looks finds its answer. Where more would come, the connection is closed instead.
 */
const maxDiscardedBytes = 256 * 1024;

/**
 * Answers with an error. Does nothing where an answer is already on its way.
 *
 * The relay shows a red CI step with only the HTTP reason phrase, so that carries the message in short.
 * `retryAfterSeconds` goes with 503: the relay retries that, and never 429 or any other 4xx.
 */
export function refuse(
  res: Response,
  answer: {
    status: number;
    reason: Reason;
    error: string;
    issues?: Issue[];
    headers?: Record<string, string>;
    retryAfterSeconds?: number;
  },
): void {
  if (res.headersSent) return;
  res.locals.reason = answer.reason;
  if (answer.headers) res.set(answer.headers);
  if (awaitsMuch(res.req)) res.set('Connection', 'close');
  if (answer.retryAfterSeconds !== undefined) res.set('Retry-After', String(answer.retryAfterSeconds));
  res.statusMessage = reasonPhrase(answer.error);
  res.status(answer.status).json({ error: answer.error, ...(answer.issues && { issues: answer.issues }) });
}

/** Refuses a body, naming every field. */
export function refuseIssues(res: Response, issues: Issue[]): void {
  const [first] = issues;
  const error = first ? `${first.path} ${first.message}` : 'invalid callback';
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  refuse(res, { status: 400, reason: 'invalid', error: error + more, issues });
}

function awaitsMuch({ complete, headers }: Request): boolean {
  if (complete) return false;
  const isUnknown = headers['transfer-encoding'] !== undefined || headers.expect !== undefined;
  return isUnknown || Number(headers['content-length'] ?? 0) > maxDiscardedBytes;
}

/** Only what a status line can carry: printable ASCII, and short, since proxies cut long ones. */
function reasonPhrase(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 120);
}
