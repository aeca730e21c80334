/** What a job, a backend or an hour can be in: an outcome of the views, overdue, or nothing known. */
export const states = [
  'failure',
  'timed_out',
  'overdue',
  'running',
  'cancelled',
  'skipped',
  'neutral',
  'success',
  'none',
] as const;

export type State = (typeof states)[number];
