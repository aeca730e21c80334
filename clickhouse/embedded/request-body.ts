import type { IncomingMessage } from 'node:http';
import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { DatabaseError, databaseError } from './database-error';

/**
 * Reads a request's body, inflating gzip, deflate and br.
 *
 * Rejects with QUERY_IS_TOO_LARGE (HTTP 413) past `maxBytes` inflated bytes, so that a small bomb can't fill
 * the memory; NOT_IMPLEMENTED for another encoding; BAD_ARGUMENTS where the bytes are not what they claim.
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const inflate = createInflater(request.headers['content-encoding']);
  const source = inflate === undefined ? request : request.pipe(inflate);
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    await new Promise<void>((resolve, reject) => {
      source.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes <= maxBytes) chunks.push(chunk);
        else reject(databaseError('QUERY_IS_TOO_LARGE', `The request body is larger than ${maxBytes} bytes`));
      });
      source.once('end', resolve);
      source.once('error', reject);
      request.once('error', reject);
    });
  } catch (error) {
    // The rest is read and thrown away: a destroyed request would leave no socket for the answer.
    request.unpipe();
    inflate?.destroy();
    request.removeAllListeners('data').resume();
    if (error instanceof DatabaseError) throw error;
    throw databaseError('BAD_ARGUMENTS', 'The request body is cut off or is not what Content-Encoding says');
  }
  return Buffer.concat(chunks);
}

function createInflater(encoding: string | undefined): Transform | undefined {
  switch (encoding?.toLowerCase()) {
    case undefined:
    case '':
    case 'identity':
      return undefined;
    case 'gzip':
      return createGunzip();
    case 'deflate':
      return createInflate();
    case 'br':
      return createBrotliDecompress();
    default:
      throw databaseError('NOT_IMPLEMENTED', 'The embedded engine reads gzip, deflate and br bodies only');
  }
}
