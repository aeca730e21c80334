import { compose } from './compose';
import { nightlyRateByBackend, nightlyRunsByDay, nightlyTimeline } from './panels/nightly-charts';
import {
  nightlyBad,
  nightlyHours,
  nightlyLate,
  nightlyPartial,
  nightlyRate,
  nightlyRateTrend,
  nightlyUnexpectedCount,
} from './panels/nightly-stats';
import { nightlyRuns, nightlyStanding, nightlyUnexpected } from './panels/nightly-tables';
import { quoted, scheduledEvents } from './sql';
import { anyOf, backendsVariable, datasourceVariable, levelVariable, upstreamVariable } from './variables';

const eventVariable = () => anyOf('event', 'Event', `SELECT arrayJoin([${quoted(scheduledEvents)}])`);

export const nightlyDashboard = () =>
  compose(
    'nightly',
    'Nightly and periodic runs, each as a whole: who is late, who fails, and for how long?',
    {
      variables: [
        datasourceVariable(),
        levelVariable(),
        backendsVariable(),
        eventVariable(),
        upstreamVariable(),
      ],
      bands: [
        {
          height: 4,
          panels: [
            { id: 1, width: 4, panel: nightlyLate() },
            { id: 2, width: 4, panel: nightlyBad() },
            { id: 3, width: 4, panel: nightlyPartial() },
            { id: 4, width: 4, panel: nightlyUnexpectedCount() },
            { id: 5, width: 4, panel: nightlyRate() },
            { id: 6, width: 4, panel: nightlyRateTrend() },
          ],
        },
        { height: 10, panels: [{ id: 7, width: 24, panel: nightlyStanding() }] },
        {
          height: 10,
          panels: [
            { id: 8, width: 15, panel: nightlyTimeline() },
            { id: 9, width: 9, panel: nightlyHours() },
          ],
        },
        {
          title: 'By day',
          height: 8,
          panels: [
            { id: 10, width: 12, panel: nightlyRunsByDay() },
            { id: 11, width: 12, panel: nightlyRateByBackend() },
          ],
        },
        {
          title: 'Runs and jobs',
          height: 9,
          panels: [{ id: 12, width: 24, panel: nightlyUnexpected() }],
        },
        { height: 12, panels: [{ id: 13, width: 24, panel: nightlyRuns() }] },
      ],
    },
  );
