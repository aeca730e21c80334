import { z } from 'zod';
import { conclusions, statuses } from './callback';
import { limits } from './limits';
import {
  count,
  identifier,
  instant,
  matching,
  oneOf,
  optional,
  repository,
  required,
  seconds,
  text,
} from './wire';

/**
 * How much is known about an attempt, in the only order in which it moves: it runs; the relay's sweeper gave
 * up on it after 6 h and called it `timed_out`; the job itself reported its outcome.
 */
export const states = ['running', 'swept', 'reported'] as const;

export type State = (typeof states)[number];

/** The states that a callback of this state moves on from. */
export const statesBelow = (state: State): readonly State[] => states.slice(0, states.indexOf(state));

/** Who, what and where: every callback of an attempt can bring these, and they do not depend on its state. */
export const contextFields = [
  'downstream_repo',
  'downstream_repo_level',
  'upstream_repo',
  'event_type',
  'pr_number',
  'pytorch_head_sha',
  'delivery_id',
  'workflow_run_url',
  'workflow_name',
  'job_name',
  'check_run_id',
  'run_id',
  'run_attempt',
  'artifact_url',
  'queue_time',
  'started_at',
  'environment',
] as const;

/** How it ended: these belong to one outcome and are replaced together when a better one arrives. */
export const outcomeFields = [
  'conclusion',
  'completed_at',
  'execution_time',
  'total_tests',
  'passed_tests',
  'failed_tests',
  'skipped_tests',
  'failed_tests_json',
  'failed_tests_cut',
] as const;

/** What stands where no callback has brought the field yet. A later callback may still fill it in. */
export const placeholders = { upstream_repo: 'pytorch/pytorch', pr_number: 0 } as const;

/** UTC milliseconds that a DateTime64 can hold. */
const epochMs = count(Date.UTC(2262, 0, 1) - 1);

/**
 * One attempt (one check run) as it lies in DynamoDB; fields nobody brought are absent.
 *
 * Three parts of it are ours and not upstream's: the times of our own clock in UTC milliseconds
 * (`received_at` when the attempt was first seen, `updated_at` when the item last changed, `outcome_at` when
 * the outcome that counts arrived), `state`, and `revision`, which starts from the first write's time in
 * milliseconds and grows by one with every write that changes the item. Starting from the time, not from 0,
 * keeps it growing when a deleted item is written anew, so that the new row wins over the tombstone.
 */
export const itemSchema = z.object({
  dynamoKey: required(identifier(limits.keyBytes)),
  status: required(oneOf(statuses)),
  state: optional(oneOf(states)),
  revision: optional(count()),
  received_at: optional(epochMs),
  updated_at: optional(epochMs),
  outcome_at: optional(epochMs),
  downstream_repo: required(repository),
  downstream_repo_level: optional(text(limits.eventTypeBytes)),
  upstream_repo: optional(repository),
  event_type: optional(identifier(limits.eventTypeBytes)),
  pr_number: optional(count()),
  pytorch_head_sha: optional(matching(/^[\w.-]{1,128}$/, 'a commit SHA')),
  delivery_id: optional(text(limits.keyBytes)),
  workflow_run_url: optional(text(limits.keyBytes * 2)),
  workflow_name: required(identifier(limits.keyBytes)),
  job_name: required(identifier(limits.keyBytes)),
  check_run_id: optional(text(limits.keyBytes)),
  run_id: optional(identifier(limits.idBytes)),
  run_attempt: optional(count(2 ** 32 - 1)),
  queue_time: optional(seconds()),
  started_at: optional(instant),
  environment: optional(text(limits.environmentBytes * 2)),
  conclusion: optional(oneOf(conclusions)),
  completed_at: optional(instant),
  execution_time: optional(seconds()),
  total_tests: optional(count()),
  passed_tests: optional(count()),
  failed_tests: optional(count()),
  skipped_tests: optional(count()),
  failed_tests_json: optional(text(400_000)),
  failed_tests_cut: optional(count()),
  artifact_url: optional(text(limits.keyBytes * 2)),
});

export type Item = z.output<typeof itemSchema>;

/** The fields that a callback can bring. */
export type ItemField = (typeof contextFields)[number] | (typeof outcomeFields)[number];

/** Whether a stored value says nothing: absent, as HUD's code wrote it (null, ""), or a placeholder. */
export function isAbsent(field: ItemField, value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return Object.hasOwn(placeholders, field) && value === placeholders[field as keyof typeof placeholders];
}

/** The sweeper stamps whole seconds (`strftime`), a job's own callback microseconds. Only the relay sweeps. */
export function isSwept(conclusion: string | undefined, completedAt: string | undefined): boolean {
  return conclusion === 'timed_out' && completedAt !== undefined && !completedAt.includes('.');
}

/** The part of an item that {@link stateOf} and the stand-ins look at. */
export type Stateful = Partial<Pick<Item, 'status' | 'state' | 'conclusion' | 'started_at' | 'completed_at'>>;

/** An item's state. HUD's own code writes none: there it follows from status and conclusion. */
export function stateOf(item: Stateful): State {
  if (item.state) return item.state;
  if (item.status !== 'completed') return 'running';
  return isSwept(item.conclusion, item.completed_at) ? 'swept' : 'reported';
}

/**
 * Stands in for `received_at` in items that HUD's own code wrote: the start, else the completion, both by the
 * sender's clock. UTC milliseconds; null where neither is there or both are before the relay existed (2026).
 */
export function standInReceivedAt(item: Stateful): number | null {
  const firstRelay = Date.UTC(2026, 0, 1);
  for (const time of [item.started_at, item.completed_at]) {
    const epochMs = time ? Date.parse(time) : NaN;
    if (epochMs >= firstRelay) return epochMs;
  }
  return null;
}

/**
 * Stands in for `revision` in items that HUD's own code wrote. HUD only ever adds fields to an item, so a
 * later image has a later state or more fields. Far below every revision of ours (which are milliseconds), so
 * the first write of ours wins.
 */
export function standInRevision(item: Record<string, unknown> & Stateful): number {
  const filled = Object.values(item).filter((value) => value !== undefined && value !== '').length;
  return (states.indexOf(stateOf(item)) + 1) * 1000 + filled;
}
