import { PutItemCommand, type AttributeValue, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Random } from '../../local/demo/random';
import { sleep } from '../../runtime/retry';
import type { Row } from './oracle';

/** An item that HUD's own code, or anybody else, put right into the table. */
export type Stranger = {
  atMs: number;
  key: string;
  item: Record<string, AttributeValue>;
  /** Poison: why it must be in quarantine. Else what its row must show. */
  expected: { reason: string } | { row: Partial<Row> };
};

const text = (value: string): AttributeValue => ({ S: value });
const number = (value: number | string): AttributeValue => ({ N: String(value) });

/** What makes an item poison, and the reason that quarantine must give. */
const poisons: readonly [string, Record<string, AttributeValue | undefined>][] = [
  ['invalid_status', { status: text('exploded') }],
  ['invalid_status', { status: undefined }],
  ['invalid_downstream_repo', { downstream_repo: undefined }],
  ['invalid_downstream_repo', { downstream_repo: text('no repository') }],
  ['invalid_passed_tests', { passed_tests: number(-1) }],
  ['invalid_passed_tests', { passed_tests: text('many') }],
  ['invalid_conclusion', { conclusion: { BOOL: true } }],
  ['invalid_job_name', { job_name: { NULL: true } }],
  ['invalid_run_attempt', { run_attempt: number(99_999_999_999) }],
  ['unreadable_item', { queue_time: number('123456789012345678901234567890.5') }],
  ['invalid_queue_time', { queue_time: number('123456789012345678901234567890') }],
  ['no_time', { completed_at: undefined, started_at: undefined }],
];

/** Poison and harmless items in turn, each with a key of its own, spread over the load. */
export function planStrangers(random: Random, count: number, windowMs: number): Stranger[] {
  return Array.from({ length: count }, (_, index): Stranger => {
    const atMs = random.between(0, windowMs * 0.95);
    const second = String(index % 60).padStart(2, '0');
    const key = `hud/writer/d-${random.hex(8)}/ci/job ${index}/${index}`;
    const item = {
      dynamoKey: text(key),
      status: text('completed'),
      conclusion: text('success'),
      downstream_repo: text('hud/writer'),
      workflow_name: text('ci'),
      job_name: text(`job ${index}`),
      check_run_id: text(String(index)),
      pr_number: number(7),
      completed_at: text(`2026-11-20T00:10:${second}.5Z`),
    };
    if (index % 2 === 1) {
      const row = {
        status: 'completed',
        state: 'reported',
        conclusion: 'success',
        downstream_repo: 'hud/writer',
        job_name: `job ${index}`,
        pr_number: 7,
        started_at: null,
        completed_at: `2026-11-20 00:10:${second}.500000000`,
        // They have no time of ours; the completion stands in for it.
        received_at: Date.parse(`2026-11-20T00:10:${second}.500Z`),
      };
      return { atMs, key, item, expected: { row } };
    }
    const [reason, poison] = random.pick(poisons);
    const poisoned: Stranger['item'] = {};
    for (const [field, value] of Object.entries<AttributeValue | undefined>({ ...item, ...poison })) {
      if (value !== undefined) poisoned[field] = value;
    }
    return {
      atMs,
      key,
      item: poisoned,
      expected: { reason },
    };
  });
}

/** Writes each at its time, until DynamoDB has taken it; the same PutItem again changes nothing. */
export async function putStrangers(
  { client, tableName }: { client: DynamoDBClient; tableName: string },
  strangers: readonly Stranger[],
  signal: AbortSignal,
): Promise<void> {
  const startMs = Date.now();
  for (const { atMs, item } of [...strangers].sort((a, b) => a.atMs - b.atMs)) {
    await sleep(startMs + atMs - Date.now(), signal);
    for (;;) {
      if (signal.aborted) return;
      try {
        await client.send(new PutItemCommand({ TableName: tableName, Item: item }), { abortSignal: signal });
        break;
      } catch {
        // DynamoDB is being killed; it comes back.
        await sleep(100, signal);
      }
    }
  }
}
