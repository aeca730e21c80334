import {
  prBackendsSql,
  prBlockingSql,
  prCommitsSql,
  prCommitSql,
  prElsewhereSql,
  prFailedTestsSql,
  prJobsInFullSql,
  prSentenceSql,
} from '../dashboards/queries/pr';
import { httpsLink } from './links';
import type { BackendRow, CommitRow, FailedTestRow, JobRow, PrResults } from './pr-rows';
import { ClickHouseUnavailableError, type ReadRows } from './read';

export type PrLookup =
  | { kind: 'found'; results: PrResults }
  | { kind: 'unknown_pr' }
  /** The commit is none of the PR's, or its first characters are those of several. */
  | { kind: 'unknown_sha' | 'ambiguous_sha'; shas: string[] };

/** Callbacks come between two queries; then all are asked again. */
const tries = 4;

/**
 * The results of a PR's commit, of its newest one where none is named. Throws {@link ClickHouseUnavailableError},
 * also where results change faster than they can be read: panels may differ for a moment, the counts and rows of one
 * answer may not. (What it says of other PRs may be some milliseconds apart.)
 */
export async function readPrResults(
  read: ReadRows,
  asked: { upstream: string; pr: number; sha?: string | undefined },
): Promise<PrLookup> {
  for (let left = tries; left > 0; left--) {
    const lookup = await readOnce(read, asked);
    if (lookup !== 'changed') return lookup;
  }
  throw new ClickHouseUnavailableError('results change while they are read');
}

async function readOnce(
  read: ReadRows,
  { upstream, pr, sha: given }: { upstream: string; pr: number; sha?: string | undefined },
): Promise<PrLookup | 'changed'> {
  const nowMs = Date.now();
  const ask = <T>(rawSql: string, sha: string) =>
    read<T>(rawSql, { fromMs: nowMs, toMs: nowMs, variables: { upstream, pr: String(pr), sha } });

  const commits = await ask<CommitRow>(prCommitsSql, given ?? '');
  const [newest] = commits;
  if (!newest) return { kind: 'unknown_pr' };
  const chosen = chooseCommit(commits, given);
  if (typeof chosen === 'string') return { kind: chosen, shas: commits.map(({ sha }) => sha) };

  const { sha } = chosen;
  const [backends, jobs, failedTests, oncalls, sentences, blockings, elsewheres, commitWords] =
    await Promise.all([
      ask<BackendRow>(prBackendsSql, sha),
      ask<JobRow>(prJobsInFullSql, sha),
      ask<FailedTestRow>(prFailedTestsSql, sha),
      ask<{ repo: string; oncalls: string[] }>('SELECT repo, oncalls FROM oot_backends', sha),
      ask<{ sentence: string }>(prSentenceSql, sha),
      ask<{ blocking: string }>(prBlockingSql, sha),
      ask<{ elsewhere: string }>(prElsewhereSql, sha),
      ask<{ commit: string }>(prCommitSql, sha),
    ]);
  const total = (column: 'jobs' | 'overdue_jobs' | 'good_jobs' | 'bad_jobs' | 'running_jobs') =>
    backends.reduce((sum, row) => sum + row[column], 0);
  const [worst] = backends;
  const [sentence] = sentences;
  const [blocking] = blockings;
  const [elsewhere] = elsewheres;
  const [commit] = commitWords;
  const isWhole =
    sentence?.sentence === chosen.sentence &&
    jobs.length === total('jobs') &&
    jobs.filter(({ outcome }) => outcome === 'overdue').length === total('overdue_jobs') &&
    chosen.good === total('good_jobs') &&
    chosen.bad === total('bad_jobs') &&
    chosen.bad === jobs.filter(isBad).length &&
    chosen.running === total('running_jobs');
  if (!isWhole || !worst || !blocking || !elsewhere || !commit) return 'changed';

  const oncallsOf = new Map(oncalls.map((row) => [row.repo, row.oncalls]));
  const results: PrResults = {
    upstream,
    pr,
    sha,
    is_newest_sha: sha === newest.sha,
    summary: {
      // The rows of backends come worst first.
      verdict: worst.verdict,
      sentence: sentence.sentence,
      blocking: blocking.blocking,
      elsewhere: elsewhere.elsewhere,
      commit: commit.commit,
      backends: {
        total: backends.length,
        passed: chosen.backends_passed,
        failing: chosen.backends_failing,
        running: chosen.backends_running,
      },
      jobs: {
        total: jobs.length,
        good: chosen.good,
        bad: chosen.bad,
        running: chosen.running,
        overdue: total('overdue_jobs'),
        uncounted: chosen.uncounted,
      },
    },
    backends: backends.map(({ strip: _strip, ...row }) => ({
      ...row,
      oncalls: oncallsOf.get(row.backend) ?? [],
    })),
    jobs: jobs.map(({ is_counted, is_as_expected, ...row }) => ({
      ...row,
      as_expected: is_counted ? Boolean(is_as_expected) : null,
      run_url: httpsLink(row.run_url),
      log_url: httpsLink(row.log_url),
      artifact_url: httpsLink(row.artifact_url),
    })),
    failed_tests: failedTests.map((row) => ({ ...row, run_url: httpsLink(row.run_url) })),
    commits: commits.map(({ shown: _shown, ...row }) => row),
  };
  return { kind: 'found', results };
}

const isBad = ({ is_counted, is_as_expected }: JobRow): boolean => Boolean(is_counted) && !is_as_expected;

/** Git shows at least so many characters of a SHA. */
const shortestPrefix = 7;

function chooseCommit(
  commits: CommitRow[],
  given: string | undefined,
): CommitRow | 'unknown_sha' | 'ambiguous_sha' {
  const exact = given === undefined ? commits[0] : commits.find(({ sha }) => sha === given);
  if (exact || given === undefined) return exact ?? 'unknown_sha';
  if (given.length < shortestPrefix) return 'unknown_sha';
  const matching = commits.filter(({ sha }) => sha.startsWith(given.toLowerCase()));
  const [match] = matching;
  return matching.length > 1 ? 'ambiguous_sha' : (match ?? 'unknown_sha');
}
