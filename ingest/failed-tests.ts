import { limits } from './contract/limits';
import { byteLength, jsonText } from './contract/wire';

const traceKeys = ['stacktrace', 'stack_trace', 'trace', 'traceback'];
/** Of an entry's other fields (name, classname, file ...): enough for what the RFC shows, with room. */
const maxEntryKeys = 16;

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

function cutEntry(entry: unknown): Record<string, unknown> {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    return { name: cutText(asText(entry), limits.messageBytes) };
  }
  return Object.fromEntries(
    Object.entries(entry as Record<string, unknown>)
      .slice(0, maxEntryKeys)
      .map(([key, value]) => [
        cutText(key, 64),
        cutValue(value, traceKeys.includes(key) ? limits.traceBytes : limits.messageBytes),
      ]),
  );
}

function cutValue(value: unknown, maxBytes: number): unknown {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
  return cutText(asText(value), maxBytes);
}

const asText = (value: unknown): string =>
  typeof value === 'string' ? value : (jsonText(value) ?? '[nested too deeply]');

/** Cuts at a character's boundary. The note on what was cut comes on top of `maxBytes`. */
function cutText(text: string, maxBytes: number): string {
  const clean = text.toWellFormed();
  const bytes = Buffer.from(clean, 'utf8');
  if (bytes.length <= maxBytes) return clean;
  let end = maxBytes;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return `${bytes.subarray(0, end).toString('utf8')}… [${bytes.length - end} bytes cut]`;
}
