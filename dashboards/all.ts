import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { backendDashboard } from './backend';
import { commitDashboard } from './commit';
import { nightlyDashboard } from './nightly';
import { pipelineDashboard } from './pipeline';
import { prDashboard } from './pr';
import { readinessDashboard } from './readiness';
import { summaryDashboard } from './summary';

/** Every dashboard, built anew at each call. */
export const allDashboards = (): Dashboard[] => [
  summaryDashboard(),
  backendDashboard(),
  prDashboard(),
  commitDashboard(),
  nightlyDashboard(),
  readinessDashboard(),
  pipelineDashboard(),
];
