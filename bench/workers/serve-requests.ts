import { tellReady } from '../../runtime/shutdown';

/**
 * Answers what the bench asks of this worker, one request after another, until the bench or its channel is gone.
 * An error goes back as its message; the worker lives on.
 */
export function serveRequests(
  answer: (request: never) => Promise<unknown>,
  ready: Record<string, unknown> = {},
): void {
  let line: Promise<unknown> = Promise.resolve();
  process.on('message', (message: { id: number; request: never }) => {
    line = line.then(async () => {
      try {
        process.send?.({ id: message.id, result: await answer(message.request) });
      } catch (error) {
        process.send?.({ id: message.id, error: String((error as Error).stack ?? error) });
      }
    });
  });
  process.on('disconnect', () => process.exit(0));
  // By process.exit, so that --cpu-prof writes its file.
  process.on('SIGTERM', () => process.exit(0));
  tellReady(ready);
}
