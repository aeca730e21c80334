import { once } from 'node:events';
import { Agent, createServer, request, type IncomingHttpHeaders, type Server } from 'node:http';
import type { Socket } from 'node:net';

/** A request on its way to an engine, read whole. */
export type Call = { method: string; url: string; headers: IncomingHttpHeaders; body: Buffer };

/** What the engine said, or what is said in its place. `cutAt`: break the connection after so many bytes. */
export type Answer = { status: number; headers: IncomingHttpHeaders; body: Buffer; cutAt?: number };

/** Instead of an answer: the connection is cut, and the caller never learns what happened. */
export type Cut = 'cut';

export type Next = (call: Call) => Promise<Answer | Cut>;

/** Something that goes wrong on the way. Calls `next` to let the call through; the newest fault comes first. */
export type Middleware = (call: Call, next: Next) => Promise<Answer | Cut>;

export type Proxy = {
  url: string;
  port: number;
  /** Switches a fault on, and returns how to switch it off. */
  add(fault: Middleware): () => void;
  /** Takes no connections any more, and cuts those that are there. Returns how to listen again. */
  refuse(): Promise<() => Promise<void>>;
  stop(): Promise<void>;
};

/**
 * A reverse proxy on 127.0.0.1 in front of one engine, in which faults can be switched on and off.
 *
 * Requests and answers are read whole, so that a fault can see both and decide between the two. An engine that
 * is not there is a cut connection. What a caller has given up on is still forwarded: the evil case, in which a
 * write happens although its writer thinks that it did not.
 */
export async function createProxy(options: { port: number; target: string }): Promise<Proxy> {
  const target = new URL(options.target);
  // An engine closes an idle connection after seconds (the embedded ClickHouse after 11). One that is taken up again
  // in that moment is cut, a fault which no test switched on.
  const agent = new Agent({ keepAlive: true, maxSockets: 256, timeout: 2_000 });
  const faults: Middleware[] = [];
  const sockets = new Set<Socket>();
  let server: Server;

  const forward: Next = (call) =>
    new Promise((resolve) => {
      const { 'transfer-encoding': _chunked, connection: _hop, ...headers } = call.headers;
      const outgoing = request(
        {
          host: target.hostname,
          port: target.port,
          method: call.method,
          path: call.url,
          headers: { ...headers, 'content-length': String(call.body.length) },
          agent,
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.once('end', () =>
            resolve({
              status: incoming.statusCode ?? 502,
              headers: incoming.headers,
              body: Buffer.concat(chunks),
            }),
          );
          incoming.once('error', () => resolve('cut'));
        },
      );
      outgoing.once('error', () => resolve('cut'));
      outgoing.end(call.body);
    });

  const handle: Next = (call) => {
    // As they stand now: a fault that is switched off meanwhile still ends what it began.
    const chain = faults.reduce<Next>((next, fault) => (inner) => fault(inner, next), forward);
    return chain(call);
  };

  const listen = async () => {
    server = createServer((incoming, outgoing) => {
      outgoing.on('error', () => undefined);
      const chunks: Buffer[] = [];
      incoming.on('error', () => undefined);
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.once('end', () => {
        const { method = 'GET', url = '/', headers } = incoming;
        void handle({ method, url, headers, body: Buffer.concat(chunks) }).then((answer) => {
          if (answer === 'cut') {
            incoming.socket.destroy();
            return;
          }
          const { 'transfer-encoding': _chunked, connection: _hop, ...kept } = answer.headers;
          outgoing.writeHead(answer.status, { ...kept, 'content-length': String(answer.body.length) });
          if (answer.cutAt === undefined) outgoing.end(answer.body);
          else outgoing.write(answer.body.subarray(0, answer.cutAt), () => incoming.socket.destroy());
        });
      });
    });
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    server.listen(options.port, '127.0.0.1');
    await once(server, 'listening');
  };
  const close = async () => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };

  await listen();
  let refusals = 0;
  return {
    url: `http://127.0.0.1:${options.port}`,
    port: options.port,
    add(fault) {
      faults.push(fault);
      return () => {
        const index = faults.indexOf(fault);
        if (index >= 0) faults.splice(index, 1);
      };
    },
    async refuse() {
      if (refusals++ === 0) await close();
      let isOver = false;
      return async () => {
        if (isOver) return;
        isOver = true;
        if (--refusals === 0) await listen();
      };
    },
    async stop() {
      await close();
      agent.destroy();
    },
  };
}
