import { limits } from './contract/limits';
import { byteLength, jsonText } from './contract/wire';

const traceKeys = ['stacktrace', 'stack_trace', 'trace', 'traceback'];
/** Of an entry's other fields (name, classname, file ...): enough for what the RFC shows, with room. */
const maxEntryKeys = 16;
const maxKeyBytes = 64;

/**
 * Failed tests as JSON text that fits into an item: at most 1,000 entries, messages of 1 KB, traces of 4 KB
 * (RFC-0054), and 300 KB together. `cut` counts the entries that were left out; a text that was cut says
 * how many bytes it lost. An entry that is no object is kept as `{ "name": its text }`.
 */
export function cutFailedTests(entries: unknown[]): { json: string; cut: number } {
  const kept: string[] = [];
  let bytes = 2;
  for (const entry of entries.slice(0, limits.failedTests)) {
    const json = JSON.stringify(cutEntry(entry));
    bytes += byteLength(json) + 1;
    if (bytes > limits.failedTestsJsonBytes) break;
    kept.push(json);
  }
  return { json: `[${kept.join(',')}]`, cut: entries.length - kept.length };
}

function cutEntry(entry: unknown): unknown {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    return { name: cutText(asText(entry), limits.messageBytes) };
  }
  const fields = entry as Record<string, unknown>;
  // Most entries need no cut, and building an object anew costs half as much as writing it.
  if (isWhole(fields)) return entry;
  return Object.fromEntries(
    Object.entries(fields)
      .slice(0, maxEntryKeys)
      .map(([key, value]) => [cutText(key, maxKeyBytes), cutValue(value, maxBytesOf(key))]),
  );
}

/** Whether cutting would change nothing. */
function isWhole(fields: Record<string, unknown>): boolean {
  const keys = Object.keys(fields);
  return (
    keys.length <= maxEntryKeys &&
    keys.every((key) => {
      const value = fields[key];
      const isFlat = value === null || typeof value !== 'object';
      return isFlat && cutText(key, maxKeyBytes) === key && cutValue(value, maxBytesOf(key)) === value;
    })
  );
}

const maxBytesOf = (key: string): number =>
  traceKeys.includes(key) ? limits.traceBytes : limits.messageBytes;

function cutValue(value: unknown, maxBytes: number): unknown {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
  return cutText(asText(value), maxBytes);
}

const asText = (value: unknown): string =>
  typeof value === 'string' ? value : (jsonText(value) ?? '[nested too deeply]');

/** Cuts at a character's boundary. The note on what was cut comes on top of `maxBytes`. */
function cutText(text: string, maxBytes: number): string {
  const clean = text.toWellFormed();
  // Three bytes a UTF-16 unit at most: most texts are short, and need no copy to be measured.
  if (clean.length * 3 <= maxBytes || byteLength(clean) <= maxBytes) return clean;
  const bytes = Buffer.from(clean, 'utf8');
  let end = maxBytes;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return `${bytes.subarray(0, end).toString('utf8')}… [${bytes.length - end} bytes cut]`;
}
