import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/** The port that an engine was told to use already has a listener (or may not be used by this account). */
export class PortUnavailableError extends Error {
  override readonly name = 'PortUnavailableError';

  constructor(
    /** `EADDRINUSE` where something listens there; else what the system said, such as `EACCES`. */
    readonly code: string,
    readonly port: number,
    options?: ErrorOptions,
  ) {
    super(`Port ${port} on 127.0.0.1 can't be used: ${code}`, options);
  }
}

/**
 * Makes sure that a port on 127.0.0.1 is free by listening on it for a moment; 0 picks a free one.
 *
 * Returns the port. Throws {@link PortUnavailableError}. Someone may still take the port before the engine
 * does; then the engine dies with its own message.
 */
export async function claimPort(port: number): Promise<number> {
  const server = createServer();
  server.listen({ host: '127.0.0.1', port, exclusive: true });
  try {
    await once(server, 'listening');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    throw new PortUnavailableError(code, port, { cause: error });
  }
  const { port: claimed } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return claimed;
}
