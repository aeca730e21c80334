import { isNativeError } from 'node:util/types';
import { ClickHouseError } from '@clickhouse/client';

/**
 * What to do about a failed request:
 * - `retryable`: the moment is bad (away, restarting, overloaded, out of disk); the same request may work later
 * - `row`: ClickHouse can't take a value; found by bisection, never cured by a retry
 * - `permanent`: the setup is wrong (no table, no access); needs a person
 * - `unknown`: nobody has thought about it yet, so it must not be guessed
 */
export type FailureClass = 'retryable' | 'row' | 'permanent' | 'unknown';

/* Codes of ClickHouse's ErrorCodes.cpp. Told apart by code, never by text. */
const rowCodes = new Set([
  6, 25, 26, 27, 32, 33, 38, 41, 53, 69, 70, 72, 117, 128, 130, 131, 190, 321, 349, 376, 407, 441, 467, 469,
  493, 540, 636, 675, 676, 691,
]);
const retryableCodes = new Set([
  3, 74, 75, 76, 95, 107, 159, 164, 198, 202, 203, 204, 209, 210, 225, 236, 241, 242, 243, 252, 254, 265, 279,
  285, 286, 289, 290, 319, 341, 364, 373, 394, 410, 415, 425, 439, 473, 499, 517, 518, 519, 530, 574, 577,
  593, 594, 597, 609, 665, 677, 694, 700, 723, 731, 733, 745, 746, 999, 1000, 1001, 1002,
]);
const permanentCodes = new Set([
  10, 16, 36, 42, 43, 46, 47, 48, 50, 60, 62, 81, 115, 170, 192, 193, 194, 195, 196, 291, 344, 452, 481, 497,
  516, 702,
]);

/** Classifies what a request of @clickhouse/client threw. */
export function classifyFailure(error: unknown): FailureClass {
  if (error instanceof ClickHouseError) {
    const code = Number(error.code);
    if (rowCodes.has(code)) return 'row';
    if (retryableCodes.has(code)) return 'retryable';
    if (permanentCodes.has(code)) return 'permanent';
    return 'unknown';
  }
  // Anything else from the client comes from the way to ClickHouse: refused, reset, timed out, or an answer
  // that ClickHouse did not write (a proxy's 502). A defect of ours would be a TypeError or the like.
  if (!isNativeError(error)) return 'unknown';
  return ['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError'].includes(error.name)
    ? 'unknown'
    : 'retryable';
}

/** A short name for logs, metrics and reasons: `clickhouse_27`, or the network's own code. Never the message. */
export function failureSlug(error: unknown): string {
  if (error instanceof ClickHouseError) return `clickhouse_${error.code}`;
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code.toLowerCase() : 'unreachable';
}
