import { config } from '../config';
import { isBad, isSafe } from '../sql';

/**
 * How many jobs of a group are good, bad, running, overdue (those run as well) or not counted. `isJob`: which of the rows
 * are a job's newest attempt.
 */
export const jobCounts = (isJob = '1'): string => `countIf(${isJob}) AS jobs,
      countIf(${isJob} AND is_counted AND is_as_expected) AS good_jobs,
      countIf(${isJob} AND ${isBad}) AS bad_jobs,
      countIf(${isJob} AND outcome = 'running') AS running_jobs,
      countIf(${isJob} AND is_overdue) AS overdue_jobs,
      jobs - good_jobs - bad_jobs - running_jobs AS uncounted_jobs`;

/**
 * What a group of jobs comes to, as a state: one bad job fails it, it runs while a job runs (or is overdue), it
 * succeeds when all that counts is as expected. Where nothing counts (all cancelled or skipped) it is `none`.
 */
export const verdictOfCounts = `multiIf(bad_jobs > 0, 'failure', overdue_jobs > 0, 'overdue', running_jobs > 0, 'running', good_jobs > 0, 'success', 'none')`;

/** Worst first. */
export const verdictRank = (verdict: string) =>
  `indexOf(['failure', 'overdue', 'running', 'none', 'success'], ${verdict})`;

/** As the views tell jobs apart: a commit that nobody named counts as one a delivery. */
export const headSha = `if(pytorch_head_sha = '', concat('delivery ', delivery_id), pytorch_head_sha)`;

/*
 * Links of rows some of which have no pull request: a column each, since Grafana leaves out a link to nothing (from 12
 * on). What they are made of is held to forms that mean nothing else in a URL.
 */

/**
 * The page of what a row is about, from Grafana's own root: of its pull request or, without one, of its commit and event.
 * `sha`: as {@link headSha}.
 */
export const changePageUrl = (sha: string, eventType = 'event_type'): string =>
  `concat(if(pr_number = 0, 'd/${config.dashboards.commit.uid}', 'd/${config.dashboards.pr.uid}'), '?var-datasource=', \${datasource:singlequote}, '&var-upstream=', upstream_repo, if(pr_number = 0, concat('&var-event=', if(${isSafe(eventType)}, encodeURLComponent(${eventType}), '%24__all')), concat('&var-pr=', toString(pr_number))), '&var-sha=', encodeURLComponent(${sha}))`;

/** A row's pull request on GitHub, empty without one. */
export const pullRequestUrl = `if(pr_number = 0, '', concat('${config.github}/', upstream_repo, '/pull/', toString(pr_number)))`;
