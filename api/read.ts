import { createClickHouse, type ClickHouseClient } from '../clickhouse/client';
import { classifyFailure } from '../clickhouse/errors';
import { bindQuery, type Page } from '../dashboards/bind-query';
import type { ReaderConfig } from './config';

/** ClickHouse can't be asked now: away, overloaded, too slow, or not set up. `cause` says why, and is not for readers. */
export class ClickHouseUnavailableError extends Error {
  override readonly name = 'ClickHouseUnavailableError';
  readonly code = 'CLICKHOUSE_UNAVAILABLE';
}

/** Asks a panel's query as of a page. Throws {@link ClickHouseUnavailableError}. */
export type ReadRows = <T>(rawSql: string, page: Page) => Promise<T[]>;

/** Begins a look-up: all its queries together may take `timeoutMs`, by default 8 s. */
export type StartReading = (timeoutMs?: number) => ReadRows;

/** A client with the account that may only read. */
export const createReaderClient = (config: ReaderConfig): ClickHouseClient =>
  createClickHouse({
    CLICKHOUSE_URL: config.CLICKHOUSE_URL,
    CLICKHOUSE_USER: config.CLICKHOUSE_READER_USER,
    CLICKHOUSE_PASSWORD: config.CLICKHOUSE_READER_PASSWORD,
    CLICKHOUSE_DATABASE: config.CLICKHOUSE_DATABASE,
    CLICKHOUSE_CLUSTER: undefined,
  });

/** Queries of a look-up that takes too long are given up, by ClickHouse too. */
export const createReader =
  (client: ClickHouseClient): StartReading =>
  (timeoutMs = 8_000) => {
    const signal = AbortSignal.timeout(timeoutMs);
    return (rawSql, page) => readRows(client, rawSql, page, { signal, timeoutMs });
  };

async function readRows<T>(
  client: ClickHouseClient,
  rawSql: string,
  page: Page,
  limit: { signal: AbortSignal; timeoutMs: number },
): Promise<T[]> {
  const { query, query_params } = bindQuery(rawSql, page);
  try {
    const answer = await client.query({
      query,
      query_params,
      format: 'JSONEachRow',
      abort_signal: limit.signal,
      clickhouse_settings: {
        output_format_json_quote_64bit_integers: 0,
        date_time_output_format: 'iso',
        max_execution_time: Math.ceil(limit.timeoutMs / 1_000),
      },
    });
    return await answer.json<T>();
  } catch (cause) {
    const kind = classifyFailure(cause);
    if (kind === 'retryable' || kind === 'permanent') {
      throw new ClickHouseUnavailableError('ClickHouse is not available', { cause });
    }
    throw cause;
  }
}
