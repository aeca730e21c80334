import { compose } from './compose';
import {
  readinessBackends,
  readinessCounts,
  readinessCriteria,
  readinessText,
  readinessTrend,
} from './panels/readiness-panels';
import { backendsVariable, datasourceVariable, levelVariable } from './variables';

export const readinessDashboard = () =>
  compose('readiness', readinessText, {
    variables: [datasourceVariable(), levelVariable(), backendsVariable()],
    bands: [
      { height: 4, panels: [{ id: 1, width: 24, panel: readinessCounts() }] },
      { height: 10, panels: [{ id: 2, width: 24, panel: readinessBackends() }] },
      {
        title: 'Criteria over time',
        height: 9,
        panels: [
          { id: 4, width: 12, panel: readinessTrend('success_rate') },
          { id: 5, width: 12, panel: readinessTrend('mean_queue_seconds') },
        ],
      },
      {
        height: 9,
        panels: [
          { id: 6, width: 8, panel: readinessTrend('median_end_to_end_seconds') },
          { id: 7, width: 8, panel: readinessTrend('timeout_rate') },
          { id: 8, width: 8, panel: readinessTrend('overrun_rate') },
        ],
      },
      {
        title: 'Every criterion',
        height: 16,
        panels: [{ id: 3, width: 24, panel: readinessCriteria() }],
      },
    ],
  });
