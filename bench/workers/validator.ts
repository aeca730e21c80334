import { parseCallback } from '../../ingest/contract/callback';
import { createRecord } from '../../ingest/record';
import { serveRequests } from './serve-requests';

/* Validation and mapping of callbacks, and what decoding the same bytes takes, turn by turn. */

export type Validation = { texts: string[]; repeats: number };

/** Microseconds a callback. */
export type ValidationTimes = { oursUs: number; parseUs: number };

serveRequests(({ texts, repeats }: Validation): Promise<ValidationTimes> => {
  const bytes = texts.map((text) => Buffer.from(text));
  const decoded = bytes.map(decode);
  return Promise.resolve({
    oursUs: timeEach(decoded, repeats, validateAndMap),
    parseUs: timeEach(bytes, repeats, decode),
  });
});

function decode(body: Buffer): unknown {
  return JSON.parse(body.toString('utf8'));
}

function validateAndMap(input: unknown): unknown {
  const parsed = parseCallback(input);
  if (!parsed.ok) throw new Error(parsed.issues.map(({ path }) => path).join(', '));
  return createRecord(parsed.callback);
}

/** Keeps the last result where the engine can't see that nobody reads it. */
let sink: unknown;

/** Microseconds a call. */
function timeEach<T>(inputs: readonly T[], repeats: number, call: (input: T) => unknown): number {
  const startedMs = performance.now();
  for (let repeat = 0; repeat < repeats; repeat++) for (const input of inputs) sink = call(input);
  const tookMs = performance.now() - startedMs;
  if (sink === null) throw new Error('a call returned nothing');
  return (tookMs * 1_000) / (repeats * inputs.length);
}
