import { compose } from './compose';
import { stateChangeAnnotation } from './panels/summary-annotation';
import { backendsTable, successRateOverTime } from './panels/summary-backends';
import { failuresByBackend, failuresByJob, sharedBreakage } from './panels/summary-failures';
import { backendStateTimeline } from './panels/backend-states';
import {
  failingStat,
  freshnessStat,
  jobsStat,
  overdueStat,
  runningStat,
  silentStat,
  successRateStat,
} from './panels/summary-stats';
import {
  backendsVariable,
  datasourceVariable,
  eventTypeVariable,
  levelVariable,
  upstreamVariable,
} from './variables';

export const summaryDashboard = () =>
  compose('summary', 'Which out-of-tree backend is failing, and since when.', {
    variables: [
      datasourceVariable(),
      levelVariable(),
      upstreamVariable(),
      eventTypeVariable(),
      backendsVariable(),
    ],
    annotations: [stateChangeAnnotation()],
    bands: [
      {
        height: 4,
        panels: [
          { id: 1, width: 4, panel: failingStat() },
          { id: 2, width: 4, panel: successRateStat() },
          { id: 3, width: 4, panel: jobsStat() },
          { id: 4, width: 3, panel: runningStat() },
          { id: 5, width: 3, panel: overdueStat() },
          { id: 6, width: 3, panel: silentStat() },
          { id: 7, width: 3, panel: freshnessStat() },
        ],
      },
      { height: 11, panels: [{ id: 10, width: 24, panel: backendsTable() }] },
      {
        title: 'Over time',
        height: 10,
        panels: [
          { id: 20, width: 12, panel: backendStateTimeline() },
          { id: 21, width: 12, panel: successRateOverTime() },
        ],
      },
      { title: 'Upstream or backend?', height: 8, panels: [{ id: 30, width: 24, panel: sharedBreakage() }] },
      {
        title: 'Where it fails',
        height: 11,
        panels: [
          { id: 40, width: 10, panel: failuresByBackend() },
          { id: 41, width: 14, panel: failuresByJob() },
        ],
      },
    ],
  });
