import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { askServer } from '../runtime/lambda-http';
import type { AppDeps } from './app';
import { createApp } from './app';
import { listen } from '../runtime/http/server';

/** Ingest behind an HTTP API or a function URL. `close` when another one takes over. */
export type LambdaIngest = {
  answer: (event: APIGatewayProxyEventV2) => Promise<APIGatewayProxyStructuredResultV2>;
  close: () => void;
};

/**
 * Starts the service as it runs anywhere, on a free port of the loopback, and answers events with it. The function's
 * own timeout must be longer than the app's deadline and a cold start: then every answer is the app's.
 *
 * Two things do not survive Lambda: the reason phrase, since payload format 2.0 has a status and none (the body
 * still names the field), and `/metrics`, since each container would count for itself (the log has it all).
 */
export async function createLambdaIngest(deps: AppDeps): Promise<LambdaIngest> {
  const { server, port } = await listen(createApp(deps), 0, '127.0.0.1');
  return {
    answer: (event) => askServer(port, event),
    close: () => void server.close(),
  };
}
