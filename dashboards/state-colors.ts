import { config } from './config';
import type { BackendState } from './queries/backend-states';

/** The colour of a backend's state, on panels and on badges. */
export const stateColors: Record<BackendState, string> = {
  broken: 'dark-red',
  failing: config.colors.failure,
  silent: 'dark-purple',
  overdue: config.colors.overdue,
  unstable: config.warningColor,
  running: config.colors.running,
  healthy: config.colors.success,
  'too few jobs': config.colors.cancelled,
  'no data': config.colors.none,
};
