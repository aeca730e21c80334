/** Joins the lines of a query, drops the indentation they share, so that generated JSON reads well. */
export function sql(strings: TemplateStringsArray, ...values: (string | number)[]): string {
  const text = String.raw({ raw: strings }, ...values);
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const indent = Math.min(...lines.map((line) => line.length - line.trimStart().length));
  return lines.map((line) => line.slice(indent).trimEnd()).join('\n');
}

/** The dashboard's time range, as the bounds of a view with parameters. */
export const range = 'from = $__fromTime_ms, to = $__toTime_ms';

/** Jobs of the dashboard's time range: one row a job, by its newest attempt in the range. */
export const jobsInRange = `oot_jobs_between(${range})`;

/** Share of counted jobs that ended as expected, 0 to 1; NULL where nothing counts. */
export const successRate =
  'if(countIf(is_counted) = 0, NULL, countIf(is_counted AND is_as_expected) / countIf(is_counted))';

/** Exact (with interpolation) however many values there are; NULL where none is known. */
export const quantile = (level: number, column: string): string =>
  `quantileExactInclusive(${level})(${column})`;

/** A number that stands for a pull request, to count them: two columns would be compared for every job. */
export const prNumbered = 'cityHash64(upstream_repo, pr_number)';

/**
 * Numbers to group by. A name beside a number would be put into text for each row, which takes longer than to read it; of a
 * column with a dictionary, the hash is worked out for its few words.
 */
export const backendNumbered = 'cityHash64(downstream_repo)';
/** The same of a job (backend, workflow, name), whatever it ran on. */
export const jobNumbered = `cityHash64(${backendNumbered}, cityHash64(workflow_name), cityHash64(job_name))`;

/** As in oot_jobs_between, for what reads other attempts too: whether one is its job's newest of those received in [from, to). */
export const isNewestIn = (from: string, to: string): string =>
  `newest_after < ${from} AND newest_until >= ${to}`;

/**
 * No format of Grafana's escapes a backslash inside quotes: a value that has one would end its text early or match nothing. So
 * it is not offered, nor linked to, where several can be chosen; All, which is no condition, still counts it. (Names of
 * repositories can't have any.)
 */
export const isSafe = (column: string): string => `position(${column}, char(92)) = 0`;

/** The only value of a variable, whatever is in it: a backslash, too. */
export const oneValue = (name: string): string => `decodeURLComponent('\${${name}:percentencode}')`;

/** A list of words of ours, as SQL. */
export const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(', ');

/** What runs by the clock, not because of a change. */
export const scheduledEvents = ['nightly', 'periodic'] as const;
export const isScheduled = `event_type IN (${quoted(scheduledEvents)})`;

/** A counted job that did not end as expected. */
export const isBad = '(is_counted AND NOT is_as_expected)';

/** Whether a row is of a registered backend of one of these levels, an SQL list; it finds their place in the primary key. */
export const isOfLevels = (levels: string): string =>
  `downstream_repo IN (SELECT repo FROM oot_backends WHERE level IN (${levels}))`;

/** The outcome as a panel shows it: `overdue` for a job that runs for too long. */
export const shownOutcome = `if(is_overdue, 'overdue', outcome)`;

/**
 * What a variable lets through. Every value is quoted by Grafana itself (`:singlequote`); `All` is no
 * condition at all, so that what no list knows is still counted.
 */
export const filters = {
  level: `$__conditionalAll(${isOfLevels('${level:singlequote}')}, $level)`,
  backend: `$__conditionalAll(downstream_repo IN (\${backend:singlequote}), $backend)`,
  upstream: `$__conditionalAll(upstream_repo IN (\${upstream:singlequote}), $upstream)`,
  eventType: `$__conditionalAll(event_type IN (\${event_type:singlequote}), $event_type)`,
  workflow: `$__conditionalAll(workflow_name IN (\${workflow:singlequote}), $workflow)`,
  job: `$__conditionalAll(job_name IN (\${job:singlequote}), $job)`,
  outcome: `$__conditionalAll(${shownOutcome} IN (\${outcome:singlequote}), $outcome)`,
} as const;

export type Filter = keyof typeof filters;

/** Conditions of a query from the dashboard's variables, for a WHERE; without any, all is let through. */
export const where = (...names: Filter[]): string =>
  names.length === 0 ? '1' : names.map((name) => filters[name]).join('\n  AND ');
