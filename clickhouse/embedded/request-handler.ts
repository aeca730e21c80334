import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '../../runtime/logger';
import type { AccessGuard } from './access-guard';
import { authenticate, type Account } from './credentials';
import { errorCodes, fromEngineError, httpStatusOf } from './database-error';
import type { InsertSpool } from './insert-spool';
import { readMultipart } from './multipart';
import { isNativeHello, nativeHello } from './native-hello';
import { readQueryOptions } from './query-request';
import { readQueryText } from './query-text';
import { readBody } from './request-body';
import { sendError, sendResult, sendText } from './respond';
import { runQuery } from './run-query';
import type { SessionPool } from './session-pool';

export type HandlerDeps = {
  pool: SessionPool;
  spool: InsertSpool;
  guard: AccessGuard;
  accounts: readonly Account[];
  /** The engine's version, for error texts and clickhouse-go's hello. */
  version: string;
  maxBodyBytes: number;
  logger: Logger;
  /** Called when the engine has stopped for good (code 236): only a new process helps. */
  onFatal: () => void;
};

const displayName = 'embedded';
const fixedAnswers = new Map([
  ['/ping', 'Ok.\n'],
  ['/replicas_status', 'Ok.\n'],
]);

/** The HTTP interface of ClickHouse, one call a request. The promise never rejects. */
export function createRequestHandler(
  deps: HandlerDeps,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    // A client that goes away in mid-answer is its own business.
    response.on('error', () => undefined);
    response.setHeader('X-ClickHouse-Server-Display-Name', displayName);
    response.setHeader('X-ClickHouse-Timezone', 'UTC');
    const startedAt = performance.now();
    try {
      await answer(deps, request, response);
    } catch (thrown) {
      const error = fromEngineError(thrown);
      // Code and type only: ClickHouse puts snippets of rows into its texts.
      const fields = {
        code: error.code,
        type: error.type,
        elapsedMs: Math.round(performance.now() - startedAt),
      };
      if (httpStatusOf(error.code) >= 500) deps.logger.warn(fields, 'A query failed');
      else deps.logger.debug(fields, 'A query was refused');
      if (!response.headersSent) sendError(response, error, deps.version);
      if (error.code === errorCodes.ABORTED) await checkEngine(deps);
    }
  };
}

/** ABORTED is a cancelled merge, or an engine that has stopped for good: then any query fails with it. */
async function checkEngine(deps: HandlerDeps): Promise<void> {
  try {
    await deps.pool.use((session) => session.run('SELECT 1'));
  } catch (thrown) {
    if (fromEngineError(thrown).code === errorCodes.ABORTED) deps.onFatal();
  }
}

async function answer(deps: HandlerDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const fixed = fixedAnswers.get(url.pathname);
  if (fixed !== undefined) {
    sendText(response, 200, fixed);
    return;
  }
  if (url.pathname !== '/') {
    sendText(response, 404, `There is no handle ${url.pathname}\n`);
    return;
  }
  const isGet = request.method === 'GET' || request.method === 'HEAD';
  if (isGet && !url.searchParams.has('query')) {
    sendText(response, 200, 'Ok.\n');
    return;
  }
  if (!isGet && request.method !== 'POST') {
    response.setHeader('Allow', 'GET, HEAD, POST');
    sendText(response, 405, 'Only GET, HEAD and POST are supported\n');
    return;
  }

  const queryId = url.searchParams.get('query_id');
  if (queryId !== null && /^[\x20-\x7e]+$/.test(queryId)) {
    response.setHeader('X-ClickHouse-Query-Id', queryId);
  }
  const account = authenticate(deps.accounts, request.headers, url.searchParams);
  let body = await readBody(request, deps.maxBodyBytes);
  const parameters = new URLSearchParams(url.searchParams);
  if (request.headers['content-type']?.startsWith('multipart/form-data') === true) {
    for (const [name, value] of readMultipart(request.headers['content-type'], body)) {
      parameters.append(name, value);
    }
    body = Buffer.alloc(0);
  }
  const options = readQueryOptions(parameters, request.headers);
  const text = readQueryText(parameters.getAll('query').join(''), body);
  if (
    text.kind === 'plain' &&
    isNativeHello(text.sql, options.clientRevision, text.format ?? options.format)
  ) {
    const bytes = nativeHello(options.clientRevision, displayName, deps.version);
    return sendResult(request, response, { bytes, format: 'Native', summary: {} }, options.compressible);
  }
  if (options.queryId === undefined) response.setHeader('X-ClickHouse-Query-Id', crypto.randomUUID());
  if (account.role !== undefined) {
    deps.guard(text.kind === 'plain' ? text.sql : text.statement.target, options.database);
  }
  const result = await runQuery(deps, text, options, { readonly: isGet, role: account.role });
  await sendResult(request, response, result, options.compressible);
}
