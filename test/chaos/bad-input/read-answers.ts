import type { Answer } from './attack';

/** Reads answers from the bytes of a connection, one after the other, as strictly as they are written. */
export function createAnswerReader() {
  let rest = Buffer.alloc(0);
  let isContinued = false;

  /** One answer from the front of `rest`, or nothing where it isn't whole yet. Throws on what is no answer. */
  function take(): Omit<Answer, 'ms'> | undefined {
    const headEnd = rest.indexOf('\r\n\r\n');
    if (headEnd === -1) return undefined;
    const [statusLine = '', ...lines] = rest.subarray(0, headEnd).toString('latin1').split('\r\n');
    const [, status, phrase = ''] = /^HTTP\/1\.1 (\d{3}) ?(.*)$/.exec(statusLine) ?? [];
    if (status === undefined) throw new Error('not a status line');
    const headers = Object.fromEntries(
      lines.map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 1).trim(),
      ]),
    ) as Record<string, string>;
    if (status.startsWith('1')) {
      isContinued = true;
      rest = rest.subarray(headEnd + 4);
      return take();
    }
    // Node answers 417 by itself, with an empty body in chunks.
    const isChunked = headers['transfer-encoding'] === 'chunked';
    const bodyEnd = headEnd + 4 + (isChunked ? 5 : Number(headers['content-length'] ?? 0));
    if (rest.length < bodyEnd) return undefined;
    const body = isChunked ? '' : rest.subarray(headEnd + 4, bodyEnd).toString('utf8');
    rest = rest.subarray(bodyEnd);
    return { status: Number(status), phrase, headers, body };
  }

  return {
    /** Answers that are whole with these bytes. */
    push(bytes: Buffer): Omit<Answer, 'ms'>[] {
      rest = Buffer.concat([rest, bytes]);
      const whole: Omit<Answer, 'ms'>[] = [];
      for (let next = take(); next; next = take()) whole.push(next);
      return whole;
    },
    isContinued: () => isContinued,
  };
}
