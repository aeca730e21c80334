import { outcomeWords, states, type State } from '../dashboards/states';
import { pullRequestLink } from './links';
import { code, link, plain } from './markdown-text';
import type { PrBackend, PrJob, PrResults, Verdict } from './pr-rows';

/** By this a bot finds the comment that it wrote before. It never changes. */
export const marker = '<!-- oot-ci-health:pr-results -->';

/** GitHub takes comments of 65,536 characters; a bot may want to say something besides. */
export const maxMarkdownLength = 60_000;

/** For the heads of tables without a row, and for the lines on what did not fit. */
const reserve = 400;

const squares: Record<State, string> = {
  success: '🟢',
  failure: '🔴',
  timed_out: '🟠',
  overdue: '🟣',
  running: '🔵',
  cancelled: '⚪',
  skipped: '⚪',
  neutral: '⚪',
  none: '⚪',
};

/** A verdict's word, as the dashboard's panels have it. */
const shown = (word: string): string => {
  const state = states.find((one) => one === word);
  return state === undefined ? plain(word, 40) : `${squares[state]} ${outcomeWords[state]}`;
};

const summaryMark = (verdict: Verdict): string => squares[verdict];

/**
 * The results as a section for a PR's comment: closed, its summary says how it stands, worst first inside. Jobs that
 * ended as expected are only counted. At most `maxLength` UTF-16 code units: what does not fit is counted, too.
 */
export function renderMarkdown(
  results: PrResults,
  dashboardUrl: string | null,
  maxLength = maxMarkdownLength,
): string {
  const { summary, sha, backends, jobs } = results;
  // A page of Grafana that isn't https is on somebody's own machine.
  const dashboard = dashboardUrl?.startsWith('https://') ? link('dashboard', dashboardUrl) : null;
  const facts = [
    `Commit ${code(sha)} ${plain(wordsOnCommit(results))}`,
    plain(summary.blocking, 2_000),
    plain(summary.elsewhere),
    link('checks', `${pullRequestLink(results)}/checks`),
    ...(dashboard === null ? [] : [dashboard]),
  ];
  const head = [
    marker,
    '<details>',
    `<summary>${summaryMark(summary.verdict)} <b>OOT CI</b>: ${plain(summary.sentence, 200)}</summary>`,
    '',
    facts.join(' · '),
  ];
  const foot = ['', '</details>', ''];
  const good = jobs.filter(({ as_expected }) => as_expected === true).length;
  const worth = jobs.filter(({ as_expected }) => as_expected !== true);
  const goodLine = good === 0 ? [] : ['', `${counted(good, 'job')} ended as expected.`];

  let left = maxLength - lengthOf(head) - lengthOf(foot) - lengthOf(goodLine) - reserve;
  const part = (title: string, columns: string[], rows: string[], what: string): string[] => {
    if (rows.length === 0) return [];
    const lines = ['', `**${title}**`, '', row(columns), row(columns.map(() => '---'))];
    left -= lengthOf(lines);
    const fitting = rows.findIndex((text) => (left -= text.length + 1) < 0);
    if (fitting === -1) return [...lines, ...rows];
    return [...lines, ...rows.slice(0, fitting), '', `and ${counted(rows.length - fitting, what, 'more ')}`];
  };
  return [
    ...head,
    ...part('Backends', backendColumns, backends.map(backendRow), 'backend'),
    ...part('Jobs, worst first', jobColumns, worth.map(jobRow), 'job'),
    ...goodLine,
    ...foot,
  ].join('\n');
}

/** "is the newest of 2 commits"; the name before it is a stranger's. */
function wordsOnCommit({ sha, summary }: PrResults): string {
  const at = summary.commit.lastIndexOf(' is ');
  return summary.commit.startsWith(sha.slice(0, 7)) ? summary.commit.slice(at) : '';
}

const backendColumns = ['Verdict', 'Backend', 'Level', 'Merge', 'Jobs', 'Longest', 'Queue', 'Oncalls'];

function backendRow(backend: PrBackend): string {
  return row([
    shown(backend.verdict),
    code(backend.backend),
    plain(backend.level, 20),
    plain(backend.merge, 20),
    jobCounts(backend),
    duration(backend.longest_seconds),
    duration(backend.queue_seconds),
    // Whom to ask, where there is something to ask; as code, which calls nobody.
    needsSomebody(backend) ? code(backend.oncalls.join(', ')) : '',
  ]);
}

const needsSomebody = ({ verdict, oncalls }: PrBackend): boolean =>
  (verdict === 'failure' || verdict === 'overdue') && oncalls.length > 0;

/** "3/4 as expected, 1 bad, 1 running". */
function jobCounts(backend: PrBackend): string {
  const { good_jobs, bad_jobs, running_jobs, uncounted_jobs } = backend;
  const parts = [
    [bad_jobs, 'bad'],
    [running_jobs, 'running'],
    [uncounted_jobs, 'not counted'],
  ] as const;
  const more = parts.filter(([count]) => count > 0).map(([count, words]) => `, ${count} ${words}`);
  return `${good_jobs}/${backend.jobs} as expected${more.join('')}`;
}

const jobColumns = ['Outcome', 'Backend', 'Workflow', 'Job', 'On other PRs', 'Tests', 'Duration', 'Links'];

function jobRow(job: PrJob): string {
  const links = [
    ['run', job.run_url],
    ['log', job.log_url],
    ['artifacts', job.artifact_url],
  ] as const;
  const outcome = `${shown(job.outcome)}${job.expected === '' ? '' : ` (${plain(job.expected, 40)})`}`;
  return row([
    job.merge === '' ? outcome : `${outcome}, ${plain(job.merge, 20)}`,
    code(job.backend),
    code(job.workflow),
    code(job.job),
    plain(job.elsewhere, 80),
    job.failed_tests === null || job.failed_tests === 0 ? '' : `${job.failed_tests} failed`,
    duration(job.duration_seconds),
    links.flatMap(([word, href]) => (href === null ? [] : [link(word, href)])).join(' '),
  ]);
}

const row = (cells: string[]): string => `| ${cells.join(' | ')} |`;

const counted = (count: number, what: string, before = ''): string =>
  `${count} ${before}${what}${count === 1 ? '' : 's'}`;

const lengthOf = (lines: string[]): number => lines.reduce((sum, line) => sum + line.length + 1, 0);

/** `45 s`, `12 min`, `2.5 h`; a dash where it is not known. */
function duration(seconds: number | null): string {
  if (seconds === null) return '–';
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5_400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3_600).toFixed(1)} h`;
}
