import type { BenchRow, Measured } from './section';
import type { Spread } from './stats';

/** What a section measured, ready to be written down. `measuredAt`: when, where in the history, in one line. */
export type SectionResult = { name: string; title: string; measuredAt: string; rows: readonly BenchRow[] };

const head = ['what', 'ours', 'against', 'it', 'ratio', 'goal', 'met', 'note'] as const;

/** Four significant digits at most: more would claim what was not measured. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const size = Math.abs(value);
  const decimals = size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

const formatSpread = ({ median, low, high }: Spread, unit = ''): string => {
  const middle = `${formatNumber(median)}${unit && ` ${unit}`}`;
  return low === high ? middle : `${middle} (${formatNumber(low)} to ${formatNumber(high)})`;
};

const formatMeasured = (measured: Measured | null | undefined): string =>
  measured ? formatSpread(measured, measured.unit) : '';

function cellsOf(row: BenchRow): string[] {
  return [
    row.what,
    formatMeasured(row.ours),
    row.against?.what ?? '',
    formatMeasured(row.against?.measured),
    row.ratio ? formatSpread(row.ratio) : '',
    row.goal,
    row.met === null ? '' : row.met ? 'yes' : 'no',
    row.note,
  ];
}

/** A section as a table for a terminal, in columns; without the notes, which follow line by line. */
export function terminalTable({ title, rows }: SectionResult): string {
  const lines = [[...head], ...rows.map(cellsOf)].map((cells) => cells.slice(0, -1));
  const widths = head.map((_, column) => Math.max(...lines.map((cells) => (cells[column] ?? '').length)));
  const table = lines.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const notes = rows.filter(({ note }) => note !== '').map(({ what, note }) => `  ${what}: ${note}`);
  return [title, ...table, ...notes].join('\n');
}

/** A section as Markdown. */
function markdownBlock({ name, title, measuredAt, rows }: SectionResult): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [
    blockMark(name),
    `## ${title}`,
    '',
    `\`npm run bench -- --only ${name}\`, ${measuredAt}`,
    '',
    line(head),
    line(head.map(() => '---')),
    ...rows.map((row) => line(cellsOf(row))),
    '',
  ].join('\n');
}

const blockMark = (name: string): string => `<!-- bench: ${name} -->`;

const intro = `# Results of the bench

Written by \`npm run bench\`. Medians of the rounds, least and most in brackets. What a line is measured against ran in
the same run, turn by turn with ours, and the ratio is the median of the rounds' own ratios. Emulators and an embedded
engine on one machine: the ratios carry over to others, the absolute numbers do not.
`;

/**
 * The file of results. Sections that were not measured this time keep what they had, but only where `machine` (the
 * lines on machine and versions) is still the same: numbers of two machines do not belong into one file.
 *
 * `order`: the names of all sections. `existing`: the file as it is, null where there is none.
 */
export function resultsFile(options: {
  machine: readonly string[];
  order: readonly string[];
  results: readonly SectionResult[];
  existing: string | null;
}): string {
  const { machine, order, results, existing } = options;
  const top = `${intro}\n${machine.map((line) => `- ${line}`).join('\n')}\n`;
  const kept = existing?.startsWith(top) ? blocksOf(existing) : new Map<string, string>();
  const measured = new Map(results.map((result) => [result.name, markdownBlock(result)]));
  const blocks = order
    .map((name) => measured.get(name) ?? kept.get(name))
    .filter((block) => block !== undefined);
  return [top, ...blocks].join('\n');
}

function blocksOf(file: string): Map<string, string> {
  const parts = file.split(/^<!-- bench: ([\w-]+) -->\n/m).slice(1);
  const blocks = new Map<string, string>();
  for (let index = 0; index + 1 < parts.length; index += 2) {
    const name = parts[index] ?? '';
    blocks.set(name, `${blockMark(name)}\n${(parts[index + 1] ?? '').trimEnd()}\n`);
  }
  return blocks;
}

/** How many goals were met, and which were not. */
export function verdict(results: readonly SectionResult[]): string {
  const withGoal = results.flatMap(({ name, rows }) =>
    rows.filter(({ met }) => met !== null).map((row) => ({ name, row })),
  );
  const missed = withGoal.filter(({ row }) => row.met === false);
  const lines = missed.map(({ name, row }) => {
    const got = row.ratio ? formatSpread(row.ratio) : formatMeasured(row.ours);
    return `  ${name}, ${row.what}: ${got}, goal ${row.goal}`;
  });
  return [`${withGoal.length - missed.length} of ${withGoal.length} goals met`, ...lines].join('\n');
}
