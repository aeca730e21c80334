import express, { type ErrorRequestHandler, type RequestHandler } from 'express';
import { refuse, refuseIssues } from './answers';

/** Reads the raw body, whatever its type: 2 MB and no more, counted after inflating. */
export function readBody(maxBodyBytes: number): RequestHandler {
  return express.raw({ type: () => true, limit: maxBodyBytes, inflate: true });
}

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
      refuse(res, { status: 413, reason: 'too_large', error: 'body is larger than 2 MB' });
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

function decode(raw: unknown): { ok: true; value: unknown } | { ok: false; message: string } {
  // With no body at all express leaves an empty object here.
  if (!Buffer.isBuffer(raw) || raw.length === 0) return { ok: false, message: 'is empty' };
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(raw);
  } catch {
    return { ok: false, message: 'is not UTF-8' };
  }
  try {
    const value: unknown = JSON.parse(text);
    return { ok: true, value: typeof value === 'string' ? JSON.parse(value) : value };
  } catch {
    return { ok: false, message: 'is not valid JSON' };
  }
}

const isJson = (type: string | undefined) => /^application\/([\w.-]+\+)?json\s*(;|$)/i.test(type ?? '');
const isText = (type: string | undefined) => /^text\/plain\s*(;|$)/i.test(type ?? '');

const refuseMediaType = (res: Parameters<RequestHandler>[1]) =>
  refuse(res, {
    status: 415,
    reason: 'media_type',
    error: 'body must be JSON (Content-Type: application/json)',
  });
