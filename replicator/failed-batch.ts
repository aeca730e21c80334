import { z } from 'zod';
import { changeOfRecord, type Change } from './change';

/**
 * What an object of the failure bucket holds, or a word on why it can't be that. `missing`: how many records Lambda
 * says that there were, and that are not there.
 */
export type FailedBatch = { ok: true; changes: Change[]; missing: number } | { ok: false; reason: string };

/**
 * Lambda's invocation record of a batch that it gave up, as it puts it into S3 and only there: what it knows of the
 * batch, and in `payload`, as JSON text, the event that the function got.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
 */
const invocationRecordSchema = z.object({
  DDBStreamBatchInfo: z.object({ streamArn: z.string(), batchSize: z.number() }),
  payload: z.string(),
});

/**
 * Reads an object's text. Never throws on data: whatever it is, somebody may need it as it is.
 *
 * All of it or nothing: an object with one record that is none is refused whole, since it would be deleted whole.
 * `tableName` guards against a bucket of another environment.
 */
export function readFailedBatch(text: string, tableName: string): FailedBatch {
  const record = invocationRecordSchema.safeParse(parse(text));
  if (!record.success) {
    const path = record.error.issues[0]?.path.join('.');
    return refuse(
      path ? `no invocation record of Lambda: ${path} is missing or wrong` : 'no invocation record of Lambda',
    );
  }
  const { payload, DDBStreamBatchInfo: batch } = record.data;
  const table = /:table\/([^/]+)\/stream\//.exec(batch.streamArn)?.[1];
  if (table !== tableName) {
    return refuse(`is of the table ${table ?? '?'}, and OOT_TABLE is ${tableName}`);
  }
  const { Records: records } = (parse(payload) ?? {}) as { Records?: unknown };
  if (!Array.isArray(records)) return refuse('its payload is no event of a stream');
  const changes: Change[] = [];
  for (const stored of records as unknown[]) {
    const change = changeOfRecord(stored ?? {});
    if (!change) return refuse('a record has no image; the stream must be NEW_AND_OLD_IMAGES');
    changes.push(change);
  }
  // Lambda may sum up batches that it had halved, and documents neither how nor what the payload then is.
  return { ok: true, changes, missing: Math.max(0, batch.batchSize - changes.length) };
}

const refuse = (reason: string): FailedBatch => ({ ok: false, reason });

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
