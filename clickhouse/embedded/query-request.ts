import type { IncomingHttpHeaders } from 'node:http';
import { databaseError } from './database-error';
import { canonicalFormat, defaultFormat } from './output-formats';

/** What a request asks for besides its SQL. */
export type QueryOptions = {
  database: string;
  queryId: string | undefined;
  /** The output format where the SQL has no FORMAT clause. */
  format: string;
  /** Settings for this query only, as text, in the order given. */
  settings: [string, string][];
  /** Values for `{name:Type}`, in ClickHouse's escaped (TSV) form, without the `param_` prefix. */
  parameters: [string, string][];
  /** The Native protocol revision that clickhouse-go announces; 0 where there is none. */
  clientRevision: number;
  /** Whether the client takes a compressed answer, if it names an encoding too. */
  compressible: boolean;
};

/** Parameters that are the HTTP interface's own, not settings. */
const ownParameters = new Set(
  (
    'query query_id database default_format user password quota_key client_protocol_version stacktrace ' +
    'enable_http_compression http_zlib_compression_level wait_end_of_query buffer_size ' +
    'send_progress_in_http_headers http_headers_progress_interval_ms http_wait_end_of_query ' +
    'http_response_buffer_size http_write_exception_in_output_format ' +
    'cancel_http_readonly_queries_on_client_close'
  ).split(' '),
);

/** Features that a client would notice missing, so asking for them is an error and not a silent no. */
const unsupportedParameters = new Map([
  ['session_id', 'HTTP sessions'],
  ['session_timeout', 'HTTP sessions'],
  ['session_check', 'HTTP sessions'],
  ['close_session', 'HTTP sessions'],
  ['role', 'roles'],
  ['compress', "ClickHouse's native compression (use Accept-Encoding with enable_http_compression=1)"],
  ['decompress', "ClickHouse's native compression (use Content-Encoding)"],
]);

/**
 * Reads the parameters and headers of a query request.
 *
 * Throws NOT_IMPLEMENTED for sessions, roles and native compression, UNKNOWN_SETTING or BAD_ARGUMENTS for a
 * name that can't be a setting or a query parameter. Whether a setting exists is for the engine to say.
 */
export function readQueryOptions(parameters: URLSearchParams, headers: IncomingHttpHeaders): QueryOptions {
  const settings: [string, string][] = [];
  const queryParameters: [string, string][] = [];
  for (const [name, value] of parameters) {
    const unsupported = unsupportedParameters.get(name);
    if (unsupported !== undefined) {
      if (value === '' || value === '0') continue;
      throw databaseError('NOT_IMPLEMENTED', `The embedded engine does not support ${unsupported}`);
    }
    if (ownParameters.has(name)) continue;
    if (name.startsWith('param_')) {
      queryParameters.push([identifier(name.slice('param_'.length), 'BAD_ARGUMENTS'), value]);
    } else {
      settings.push([identifier(name, 'UNKNOWN_SETTING'), value]);
    }
  }
  const text = (name: string, header: string): string | undefined =>
    nonEmpty(parameters.get(name)) ?? nonEmpty(headers[header]);
  return {
    database: text('database', 'x-clickhouse-database') ?? 'default',
    queryId: nonEmpty(parameters.get('query_id')),
    format: formatName(text('default_format', 'x-clickhouse-format')),
    settings,
    parameters: queryParameters,
    clientRevision: Number(parameters.get('client_protocol_version') ?? 0) || 0,
    compressible: ['1', 'true'].includes(parameters.get('enable_http_compression') ?? ''),
  };
}

function formatName(name: string | undefined): string {
  if (name === undefined) return defaultFormat;
  if (!/^\w+$/.test(name))
    throw databaseError('BAD_ARGUMENTS', 'The name of the default format is not valid');
  return canonicalFormat(name);
}

function identifier(name: string, onError: 'BAD_ARGUMENTS' | 'UNKNOWN_SETTING'): string {
  if (/^[A-Za-z_]\w*$/.test(name)) return name;
  throw databaseError(
    onError,
    onError === 'UNKNOWN_SETTING'
      ? `Unknown setting '${name}'`
      : `'${name}' can't be the name of a query parameter`,
  );
}

function nonEmpty(value: string | string[] | null | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
