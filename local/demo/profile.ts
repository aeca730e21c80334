import type { Conclusion } from '../../ingest/contract/callback';

export type EventType = 'pull_request' | 'push' | 'nightly' | 'periodic';

export type JobProfile = {
  name: string;
  /** Tests wait for the builds of their workflow, and are skipped when one fails. A probe ends as announced. */
  kind: 'build' | 'test' | 'probe';
  medianMinutes: number;
  /** About how many tests pass; 0: it doesn't count. */
  tests: number;
  /** Of a probe: the conclusion that its name announces. */
  announces?: Conclusion;
};

export type WorkflowProfile = { name: string; on: readonly EventType[]; jobs: readonly JobProfile[] };

export type BackendProfile = {
  repo: string;
  /** As in allowlist.yml; the relay sends it along. */
  level: 'L2' | 'L3' | 'L4';
  /** What happens to it in the history: see {@link Situation}. */
  fate: 'steady' | 'broken' | 'silent' | 'nightly only' | 'probe';
  /** Share of the PRs that it tests, 0 to 1. */
  prShare: number;
  /** From the dispatch to the start of the run's first job. */
  queueMedianMinutes: number;
  queueSigma: number;
  /** Of a run: most of its tests fail, on the same tests, and again when re-run. */
  badRunRate: number;
  /** Of a test job: it fails, and again when re-run. */
  failureRate: number;
  /** Of a test job: its first attempt fails, the re-run passes. */
  flakeRate: number;
  /** On which callbacks of a run the relay's version puts the queue time. */
  queueTimeOn: 'every job' | 'first job';
  /** How its CI provider writes ids: GitHub's as text, as numbers, or another provider's UUIDs. */
  ids: 'text' | 'number' | 'uuid';
  /** When its nightly run starts. */
  nightlyHourUtc: number;
  environment: Record<string, string>;
  workflows: readonly WorkflowProfile[];
};

/** What the history tells about two of the backends, in UTC milliseconds. */
export type Situation = { brokenSinceMs: number; silentSinceMs: number };

const dayMs = 86_400_000;

/** One backend broke three days ago, and another fell silent four days ago. */
export const situationAt = (nowMs: number): Situation => ({
  brokenSinceMs: nowMs - 3 * dayMs,
  silentSinceMs: nowMs - 4.1 * dayMs,
});
