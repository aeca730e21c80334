/** ClickHouse's codes for the errors that this server raises itself. */
export const errorCodes = {
  BAD_ARGUMENTS: 36,
  NOT_IMPLEMENTED: 48,
  SYNTAX_ERROR: 62,
  CANNOT_OPEN_FILE: 76,
  UNKNOWN_SETTING: 115,
  QUERY_IS_TOO_LARGE: 229,
  ABORTED: 236,
  AUTHENTICATION_FAILED: 516,
  UNKNOWN_EXCEPTION: 1002,
} as const;

/**
 * An error as ClickHouse words it. `code` and `type` are what clients tell errors apart by; `message` may
 * quote the query or a row, so it goes to the client and never to a log.
 */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';

  constructor(
    readonly code: number,
    readonly type: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** An error of ours under one of ClickHouse's codes. */
export function databaseError(type: keyof typeof errorCodes, message: string): DatabaseError {
  return new DatabaseError(errorCodes[type], type, message);
}

/**
 * Reads code, type and text out of what chdb throws.
 *
 * chdb wraps an INSERT's parse error in itself, version and all, and names our payload file; both are
 * taken off. What has no ClickHouse code becomes UNKNOWN_EXCEPTION.
 */
export function fromEngineError(error: unknown): DatabaseError {
  if (error instanceof DatabaseError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const code = /^Code: (\d+)\./.exec(text)?.[1];
  const type = /\(([A-Z][A-Z0-9_]+)\)(?: \(version [^()]*\))?\.?\s*$/.exec(text)?.[1];
  if (code === undefined || type === undefined) {
    return new DatabaseError(errorCodes.UNKNOWN_EXCEPTION, 'UNKNOWN_EXCEPTION', text, { cause: error });
  }
  const message = text
    .replace(/^(?:Code: \d+\. DB::Exception: )+/, '')
    .replace(new RegExp(`(?:\\.? \\(${type}\\)(?: \\(version [^()]*\\))?)+\\.?\\s*$`), '')
    .replace(/\(in file\/uri [^)]*\)/g, '(in the request body)');
  return new DatabaseError(Number(code), type, message, { cause: error });
}

/** The body of an error response, in the wording that @clickhouse/client and clickhouse-go parse. */
export function errorText(error: DatabaseError, version: string): string {
  return `Code: ${error.code}. DB::Exception: ${error.message}. (${error.type}) (version ${version})\n`;
}

// ClickHouse's src/Server/HTTP/exceptionCodeToHTTPStatus.cpp, by code.
const statusByCode = new Map<number, number>([
  ...codes(400, [6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321]),
  ...codes(400, [376, 427, 441, 675, 676]),
  ...codes(401, [194]),
  ...codes(403, [192, 193, 497, 512, 516]),
  ...codes(404, [46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511]),
  ...codes(408, [159]),
  ...codes(411, [381]),
  ...codes(413, [229]),
  ...codes(415, [779]),
  ...codes(501, [48]),
  ...codes(503, [76, 209, 439]),
]);

/** The HTTP status that ClickHouse answers an exception code with; 500 for those it does not list. */
export function httpStatusOf(code: number): number {
  return statusByCode.get(code) ?? 500;
}

function codes(status: number, list: readonly number[]): [number, number][] {
  return list.map((code) => [code, status]);
}
