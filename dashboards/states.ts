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

/** What people read. */
export const outcomeWords: Record<State, string> = {
  success: 'success',
  failure: 'failure',
  timed_out: 'timed out',
  overdue: 'overdue',
  running: 'running',
  cancelled: 'cancelled',
  skipped: 'skipped',
  neutral: 'neutral',
  none: '–',
};
