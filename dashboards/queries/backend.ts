import { filters } from '../sql';

/* What the queries of the dashboard of one backend share. */

/** The backend of the dashboard, whatever else is chosen. */
export const ofBackend = 'downstream_repo IN (${backend:singlequote})';

/** What workflow, job and event type let through, of the backend. */
export const chosen = [ofBackend, filters.workflow, filters.job, filters.eventType].join(' AND ');

/** Attempts of the dashboard's time range, for a WHERE on oot_attempts: every check run, not only the newest. */
export const attemptInRange = 'received_at >= $__fromTime_ms AND received_at < $__toTime_ms';

/**
 * The outcome as a judgement: a job of the probe backend that ended as its name announces is a success, and one
 * that succeeded although its name announces otherwise a failure. The outcome itself for everyone else.
 */
export const verdict =
  "multiIf(is_overdue, 'overdue', is_counted AND is_as_expected, 'success', is_counted AND outcome = 'success', 'failure', outcome)";

/** Workflows may have jobs of the same name, so a job is never shown by its own name alone. */
export const workflowAndJob = "concat(workflow_name, ' / ', job_name)";

/** The least width of a point in time, so that one holds more than one or two jobs. */
export const bucket = '6h';
