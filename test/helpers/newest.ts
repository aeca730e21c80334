import { createHash } from 'node:crypto';
import type { WorkflowJobRow } from '../../clickhouse/tables';

type Attempt = Pick<
  WorkflowJobRow,
  'dynamoKey' | 'received_at' | 'run_attempt' | 'run_id' | 'delivery_id' | 'workflow_name'
>;

const compare = (a: string | number, b: string | number) => (a < b ? -1 : a > b ? 1 : 0);

/** Orders two attempts of one millisecond, as attempt_id does: the longer number does so as well. */
const numberOf = ({ dynamoKey }: Attempt): string => createHash('md5').update(dynamoKey).digest('hex');

/** As the views tell runs of a backend apart: by delivery and run, and where the provider sends none, by workflow. */
export const runOf = ({ delivery_id, run_id, workflow_name }: Attempt) =>
  JSON.stringify([delivery_id, run_id, run_id === '' ? workflow_name : '']);

/**
 * Of some attempts of a job the newest, by the rule alone, without SQL: the one received last, but of those of one run that of
 * the highest run_attempt, so that one which came late counts as received with the next that was there. `all`: every
 * attempt of the job that there is, since that does not depend on which are asked about.
 */
export function newestAttempt<T extends Attempt>(some: readonly T[], all: readonly Attempt[] = some): T {
  const cameAt = (one: Attempt) =>
    all
      .filter((other) => runOf(other) === runOf(one) && other.run_attempt > one.run_attempt)
      .map(({ received_at }) => received_at)
      .reduce((a, b) => (a < b ? a : b), one.received_at);
  return [...some]
    .sort(
      (a, b) =>
        compare(cameAt(a), cameAt(b)) ||
        a.run_attempt - b.run_attempt ||
        compare(a.received_at, b.received_at) ||
        compare(numberOf(a), numberOf(b)),
    )
    .at(-1)!;
}
