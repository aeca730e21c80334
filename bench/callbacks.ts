import { marshall } from '@aws-sdk/util-dynamodb';
import type { UpdateItemCommandInput } from '@aws-sdk/client-dynamodb';
import { parseCallback } from '../ingest/contract/callback';
import type { Item } from '../ingest/contract/item';
import { mergeRecord } from '../ingest/merge';
import { createRecord, type AttemptRecord } from '../ingest/record';
import { createResultStore } from '../ingest/store';
import { changeOfItem, type Change } from '../replicator/change';
import { completed, inProgress, type WireCallback } from '../test/helpers/callbacks';

/** Stands for the check run's id in a template. As long as the ids that take its place. */
const mark = 'ID-OF-CHECK';

/** As unique as a check run's id must be, and always 11 characters long. */
export const checkRunId = (n: number): string => String(10_000_000_000 + n);

/** Of so many callbacks, one is of a re-run: of the job before it. */
const rerunEvery = 20;

/** Bodies of callbacks, each of a commit and run of its own but for re-runs, made at the price of joining strings. */
export function createBodies(repo = 'bench-org/torch-backend'): (n: number) => string {
  const partsOfAttempt = (attempt: number): string[] =>
    JSON.stringify(
      inProgress({
        trusted: { verified_repo: repo },
        payload: pullRequest(150_000, `${mark}${'0'.repeat(29)}`),
        workflow: { check_run_id: mark, run_id: mark, run_attempt: String(attempt) },
      }),
    ).split(mark);
  const [first, again] = [partsOfAttempt(1), partsOfAttempt(2)];
  return (n) => {
    const isRerun = n % rerunEvery === rerunEvery - 1;
    const job = checkRunId(isRerun ? n - 1 : n);
    // In the order of the wire: commit, check run, run.
    const [beforeCommit = '', beforeCheck = '', beforeRun = '', rest = ''] = isRerun ? again : first;
    return beforeCommit + job + beforeCheck + checkRunId(n) + beforeRun + job + rest;
  };
}

const pullRequest = (number: number, sha: string) => ({
  payload: { pull_request: { number, head: { sha } }, repository: { full_name: 'pytorch/pytorch' } },
});

/** What ingest makes of a callback. Throws where it would refuse it. */
export function recordOf(callback: WireCallback): AttemptRecord {
  const parsed = parseCallback(callback);
  if (!parsed.ok) throw new Error(parsed.issues.map(({ path, message }) => `${path} ${message}`).join(', '));
  return createRecord(parsed.callback);
}

/**
 * The very UpdateItem that ingest's store would send for {@link createBodies}'s callback, made at the price of
 * replacing two strings: the store itself is asked for the template.
 */
export async function createUpdates(tableName: string): Promise<(n: number) => UpdateItemCommandInput> {
  const sent: UpdateItemCommandInput[] = [];
  const recorder = {
    send: (command: { input: UpdateItemCommandInput }) => {
      sent.push(command.input);
      return Promise.resolve({});
    },
  };
  const store = createResultStore({ client: recorder as never, tableName, now: Date.now });
  await store.write(
    recordOf(
      inProgress({ trusted: { verified_repo: 'bench-org/sdk-alone' }, workflow: { check_run_id: mark } }),
    ),
  );
  const [template] = sent;
  const key = template?.Key?.dynamoKey?.S;
  const values = Object.entries(template?.ExpressionAttributeValues ?? {});
  const idAt = values.find(([, value]) => value.S === mark)?.[0];
  if (!template || key === undefined || idAt === undefined)
    throw new Error('the store sends something else now');
  return (n) => ({
    ...template,
    Key: { dynamoKey: { S: key.replace(mark, checkRunId(n)) } },
    ExpressionAttributeValues: { ...template.ExpressionAttributeValues, [idAt]: { S: checkRunId(n) } },
  });
}

const startMs = Date.UTC(2026, 7, 1);
/** Jobs a commit starts, all backends together. */
const jobsOfCommit = 40;

/** What varies from job to job: five backends, eight jobs each, a commit of its own for every forty. */
function partsOf(n: number) {
  const commit = Math.floor(n / jobsOfCommit);
  const sha = (0x8f14e45f + commit).toString(16).padStart(40, '0');
  return {
    trusted: { verified_repo: `bench-org/torch-backend-${n % 5}` },
    payload: {
      delivery_id: `7c9d2b1e-0f43-11f1-8a3e-${String(commit).padStart(12, '0')}`,
      ...pullRequest(150_000 + Math.floor(commit / 3), sha),
    },
    workflow: {
      check_run_id: checkRunId(n),
      run_id: String(16_000_000_000 + commit),
      job_name: `test (${n % 8})`,
    },
  };
}

/** The item of job `n` when it runs, and when it has ended, a second's work apart; jobs are `apartMs` apart. */
export function itemsOf(n: number, apartMs = 100): { running: Item; ended: Item } {
  const parts = partsOf(n);
  const atMs = Math.floor(startMs + n * apartMs);
  const write = (existing: Item | undefined, callback: WireCallback, nowMs: number): Item => {
    const record = recordOf(callback);
    const { set } = mergeRecord(existing, record, nowMs);
    return {
      ...existing,
      ...set,
      dynamoKey: record.dynamoKey,
      revision: (existing?.revision ?? nowMs) + 1,
    } as Item;
  };
  const running = write(undefined, inProgress(parts), atMs);
  return { running, ended: write(running, completed(parts), atMs + 1_000) };
}

/** The changes that a stream would bring of `count` records: half of them starts, half of them ends. */
export function changesOf(count: number): Change[] {
  return Array.from({ length: count / 2 }, (_, n) => itemsOf(n)).flatMap(({ running, ended }) =>
    [running, ended].map((item) => changeOfItem(marshall(item, { removeUndefinedValues: true }))),
  );
}
