import type { Said, Value } from './said';

/** A state in which an attempt may end, and what each of its columns may be then. */
export type Final = {
  status: 'in_progress' | 'completed';
  state: Said['state'];
  conclusion: string;
  fields: Record<string, readonly Value[]>;
};

/** Everything that may be true of one attempt in the end. */
export type Permitted = {
  /** Whether there may be no row: none of its callbacks was acknowledged. */
  mayBeAbsent: boolean;
  finals: Final[];
  /** When ingest may have seen it first, by the real clock, UTC milliseconds; `to` is null where nothing was acknowledged. */
  received: { fromMs: number; toMs: number | null };
};

/** What a column shows where nobody brought it. Columns that are not here show null. */
const blanks: Partial<Record<string, Value>> = {
  downstream_repo_level: '',
  upstream_repo: 'pytorch/pytorch',
  pr_number: 0,
  pytorch_head_sha: '',
  workflow_run_url: '',
  run_id: '',
  run_attempt: 1,
  artifact_url: '',
};

const contextColumns = [
  'downstream_repo',
  'downstream_repo_level',
  'upstream_repo',
  'pr_number',
  'pytorch_head_sha',
  'event_type',
  'delivery_id',
  'workflow_run_url',
  'workflow_name',
  'job_name',
  'check_run_id',
  'run_id',
  'run_attempt',
  'queue_time',
  'started_at',
];
const outcomeColumns = [
  'execution_time',
  'completed_at',
  'total_tests',
  'passed_tests',
  'failed_tests',
  'skipped_tests',
  'artifact_url',
];

/** Every column that the oracle has a say in, besides status, state and conclusion. */
export const judgedColumns: readonly string[] = [...contextColumns, ...outcomeColumns];

/**
 * From what may have been said about one attempt to every final state that the rules permit.
 *
 * The rules, as they are promised to those who send callbacks:
 * - running < swept < reported; what was acknowledged counts, so the state is at least that of every
 *   acknowledged callback.
 * - The first outcome of a state stays. One that was only sent after another had been acknowledged can't have
 *   been first; of those that overlap, or were never acknowledged, any may have been.
 * - The callback that decided the outcome has the say in what it brings. What it does not bring, others fill
 *   in: who, what and where from any of them; how it ended only from one with the same outcome. What an
 *   acknowledged one brings must be there; what belongs to another outcome must not.
 */
export function permit(said: readonly Said[]): Permitted {
  const acknowledged = said.filter(({ firstAckMs }) => firstAckMs !== null);
  const rank = (state: Said['state']) => ['running', 'swept', 'reported'].indexOf(state);
  const least = Math.max(-1, ...acknowledged.map(({ state }) => rank(state)));
  const deciders = said.filter((one) => {
    const firstAckMs = Math.min(
      ...acknowledged.filter(({ state }) => state === one.state).map((other) => other.firstAckMs ?? Infinity),
    );
    return rank(one.state) >= least && one.firstSentMs <= firstAckMs;
  });
  return {
    mayBeAbsent: acknowledged.length === 0,
    finals: deciders.map((decider) => finalOf(decider, said)),
    received: {
      fromMs: Math.min(...said.map(({ firstSentMs }) => firstSentMs)),
      toMs:
        acknowledged.length > 0 ? Math.min(...acknowledged.map(({ firstAckMs }) => firstAckMs ?? 0)) : null,
    },
  };
}

function finalOf(decider: Said, said: readonly Said[]): Final {
  const sameOutcome = said.filter(
    ({ state, conclusion }) => state === decider.state && conclusion === decider.conclusion,
  );
  const fields: Record<string, readonly Value[]> = {};
  for (const column of contextColumns) fields[column] = valuesOf(column, decider.context, said, 'context');
  for (const column of outcomeColumns) {
    fields[column] = valuesOf(column, decider.outcome, sameOutcome, 'outcome');
  }
  return {
    status: decider.state === 'running' ? 'in_progress' : 'completed',
    state: decider.state,
    conclusion: decider.conclusion,
    fields,
  };
}

function valuesOf(
  column: string,
  decided: Partial<Record<string, Value>>,
  others: readonly Said[],
  part: 'context' | 'outcome',
): readonly Value[] {
  const own = decided[column];
  if (own !== undefined) return [own];
  const bringers = others.filter((one) => one[part][column] !== undefined);
  const brought = bringers.map((one) => one[part][column] ?? null);
  const mustBeThere = bringers.some(({ firstAckMs }) => firstAckMs !== null);
  return mustBeThere ? brought : [...brought, blanks[column] ?? null];
}

/** A row as ClickHouse shows it; times as texts with nine digits, received_at in UTC milliseconds. */
export type Row = Record<string, Value> & {
  dynamoKey: string;
  status: string;
  state: string;
  conclusion: string;
  received_at: number;
};

/**
 * Says what is wrong with a row, or null where it is one of those that are permitted. `clockOffsetsMs`: by how
 * much the clock that stamped `received_at` may have been off.
 */
export function judgeRow(
  row: Row,
  permitted: Permitted,
  clockOffsetsMs: readonly number[] = [0],
): string | null {
  const wrongs = permitted.finals.map((final) => differenceOf(row, final));
  const closest = wrongs.sort((a, b) => a.length - b.length)[0];
  if (closest === undefined || closest.length > 0) return (closest ?? ['nobody sent it']).join(', ');
  const { fromMs, toMs } = permitted.received;
  const isReceivedRight = clockOffsetsMs.some((offsetMs) => {
    const receivedMs = row.received_at - offsetMs;
    return receivedMs >= fromMs - clockSlackMs && (toMs === null || receivedMs <= toMs + clockSlackMs);
  });
  return isReceivedRight
    ? null
    : `received_at is ${row.received_at}, not between ${fromMs} and ${toMs ?? 'ever'}`;
}

/** A clock that is set takes effect within 20 ms, and a busy machine may be late to see it. */
const clockSlackMs = 150;

function differenceOf(row: Row, final: Final): string[] {
  const differences = (['status', 'state', 'conclusion'] as const)
    .filter((column) => row[column] !== final[column])
    .map((column) => `${column} is ${show(row[column])}, not ${show(final[column])}`);
  for (const [column, values] of Object.entries(final.fields)) {
    const value = row[column] ?? null;
    if (!values.includes(value))
      differences.push(`${column} is ${show(value)}, not ${values.map(show).join(' or ')}`);
  }
  return differences;
}

const show = (value: Value): string => JSON.stringify(value);
