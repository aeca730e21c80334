/** What a series of rounds says: its middle, and how far the rounds lie apart. */
export type Spread = { median: number; low: number; high: number };

/** The middle value, or the mean of the two in the middle. NaN of nothing. */
export const median = (values: readonly number[]): number => quantile(values, 0.5);

/**
 * The value below which the share `q` (0 to 1) of the values lies, straight lines between neighbours. NaN of
 * nothing. Does not change the list.
 */
export function quantile(values: readonly number[], q: number): number {
  const sorted = Float64Array.from(values).sort();
  const place = q * (sorted.length - 1);
  const below = sorted[Math.floor(place)];
  const above = sorted[Math.ceil(place)];
  if (below === undefined || above === undefined) return NaN;
  return below + (above - below) * (place - Math.floor(place));
}

/** Median, least and most of the rounds. */
export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), low: Math.min(...values), high: Math.max(...values) };
}

/**
 * Ratios of rounds that ran side by side, each with its own partner: what slows the machine down for a while slows
 * both, and the ratio stays. Throws RangeError where the lists differ in length.
 */
export function pairedRatios(ours: readonly number[], against: readonly number[]): number[] {
  if (ours.length !== against.length) throw new RangeError('rounds without a partner');
  return ours.map((value, round) => value / (against[round] ?? NaN));
}
