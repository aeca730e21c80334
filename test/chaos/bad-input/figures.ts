/** The value that this part of a list lies below (nearest rank); 0 for an empty list. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Medians of the second and the last third of a series: the first third is warm-up. */
export function laterThirds(values: readonly number[]): { middle: number; last: number } {
  const third = Math.floor(values.length / 3);
  return { middle: median(values.slice(third, 2 * third)), last: median(values.slice(2 * third)) };
}

/** Whether memory stopped growing: its last third lies at most 10 % and 16 MB over the one before. */
export function isFlat(values: readonly number[]): boolean {
  const { middle, last } = laterThirds(values);
  return last <= middle * 1.1 + 16 * 1024 * 1024;
}
