import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { listen } from '../runtime/http/server';
import { askServer } from '../runtime/lambda-http';
import { createApp, type AppDeps } from './app';

/** The API behind an HTTP API or a function URL. `close` when another one takes over. */
export type LambdaApi = {
  answer: (event: APIGatewayProxyEventV2) => Promise<APIGatewayProxyStructuredResultV2>;
  close: () => void;
};

/**
 * Starts the API as it runs anywhere, on a free port of the loopback, and answers events with it. The function's own
 * timeout must be longer than the 8 s of a look-up and a cold start: then every answer is the app's.
 *
 * What is kept and counted is an instance's: each has its own cache, its own look-ups and its own rate limit, so a
 * client may ask as often as there are instances that it reaches. The gateway's throttle bounds them together.
 */
export async function createLambdaApi(deps: Omit<AppDeps, 'trustedProxies'>): Promise<LambdaApi> {
  const { server, port } = await listen(createApp({ ...deps, trustedProxies: 1 }), 0, '127.0.0.1');
  return {
    answer: (event) => askServer(port, withClientAddress(event)),
    close: () => void server.close(),
  };
}

/**
 * The event with the address that the gateway itself saw as its X-Forwarded-For, and nothing else there. An HTTP API
 * adds that address behind whatever the client wrote; a function URL was seen to pass on the client's word alone
 * (https://speedrun.nobackspacecrew.com/blog/2026/03/06/obtaining-caller-ip-address-with-lambda-furls.html), so that
 * counting from the right would trust it. `sourceIp` is no client's to write in either.
 */
function withClientAddress(event: APIGatewayProxyEventV2): APIGatewayProxyEventV2 {
  const others = Object.entries(event.headers).filter(([name]) => name.toLowerCase() !== 'x-forwarded-for');
  return {
    ...event,
    headers: { ...Object.fromEntries(others), 'x-forwarded-for': event.requestContext.http.sourceIp },
  };
}
