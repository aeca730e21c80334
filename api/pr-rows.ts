/* The rows of the PR dashboard's panels, asked by the same queries. Names are those of the panels' columns. */

export type CommitRow = {
  sha: string;
  shown: string;
  first_received_at: string;
  last_received_at: string;
  sentence: string;
  backends_passed: number;
  backends_failing: number;
  backends_running: number;
  good: number;
  bad: number;
  running: number;
  uncounted: number;
};
export type BackendRow = {
  backend: string;
  level: string;
  verdict: Verdict;
  merge: string;
  strip: string;
  jobs: number;
  good_jobs: number;
  bad_jobs: number;
  running_jobs: number;
  overdue_jobs: number;
  uncounted_jobs: number;
  longest_seconds: number | null;
  queue_seconds: number | null;
  last_received_at: string;
};
export type JobRow = {
  backend: string;
  level: string;
  workflow: string;
  job: string;
  outcome: string;
  merge: string;
  expected: string;
  other_prs_failing: number | null;
  other_prs: number | null;
  elsewhere: string;
  failed_tests: number | null;
  total_tests: number | null;
  run_attempt: number;
  duration_seconds: number | null;
  queue_seconds: number | null;
  received_at: string;
  run_url: string;
  log_url: string;
  artifact_url: string;
  event_type: string;
  started_at: string | null;
  completed_at: string | null;
  is_counted: boolean | number;
  is_as_expected: boolean | number;
};
export type FailedTestRow = {
  backend: string;
  workflow: string;
  job: string;
  test: string;
  message: string;
  backends: number | null;
  run_url: string;
};

export type Verdict = 'failure' | 'overdue' | 'running' | 'none' | 'success';

export type PrBackend = Omit<BackendRow, 'strip'> & { oncalls: string[] };
/** `as_expected` is null where the job doesn't count: it runs, or was cancelled, skipped or neutral. */
export type PrJob = Omit<JobRow, 'run_url' | 'log_url' | 'artifact_url' | 'is_counted' | 'is_as_expected'> & {
  as_expected: boolean | null;
  run_url: string | null;
  log_url: string | null;
  artifact_url: string | null;
};
export type PrFailedTest = Omit<FailedTestRow, 'run_url'> & { run_url: string | null };

export type PrResults = {
  upstream: string;
  pr: number;
  sha: string;
  is_newest_sha: boolean;
  summary: {
    /** The worst of the backends' verdicts. */
    verdict: Verdict;
    /** What the dashboard says in its four large panels. */
    sentence: string;
    blocking: string;
    elsewhere: string;
    commit: string;
    backends: { total: number; passed: number; failing: number; running: number };
    jobs: {
      total: number;
      good: number;
      bad: number;
      running: number;
      overdue: number;
      uncounted: number;
    };
  };
  backends: PrBackend[];
  jobs: PrJob[];
  failed_tests: PrFailedTest[];
  commits: Omit<CommitRow, 'shown'>[];
};
