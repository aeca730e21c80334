import type { Verdict } from '../../replicator/verify';
import type { Sent } from './clients';
import { judgeRow, permit, type Row } from './oracle';
import { gatherSaid, isAcknowledgement } from './said';
import type { Stranger } from './strangers';

/** What a seed found. `lost`, `doubled` and `wrong` are about rows, `other` is everything else that must not be. */
export type Problem = { kind: 'lost' | 'doubled' | 'wrong' | 'other'; what: string };

/** What ClickHouse shows in the end, and what else was seen. */
export type Observed = {
  /** oot_workflow_job FINAL. */
  rows: readonly Row[];
  /** oot_attempts: outcome by key. */
  outcomes: readonly { dynamoKey: string; outcome: string }[];
  quarantine: readonly { dynamoKey: string; reason: string }[];
  /** Null: DynamoDB and ClickHouse could not even be compared. */
  verdict: Verdict | null;
  /** A part that ended by itself, a child shard that was read too soon ... */
  unexplained: readonly string[];
};

/** What was asked and answered, from which alone follows what must be shown. */
export type Asked = {
  sent: readonly Sent[];
  strangers: readonly Stranger[];
  /** By how much ingest's clock may have been off, 0 included. */
  clockOffsetsMs: readonly number[];
  /** False where a fault explains an answer that took longer than the relay waits. */
  mustBeQuick: boolean;
};

/** Compares what is shown with what was acknowledged. Empty: it is exactly that. */
export function findProblems(asked: Asked, observed: Observed): Problem[] {
  return [
    ...checkRows(asked, observed),
    ...checkAttempts(observed),
    ...checkQuarantine(asked, observed),
    ...checkVerdict(asked, observed),
    ...asked.sent.flatMap((sent) => checkAnswers(sent, asked.mustBeQuick)),
    ...observed.unexplained.map((what): Problem => ({ kind: 'other', what })),
  ];
}

/** How many of the callbacks were acknowledged. */
export const countAcknowledged = (sent: readonly Sent[]): number =>
  sent.filter(({ tries }) => tries.some(isAcknowledgement)).length;

function checkRows({ sent, strangers, clockOffsetsMs }: Asked, { rows }: Observed): Problem[] {
  const problems: Problem[] = [];
  const permitted = new Map([...gatherSaid(sent)].map(([key, said]) => [key, permit(said)]));
  const harmless = new Map(
    strangers.flatMap(({ key, expected }) => ('row' in expected ? [[key, expected.row] as const] : [])),
  );
  const seen = new Set<string>();
  for (const row of rows) {
    const key = row.dynamoKey;
    if (seen.has(key)) problems.push({ kind: 'doubled', what: `${key} has more than one row` });
    seen.add(key);
    const mine = permitted.get(key);
    const theirs = harmless.get(key);
    const wrong = mine
      ? judgeRow(row, mine, clockOffsetsMs)
      : theirs
        ? judgeStranger(row, theirs)
        : 'nobody sent it, or what was sent was refused';
    if (wrong !== null) problems.push({ kind: 'wrong', what: `${key}: ${wrong}` });
  }
  for (const [key, { mayBeAbsent }] of permitted) {
    if (!seen.has(key) && !mayBeAbsent) problems.push({ kind: 'lost', what: `${key} was acknowledged` });
  }
  for (const key of harmless.keys()) {
    if (!seen.has(key)) problems.push({ kind: 'lost', what: `${key} was put into the table` });
  }
  return problems;
}

function judgeStranger(row: Row, expected: Partial<Row>): string | null {
  const wrong = Object.entries(expected).filter(([column, value]) => row[column] !== value);
  return wrong.length === 0
    ? null
    : wrong.map(([column]) => `${column} is ${String(row[column])}`).join(', ');
}

/** The view that everybody reads has the same attempts, once each, with the outcome that follows. */
function checkAttempts({ rows, outcomes }: Observed): Problem[] {
  const expected = new Map(
    rows.map((row) => [row.dynamoKey, row.status === 'in_progress' ? 'running' : row.conclusion]),
  );
  const problems: Problem[] = outcomes
    .filter(({ dynamoKey, outcome }) => expected.get(dynamoKey) !== outcome)
    .map(({ dynamoKey, outcome }) => ({ kind: 'wrong', what: `${dynamoKey}: oot_attempts says ${outcome}` }));
  if (outcomes.length !== rows.length || outcomes.length !== expected.size) {
    const what = `oot_attempts has ${outcomes.length} rows, oot_workflow_job ${rows.length}, of ${expected.size} keys`;
    problems.push({ kind: 'doubled', what });
  }
  return problems;
}

/** Quarantine holds each poison once, for its reason, and nothing else. */
function checkQuarantine({ strangers }: Asked, { quarantine }: Observed): Problem[] {
  const problems: Problem[] = [];
  const poison = new Map(
    strangers.flatMap(({ key, expected }) => ('reason' in expected ? [[key, expected.reason] as const] : [])),
  );
  const missing = new Map(poison);
  for (const { dynamoKey, reason } of quarantine) {
    const expected = poison.get(dynamoKey);
    const isFirst = missing.delete(dynamoKey);
    if (expected === undefined) problems.push(other(`quarantine holds ${dynamoKey}: ${reason}`));
    else if (expected !== reason) problems.push(other(`quarantine says ${reason}, not ${expected}`));
    else if (!isFirst) problems.push(other(`quarantine holds ${dynamoKey} twice`));
  }
  for (const [key, reason] of missing) problems.push(other(`quarantine lacks ${key}: ${reason}`));
  return problems;
}

/** `npm run verify` names the poison, which can't be a row, and nothing else; newest attempts and runs are right. */
function checkVerdict({ strangers }: Asked, { verdict }: Observed): Problem[] {
  if (!verdict) return [other('DynamoDB and ClickHouse could not be compared in time')];
  const poison = new Set(strangers.flatMap(({ key, expected }) => ('reason' in expected ? [key] : [])));
  const { attempts, runs } = verdict.stale;
  const stale: Problem[] =
    attempts + runs === 0
      ? []
      : [{ kind: 'wrong', what: `verify: ${attempts} attempts and ${runs} runs are stale` }];
  const differences = verdict.differences
    .filter(({ kind, dynamoKey }) => kind !== 'quarantined' || !poison.has(dynamoKey))
    .map(({ kind, dynamoKey, dynamoRevision, clickHouseRevision }) =>
      other(`verify: ${dynamoKey} is ${kind} (${dynamoRevision ?? '-'}, ${clickHouseRevision ?? '-'})`),
    );
  return [...stale, ...differences];
}

/** Longer than the relay waits for an answer, less what a busy machine may add; milliseconds. */
const tooSlowMs = 9_800;

function checkAnswers({ planned, tries }: Sent, mustBeQuick: boolean): Problem[] {
  const problems: Problem[] = [];
  for (const { answer, answerBody, sentMs, endedMs } of tries) {
    if (mustBeQuick && endedMs - sentMs > tooSlowMs)
      problems.push(other(`no answer in ${endedMs - sentMs} ms`));
    if (typeof answer !== 'number' || answer === 503) continue;
    if (answer !== (planned.refusal ?? 200)) {
      const what =
        planned.refusal === null ? 'a good callback' : `a request that asks for ${planned.refusal}`;
      problems.push(other(`${what} was answered ${answer} ${answerBody.slice(0, 120)}`));
    }
  }
  return problems;
}

const other = (what: string): Problem => ({ kind: 'other', what });
