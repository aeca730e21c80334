import express, { type ErrorRequestHandler, type Request, type RequestHandler } from 'express';
import { refuse, refuseIssues } from './answers';
import { limits } from './contract/limits';
import { isNestedDeeper } from './nesting';

/** Reads the raw body, whatever its type: 2 MB and no more, counted after inflating. */
export function readBody(maxBodyBytes: number): RequestHandler {
  const read: RequestHandler = express.raw({ type: () => true, limit: maxBodyBytes, inflate: true });
  return (req, res, next) => {
    // Express would answer when it has all of it, or, if that takes too long, 503: the relay would try again.
    if (Number(req.headers['content-length'] ?? 0) > hopelessFactor * maxBodyBytes) {
      refuseTooLarge(res);
      return;
    }
    if (req.headers.expect !== undefined) res.writeContinue();
    read(req, res, next);
  };
}

/** Bodies larger than this many times the limit are refused by what they say of themselves, unread. */
const hopelessFactor = 4;

/** Refuses what does not claim to be JSON before a byte of it is read. text/plain may hold JSON. */
export const requireJson: RequestHandler = (req, res, next) => {
  if (isJson(req.headers['content-type']) || isText(req.headers['content-type'])) next();
  else refuseMediaType(res);
};

/**
 * Decodes the body into `res.locals.body`. Some senders encode twice, so a JSON string that holds JSON text
 * is decoded once more.
 */
export const parseBody: RequestHandler = (req, res, next) => {
  const decoded = decode(req.body);
  if (decoded.ok) {
    res.locals.body = decoded.value;
    next();
  } else if (isText(req.headers['content-type'])) refuseMediaType(res);
  else refuseIssues(res, [{ path: 'body', message: decoded.message }]);
};

/** Errors of reading a body: 413, an unknown or broken encoding, or a client that went away. */
export const refuseUnreadable: ErrorRequestHandler = (error: unknown, _req, res, next) => {
  const type = (error as { type?: unknown } | null)?.type;
  switch (type) {
    case 'entity.too.large':
      refuseTooLarge(res);
      return;
    case 'encoding.unsupported':
      refuse(res, { status: 415, reason: 'media_type', error: 'Content-Encoding is not supported' });
      return;
    case 'request.aborted':
      refuse(res, { status: 400, reason: 'aborted', error: 'body ended early' });
      return;
    case 'request.size.invalid':
      refuse(res, { status: 400, reason: 'unreadable', error: 'body does not match Content-Length' });
      return;
    default:
      // zlib's errors carry no type of body-parser's, only a code and the status that body-parser chose.
      if ((error as { status?: unknown } | null)?.status === 400) {
        refuse(res, { status: 400, reason: 'unreadable', error: 'body cannot be decoded' });
      } else next(error);
  }
};

/**
 * Goes on when the rest of a body has come and was thrown away, at most a second later. A connection that is
 * closed before that is reset, and the relay does not send again what it lost to a reset.
 */
export function afterBody(req: Request, next: () => void): void {
  const timer = setTimeout(next, 1_000);
  req.once('end', () => {
    clearTimeout(timer);
    next();
  });
  req.once('close', () => clearTimeout(timer));
  req.resume();
}

function decode(raw: unknown): { ok: true; value: unknown } | { ok: false; message: string } {
  // With no body at all express leaves an empty object here.
  if (!Buffer.isBuffer(raw) || raw.length === 0) return { ok: false, message: 'is empty' };
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(raw);
  } catch {
    return { ok: false, message: 'is not UTF-8' };
  }
  const tooDeep = { ok: false, message: `is nested in more than ${limits.nestingLevels} levels` } as const;
  if (isNestedDeeper(raw, limits.nestingLevels)) return tooDeep;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'string') return { ok: true, value };
    if (isNestedDeeper(Buffer.from(value), limits.nestingLevels)) return tooDeep;
    return { ok: true, value: JSON.parse(value) };
  } catch {
    return { ok: false, message: 'is not valid JSON' };
  }
}

const isJson = (type: string | undefined) => /^application\/([\w.-]+\+)?json\s*(;|$)/i.test(type ?? '');
const isText = (type: string | undefined) => /^text\/plain\s*(;|$)/i.test(type ?? '');

const refuseTooLarge = (res: Parameters<RequestHandler>[1]) =>
  refuse(res, { status: 413, reason: 'too_large', error: 'body is larger than 2 MB' });

const refuseMediaType = (res: Parameters<RequestHandler>[1]) =>
  refuse(res, {
    status: 415,
    reason: 'media_type',
    error: 'body must be JSON (Content-Type: application/json)',
  });
