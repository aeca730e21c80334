import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

type Answer = { status: string; error: string; path?: string; retryAfterSeconds?: number };

/**
 * Answers what never became a whole request: what is not HTTP, headers over 16 KB, a body that is framed wrongly
 * or ends early, headers or a body that don't come in time. The last gets 503, which the relay sends again, and
 * not Node's 408, which it never does.
 *
 * The answers to earlier requests of the same connection go out first: a sender would take this one for theirs.
 */
export function answerClientErrors(server: Server): void {
  const newest = new WeakMap<Duplex, ServerResponse>();
  const pending = new WeakMap<Duplex, Set<ServerResponse>>();
  const failed = new WeakSet<Duplex>();

  server.prependListener('request', (req: IncomingMessage, res: ServerResponse) => {
    newest.set(req.socket, res);
    const responses = pending.get(req.socket) ?? new Set();
    pending.set(req.socket, responses.add(res));
    res.once('close', () => responses.delete(res));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // A broken parser tells it again with every packet.
    if (failed.has(socket)) return;
    failed.add(socket);
    socket.pause();
    const last = newest.get(socket);
    const receiving = last && !last.req.complete ? last : undefined;
    const before = [...(pending.get(socket) ?? [])].filter((res) => res !== receiving).at(-1);
    const end = () => {
      const isAnswered = receiving?.headersSent === true;
      if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
      else socket.end(isAnswered ? '' : format(answerTo(error.code, receiving)), () => socket.destroy());
    };
    if (before) before.once('close', end);
    else end();
  });
}

function answerTo(code: string | undefined, receiving: ServerResponse | undefined): Answer {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return { status: '431 Request Header Fields Too Large', error: 'headers are larger than 16 KB' };
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return { status: '413 Payload Too Large', error: 'body has chunk extensions over 16 KB' };
    case 'ERR_HTTP_REQUEST_TIMEOUT': {
      const error = 'Took too long, try again';
      return { status: `503 ${error}`, error, retryAfterSeconds: 2 };
    }
    default: {
      const path = receiving ? 'body' : 'request';
      const message = code === 'HPE_INVALID_EOF_STATE' ? 'ended early' : 'is not valid HTTP';
      return { status: `400 ${path} ${message}`, error: `${path} ${message}`, path };
    }
  }
}

function format({ status, error, path, retryAfterSeconds }: Answer): string {
  const message = path === undefined ? undefined : error.slice(path.length + 1);
  const body = JSON.stringify({ error, ...(path !== undefined && { issues: [{ path, message }] }) });
  const lines = [
    `HTTP/1.1 ${status}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    ...(retryAfterSeconds === undefined ? [] : [`Retry-After: ${retryAfterSeconds}`]),
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}
