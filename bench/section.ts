import { pairedRatios, spreadOf, type Spread } from './stats';
import type { Scope } from './scope';

/** `quick`: to see that it works. `usual`: a bench of minutes. `full`: the sizes that were asked for. */
export type Size = 'quick' | 'usual' | 'full';

/** What a section gets. */
export type BenchContext = {
  size: Size;
  /** Aborts on Ctrl-C. */
  signal: AbortSignal;
  /** Says on the terminal what is being done; never part of the results. */
  say: (line: string) => void;
  /** What is put here is stopped, in reverse order, when the section is over, however it ends. */
  scope: Scope;
  /** A folder of this section's own, deleted after it. */
  tempDir: string;
  /** Engines that are there already; without an address, embedded ones are started. */
  environment: BenchEnvironment;
};

export type BenchEnvironment = {
  AWS_REGION: string;
  DYNAMODB_ENDPOINT?: string | undefined;
  CLICKHOUSE_URL?: string | undefined;
  CLICKHOUSE_USER: string;
  CLICKHOUSE_PASSWORD: string;
};

/** A part of the bench. `run` measures; what it returns is data, that the report puts into words. */
export type Section = {
  /** As in `--only`. */
  name: string;
  title: string;
  /**
   * Its engines keep their files in memory where there is room: they make and delete so many that the file system of a disk
   * would be what is measured, which is up to eight times slower here, and now and then twice as fast.
   */
  isInMemory?: true;
  /** Left out, unless the largest sizes are asked for, or this section is. */
  isOnlyFull?: true;
  run: (context: BenchContext) => Promise<BenchRow[]>;
};

export const units = ['/s', 'ms', 'µs', 's', 'MB'] as const;
export type Unit = (typeof units)[number];

/** One measured value, over all rounds. */
export type Measured = Spread & { unit: Unit };

/** A line of the results. */
export type BenchRow = {
  what: string;
  ours: Measured;
  /** What it is measured against; null where the goal is a number of its own. */
  against: { what: string; measured: Measured | null } | null;
  /** Of the rounds' own ratios, ours to the other. Null where there is nothing measured to compare with. */
  ratio: Spread | null;
  /** In words; empty where the line is there for orientation only. */
  goal: string;
  /** Null where there is no goal. */
  met: boolean | null;
  /** Sizes, and what else a reader must know. */
  note: string;
};

/** A bound on a ratio, or on ours itself. */
export type Goal =
  | { kind: 'ratio at least' | 'ratio at most'; bound: number }
  | { kind: 'less than'; bound: number; unit: Unit };

/** The one place that decides whether a goal is met: by the median of the rounds. */
export function createRow(row: {
  what: string;
  unit: Unit;
  /** One value a round. */
  ours: readonly number[];
  /** One value a round, measured beside ours. */
  against?: { what: string; rounds: readonly number[] };
  goal?: Goal;
  note?: string;
}): BenchRow {
  const { what, unit, against, goal } = row;
  const ours = { ...spreadOf(row.ours), unit };
  const ratio = against ? spreadOf(pairedRatios(row.ours, against.rounds)) : null;
  return {
    what,
    ours,
    against: against ? { what: against.what, measured: { ...spreadOf(against.rounds), unit } } : null,
    ratio,
    goal: goal ? goalText(goal) : '',
    met: goal ? isMet(goal, ours.median, ratio?.median ?? NaN) : null,
    note: row.note ?? '',
  };
}

const goalText = (goal: Goal): string => {
  if (goal.kind === 'less than') return `under ${goal.bound} ${goal.unit}`;
  return `${goal.kind === 'ratio at least' ? 'at least' : 'at most'} ${goal.bound}`;
};

function isMet(goal: Goal, ours: number, ratio: number): boolean {
  switch (goal.kind) {
    case 'ratio at least':
      return ratio >= goal.bound;
    case 'ratio at most':
      return ratio <= goal.bound;
    case 'less than':
      return ours < goal.bound;
  }
}

/** Interleaves: A B C, A B C ... so that noise hits all. Returns one list of values a thing measured. */
export async function measureRounds<Name extends string>(
  rounds: number,
  things: Record<Name, (round: number) => Promise<number>>,
  signal: AbortSignal,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(things) as Name[];
  const values = Object.fromEntries(names.map((name): [Name, number[]] => [name, []])) as Record<
    Name,
    number[]
  >;
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      signal.throwIfAborted();
      values[name].push(await things[name](round));
    }
  }
  return values;
}
