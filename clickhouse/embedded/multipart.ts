import { databaseError } from './database-error';

/**
 * The text fields of a multipart body: `query` and `param_NAME`, as @clickhouse/client sends them with
 * `use_multipart_params`.
 *
 * Throws NOT_IMPLEMENTED for a file (an external table), BAD_ARGUMENTS for a body that is not multipart.
 */
export function readMultipart(contentType: string, body: Buffer): [string, string][] {
  const boundary = /boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType);
  const delimiter = `\r\n--${boundary?.[1] ?? boundary?.[2] ?? ''}`;
  // One byte a character, so that a value's bytes survive; the first delimiter has no line end before it.
  const [, ...pieces] = `\r\n${body.toString('latin1')}`.split(delimiter);
  const closing = pieces.pop();
  if (boundary === null || closing?.startsWith('--') !== true) {
    throw databaseError('BAD_ARGUMENTS', 'The request body is not multipart/form-data');
  }
  return pieces.map((piece) => {
    const headEnd = piece.indexOf('\r\n\r\n');
    const head = piece.slice(0, headEnd);
    const name = /\bname="([^"]*)"/i.exec(head)?.[1];
    if (headEnd < 0 || name === undefined) {
      throw databaseError('BAD_ARGUMENTS', 'A part of the multipart/form-data body has no name');
    }
    if (/\bfilename=/i.test(head)) {
      throw databaseError('NOT_IMPLEMENTED', 'The embedded engine does not support external tables');
    }
    return [name, Buffer.from(piece.slice(headEnd + 4), 'latin1').toString('utf8')];
  });
}
