/**
 * Calls `stop` once, at the first SIGTERM, SIGINT, or when the parent that forked this process is gone, and
 * then exits: 0 when `stop` resolves, 1 when it throws.
 */
export function onShutdown(stop: (why: string) => Promise<void>): void {
  let stopping = false;
  const begin = (why: string) => {
    if (stopping) return;
    stopping = true;
    stop(why).then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', () => begin('SIGTERM'));
  process.on('SIGINT', () => begin('SIGINT'));
  process.on('disconnect', () => begin('parent gone'));
}

/** Tells the parent that forked this process that it is ready, where there is one. */
export function tellReady(message: Record<string, unknown> = {}): void {
  process.send?.({ ready: true, ...message });
}

/** Ends a process that can't start with one clear line. */
export function exitWith(error: unknown): never {
  const { name, message, code } = error as Error & { code?: string };
  process.stderr.write(
    `${name === 'ConfigError' || code ? message : String((error as Error).stack ?? error)}\n`,
  );
  process.exit(1);
}
