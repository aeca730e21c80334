/** The format of an answer where neither the query nor the request names one, as in ClickHouse. */
export const defaultFormat = 'TabSeparated';

/** Short names that ClickHouse answers to, and the names it then reports. */
const aliases = new Map([
  ['TSV', 'TabSeparated'],
  ['TSVWithNames', 'TabSeparatedWithNames'],
  ['TSVWithNamesAndTypes', 'TabSeparatedWithNamesAndTypes'],
  ['TSVRaw', 'TabSeparatedRaw'],
  ['JSONLines', 'JSONEachRow'],
  ['NDJSON', 'JSONEachRow'],
]);

/** The Content-Type that ClickHouse sends with a format. */
export function contentTypeOf(format: string): string {
  const name = canonicalFormat(format);
  if (/^JSON.*EachRow|^PrettyNDJSON/.test(name)) return 'application/x-ndjson; charset=UTF-8';
  if (name.startsWith('JSON')) return 'application/json; charset=UTF-8';
  if (name.startsWith('TabSeparated')) return 'text/tab-separated-values; charset=UTF-8';
  if (name.startsWith('CSV')) return 'text/csv; charset=UTF-8; header=present';
  if (name === 'XML') return 'application/xml; charset=UTF-8';
  if (/^(Native|RowBinary|Parquet|ORC|Arrow|Avro|MsgPack|Protobuf|BSON|Npy)/.test(name)) {
    return 'application/octet-stream';
  }
  return 'text/plain; charset=UTF-8';
}

/** The full name of a format that was given by a short one. */
export function canonicalFormat(format: string): string {
  return aliases.get(format) ?? format;
}
