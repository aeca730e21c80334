import { compose } from './compose';
import { delayNow, heartbeat, inQuarantine, lostCounts, newestResult } from './panels/pipeline-stats';
import { completenessTable, lostTable, quarantineTable, shardTable } from './panels/pipeline-tables';
import { probeRuns, probeSummary } from './panels/pipeline-probe';
import { backendBars, delayTrend, outcomeBars, quarantineBars } from './panels/pipeline-trends';
import { backendsVariable, datasourceVariable } from './variables';

export const pipelineDashboard = () =>
  compose('pipeline', 'Is what the other dashboards show fresh and complete?', {
    variables: [datasourceVariable(), backendsVariable()],
    bands: [
      {
        height: 4,
        panels: [
          { id: 1, width: 5, panel: newestResult() },
          { id: 2, width: 5, panel: delayNow() },
          { id: 3, width: 4, panel: heartbeat() },
          { id: 4, width: 4, panel: inQuarantine() },
          { id: 5, width: 6, panel: lostCounts() },
        ],
      },
      {
        title: 'Relay',
        height: 10,
        panels: [
          { id: 14, width: 6, panel: probeSummary() },
          { id: 15, width: 18, panel: probeRuns() },
        ],
      },
      {
        title: 'Freshness',
        height: 9,
        panels: [
          { id: 6, width: 12, panel: delayTrend() },
          { id: 7, width: 12, panel: shardTable() },
        ],
      },
      {
        title: 'What comes in',
        height: 9,
        panels: [
          { id: 8, width: 12, panel: outcomeBars() },
          { id: 9, width: 12, panel: backendBars() },
        ],
      },
      { title: 'Completeness', height: 10, panels: [{ id: 10, width: 24, panel: completenessTable() }] },
      { height: 9, panels: [{ id: 11, width: 24, panel: lostTable() }] },
      {
        title: 'Quarantine',
        height: 9,
        panels: [
          { id: 12, width: 10, panel: quarantineBars() },
          { id: 13, width: 14, panel: quarantineTable() },
        ],
      },
    ],
  });
