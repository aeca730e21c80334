import { isNativeError } from 'node:util/types';
import pino from 'pino';

/** The part of pino that product code uses, so that a test can pass its own. */
export type Logger = Pick<pino.Logger, 'debug' | 'info' | 'warn' | 'error' | 'fatal'>;

/**
 * A JSON logger on stdout: a constant message plus fields.
 *
 * Errors are logged by name, code and stack, never with what they were about: ClickHouse puts snippets
 * of rows into its error texts, and zod and the AWS SDK attach whole inputs.
 */
export function createLogger(service: string, level = 'info'): Logger {
  return pino({
    level,
    base: { service, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: describeError },
    formatters: { level: (label) => ({ level: label }) },
  });
}

/** What may be logged of an error: its class, code, and the stack frames without the message line. */
export function describeError(error: unknown): Record<string, unknown> {
  if (!isNativeError(error)) return { name: typeof error };
  const { code, type } = error as { code?: unknown; type?: unknown };
  return {
    name: error.name,
    ...(isShort(code) && { code }),
    ...(isShort(type) && { type }),
    // The message may itself have lines that look like frames.
    stack: error.stack
      ?.replace(error.message, '')
      .split('\n')
      .filter((line) => /^\s+at /.test(line))
      .slice(0, 8)
      .map((line) => line.trim()),
    ...(error.cause !== undefined && { cause: describeError(error.cause) }),
  };
}

function isShort(value: unknown): value is string | number {
  return typeof value === 'number' || (typeof value === 'string' && value.length <= 64);
}
