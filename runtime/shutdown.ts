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

/** Ends a process that can't go on: with one clear line where the cause is known, else with the stack. */
export function exitWith(error: unknown, exitCode = 1): never {
  process.stderr.write(`${explain(error as ErrorWithCode)}\n`);
  process.exit(exitCode);
}

type ErrorWithCode = Error & { code?: unknown; type?: string };

function explain(error: ErrorWithCode): string {
  const { name, message, code, type, stack } = error;
  if (name === 'CredentialsProviderError') {
    return 'No AWS credentials found. For the engine of npm start, set DYNAMODB_ENDPOINT=http://127.0.0.1:8000';
  }
  // ClickHouse puts snippets of rows into its texts, and stderr ends up in logs.
  if (typeof code === 'string' && /^\d+$/.test(code)) return `ClickHouse error ${code} (${type ?? '?'})`;
  if (code === 'ECONNREFUSED') return `Nothing listens there: ${message || 'connection refused'}`;
  if (name === 'ResourceNotFoundException')
    return `DynamoDB does not have that table (OOT_TABLE): ${message}`;
  return name === 'ConfigError' || typeof code === 'string' ? message : (stack ?? String(error));
}
