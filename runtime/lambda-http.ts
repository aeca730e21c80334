import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';

/**
 * Asks an HTTP server of this process for what an HTTP API or a function URL (both: payload format 2.0) asks a
 * Lambda. The app behind it gets real requests, so that its limits, deadlines and logs are those it has anywhere
 * else; what it costs is a connection over the loopback, a fraction of a millisecond.
 *
 * Rejects where the server hung up without an answer: the gateway makes a 5xx of that.
 */
export function askServer(
  port: number,
  event: APIGatewayProxyEventV2,
): Promise<APIGatewayProxyStructuredResultV2> {
  const body =
    event.body === undefined ? undefined : Buffer.from(event.body, event.isBase64Encoded ? 'base64' : 'utf8');
  return new Promise((resolve, reject) => {
    const req = request({
      host: '127.0.0.1',
      port,
      method: event.requestContext.http.method,
      path: targetOf(event),
      setHost: false,
      headers: {
        ...requestHeaders(event),
        // The server says 100 Continue once it wants the body. Sent unasked, a body that is refused unread would
        // reset the connection, and the answer might be lost with it.
        ...(body && { 'content-length': body.length, ...(body.length > 0 && { expect: '100-continue' }) }),
      },
      // A container sleeps between events, longer than any keep-alive.
      agent: false,
    });
    req.once('response', (res) => {
      // What happens to the sending half from here on changes nothing.
      req.removeListener('error', reject).on('error', () => undefined);
      readAnswer(res).then(resolve, reject);
    });
    req.once('error', reject);
    if (body && body.length > 0) {
      req.once('continue', () => req.end(body));
      req.flushHeaders();
    } else req.end();
  });
}

/** Of one connection, and not of the request behind it; and those that are said anew above. */
const ofConnection = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Node refuses to send what no header may hold; a stranger's header is no reason for a 5xx. */
function requestHeaders({ headers, cookies }: APIGatewayProxyEventV2): Record<string, string> {
  const sent: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || ofConnection.has(name.toLowerCase()) || !/^[\w!#$%&'*+.^`|~-]+$/.test(name))
      continue;
    sent[name] = value.replace(/[^\t\x20-\x7e\x80-\xff]/g, '?');
  }
  if (cookies) sent.cookie = cookies.join('; ');
  return sent;
}

function targetOf({ rawPath, rawQueryString }: APIGatewayProxyEventV2): string {
  const target = rawQueryString === '' ? rawPath : `${rawPath}?${rawQueryString}`;
  return target.toWellFormed().replace(/[^\x21-\x7e]/gu, encodeURIComponent);
}

async function readAnswer(res: IncomingMessage): Promise<APIGatewayProxyStructuredResultV2> {
  const chunks: Buffer[] = [];
  for await (const chunk of res) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const isText = /^(text\/|application\/([\w.-]+\+)?json)/.test(res.headers['content-type'] ?? '');
  return {
    statusCode: res.statusCode ?? 500,
    headers: answerHeaders(res.headers),
    ...(res.headers['set-cookie'] && { cookies: res.headers['set-cookie'] }),
    body: body.toString(isText ? 'utf8' : 'base64'),
    isBase64Encoded: !isText,
  };
}

function answerHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || name === 'set-cookie' || ofConnection.has(name) ? [] : [[name, String(value)]],
    ),
  );
}
