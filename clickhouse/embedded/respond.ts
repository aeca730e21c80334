import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { brotliCompress, constants, deflate, gzip } from 'node:zlib';
import { errorText, httpStatusOf, type DatabaseError } from './database-error';
import { contentTypeOf } from './output-formats';
import type { QueryResult } from './run-query';

/** The encodings of an answer, the best first. */
const encoders = new Map<string, (bytes: Uint8Array) => Promise<Buffer>>([
  ['gzip', (bytes) => promisify(gzip)(bytes)],
  [
    'br',
    // The default quality is for files compressed once; 4 is as fast as gzip.
    (bytes) => promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
  ],
  ['deflate', (bytes) => promisify(deflate)(bytes)],
]);

/** Sends a result, in the first encoding that the client names if it asked for compression. */
export async function sendResult(
  request: IncomingMessage,
  response: ServerResponse,
  result: QueryResult,
  compressible: boolean,
): Promise<void> {
  const encoding = compressible ? firstEncoding(request.headers['accept-encoding']) : undefined;
  response.setHeader('Content-Type', contentTypeOf(result.format));
  response.setHeader('X-ClickHouse-Format', result.format);
  response.setHeader('X-ClickHouse-Summary', JSON.stringify(result.summary));
  const encode = encoding === undefined ? undefined : encoders.get(encoding);
  if (encoding === undefined || encode === undefined || result.bytes.length === 0) {
    send(response, 200, result.bytes);
    return;
  }
  response.setHeader('Content-Encoding', encoding);
  send(response, 200, await encode(result.bytes));
}

/** Sends an exception: its text as the body, its code as a header, and the status that goes with it. */
export function sendError(response: ServerResponse, error: DatabaseError, version: string): void {
  response.setHeader('Content-Type', 'text/plain; charset=UTF-8');
  response.setHeader('X-ClickHouse-Exception-Code', String(error.code));
  send(response, httpStatusOf(error.code), Buffer.from(errorText(error, version)));
}

/** Sends a line of plain text, such as the answer to a ping. */
export function sendText(response: ServerResponse, status: number, text: string): void {
  response.setHeader('Content-Type', 'text/plain; charset=UTF-8');
  send(response, status, Buffer.from(text));
}

function send(response: ServerResponse, status: number, body: Uint8Array): void {
  // The length is always set: clickhouse-go takes 0 for "no block to read".
  response.writeHead(status, { 'Content-Length': body.length });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

function firstEncoding(accepted: string | undefined): string | undefined {
  const names = new Set(
    (accepted ?? '')
      .split(',')
      .map((part) => part.trim().toLowerCase())
      .filter((part) => !/;\s*q=0(\.0*)?$/.test(part))
      .map((part) => part.replace(/;.*$/, '').trim()),
  );
  return [...encoders.keys()].find((name) => names.has(name));
}
