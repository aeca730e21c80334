import type { RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Requests that one connection may send before it was answered. Without a bound, who sends thousands and reads
 * nothing has all the answers kept in memory; the relay sends one at a time.
 */
const maxUnanswered = 100;

/**
 * Hands requests on, and hangs up on who sends more than 100 without waiting for an answer.
 *
 * Every response emits `close`, as Node promises and does not keep: when a connection ends, it tells only the one
 * whose turn it was. The others would be counted as in flight for ever.
 */
export function boundPipelines(listener: RequestListener): RequestListener {
  const unanswered = new WeakMap<Socket, Set<ServerResponse>>();

  function follow(socket: Socket): Set<ServerResponse> {
    const responses = new Set<ServerResponse>();
    unanswered.set(socket, responses);
    socket.once('close', () => {
      for (const res of responses) res.emit('close');
    });
    return responses;
  }
  return (req, res) => {
    const responses = unanswered.get(req.socket) ?? follow(req.socket);
    responses.add(res);
    res.once('close', () => responses.delete(res));
    if (responses.size <= maxUnanswered) listener(req, res);
    else req.socket.destroy();
  };
}
