import type { Problem } from './check';
import type { SeedResult } from './run-seed';

const widths = { seed: 6, strikes: 7, callbacks: 10, acknowledged: 13, count: 8, recovery: 9, took: 7 };

const line = (seed: string, cells: [string, number][], names: string): string =>
  `${seed.padStart(widths.seed)}${cells.map(([text, width]) => text.padStart(width)).join('')}  ${names}`.trimEnd();

/** The heads of {@link rowOf}'s columns. */
export const tableHead = line(
  'seed',
  [
    ['faults', widths.strikes],
    ['callbacks', widths.callbacks],
    ['acknowledged', widths.acknowledged],
    ['lost', widths.count],
    ['doubled', widths.count],
    ['wrong', widths.count],
    ['other', widths.count],
    ['recovery', widths.recovery],
    ['took', widths.took],
  ],
  'what struck',
);

/** One seed as a line of the table. */
export function rowOf(result: SeedResult): string {
  return line(
    String(result.seed),
    [
      [String(result.faults.length), widths.strikes],
      [String(result.callbacks), widths.callbacks],
      [String(result.acknowledged), widths.acknowledged],
      ...countsOf(result.problems).map((count): [string, number] => [String(count), widths.count]),
      [result.recoveryMs === null ? 'never' : seconds(result.recoveryMs), widths.recovery],
      [seconds(result.tookMs), widths.took],
    ],
    result.faults.join(' '),
  );
}

const maxShown = 12;

/** What a failed seed found, a line each, and how to run it again. Empty for one that passed. */
export function explain(result: SeedResult, again: string): string[] {
  if (!hasFailed(result)) return [];
  const { problems, dir } = result;
  return [
    ...problems.slice(0, maxShown).map(({ kind, what }) => `       ${kind}: ${what}`),
    ...(problems.length > maxShown ? [`       ... and ${problems.length - maxShown} more`] : []),
    ...(result.recoveryMs === null ? ['       the tables were not equal in time'] : []),
    ...(dir === null ? [] : [`       data and logs: ${dir}`]),
    `       again: ${again}`,
  ];
}

/** The last line of a run, and the code to exit with: 1 where anything was wrong. */
export function summarize(results: readonly SeedResult[]): { text: string; exitCode: 0 | 1 } {
  const sum = (value: (result: SeedResult) => number) =>
    results.reduce((total, one) => total + value(one), 0);
  const [lost, doubled, wrong, other] = countsOf(results.flatMap(({ problems }) => problems));
  const failed = results.filter(hasFailed).map(({ seed }) => seed);
  const recoveries = results.flatMap(({ recoveryMs }) => recoveryMs ?? []).sort((a, b) => a - b);
  const median = recoveries[recoveries.length >> 1] ?? 0;
  const text = [
    `${results.length} seeds`,
    `${sum(({ faults }) => faults.length)} faults`,
    `${sum(({ callbacks }) => callbacks)} callbacks`,
    `${sum(({ acknowledged }) => acknowledged)} acknowledged`,
    `${lost} lost`,
    `${doubled} doubled`,
    `${wrong} wrong`,
    `${other} other`,
    `recovery ${seconds(median)} in the median, ${seconds(recoveries.at(-1) ?? 0)} at most`,
    failed.length === 0 ? 'all passed' : `failed seeds: ${failed.join(' ')}`,
  ].join(', ');
  // Nothing that ran is nothing that was shown.
  return { text, exitCode: failed.length > 0 || results.length === 0 ? 1 : 0 };
}

export const hasFailed = ({ problems, recoveryMs }: SeedResult): boolean =>
  problems.length > 0 || recoveryMs === null;

type Counts = [lost: number, doubled: number, wrong: number, other: number];

const countsOf = (problems: readonly Problem[]): Counts => {
  const count = (kind: Problem['kind']) => problems.filter((problem) => problem.kind === kind).length;
  return [count('lost'), count('doubled'), count('wrong'), count('other')];
};

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
