import { createHash } from 'node:crypto';
import type { Request, Response } from 'express';

/** Why a request was answered as it was: the closed set of values of the metric's `reason` label. */
export const reasons = [
  'ok',
  'method',
  'unauthorized',
  'invalid',
  'unknown',
  'too_many',
  'aborted',
  'draining',
  'overloaded',
  'clickhouse_unavailable',
  'not_found',
  'defect',
] as const;

export type Reason = (typeof reasons)[number];

/** A field of the request that can't be taken, in the words of the answer. */
export type Issue = { path: string; message: string };

/** Seconds after which what is over for the moment may work again. */
export const retryAfterSeconds = 2;

/** Answers with an error, which nobody keeps. Does nothing where an answer is already on its way. */
export function refuse(
  res: Response,
  answer: {
    status: number;
    reason: Reason;
    error: string;
    /** Beside `error` in the body. */
    more?: Record<string, unknown>;
    headers?: Record<string, string>;
  },
): void {
  if (res.headersSent) return;
  res.locals.reason = answer.reason;
  res.set('Cache-Control', 'no-store');
  if (answer.status === 503) res.set('Retry-After', String(retryAfterSeconds));
  if (answer.headers) res.set(answer.headers);
  res.status(answer.status).json({ error: answer.error, ...answer.more });
}

/** 400, naming every field. */
export function refuseIssues(res: Response, issues: Issue[]): void {
  const error = issues.map(({ path, message }) => `${path} ${message}`).join('; ');
  refuse(res, { status: 400, reason: 'invalid', error, more: { issues } });
}

/**
 * Answers 200, or 304 to who has it already. `body` is what is said and what the ETag is of; `shown`, where it is
 * another, says the same with what differs each time. Where it is not public, no shared cache may keep it.
 */
export function send(
  req: Request,
  res: Response,
  answer: { type: string; body: string; shown?: string; isPublic: boolean; maxAgeSeconds: number },
): void {
  const { body, shown = body, isPublic } = answer;
  // Weak: it is of what is said, not of its bytes.
  const etag = `W/"${createHash('sha256').update(body).digest('base64url')}"`;
  res.set('ETag', etag);
  res.set('Cache-Control', `${isPublic ? 'public' : 'private'}, max-age=${answer.maxAgeSeconds}`);
  if (!isPublic) res.set('Vary', 'Authorization');
  if (isKnown(req.headers['if-none-match'], etag)) res.status(304).end();
  else res.type(answer.type).send(shown);
}

/**
 * Whether the reader has the answer already. Express' own check would say no to `Cache-Control: no-cache`, which fetch
 * sends with every If-None-Match.
 */
const isKnown = (ifNoneMatch = '', etag: string): boolean =>
  ifNoneMatch.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^(?!W\/)/, 'W/') === etag);
