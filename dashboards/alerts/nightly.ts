import * as queries from '../queries/alert-nightly';
import { newsHours, standingDays } from '../queries/nightly';
import { aboutBackend, who } from './backends';
import { inUrl, label, shown, type RuleGroup } from './rule';

/** Do the runs that nobody waits for come, and do they end well? Pull requests of the same backend would drown them. */
export const nightlyRules = (): RuleGroup => ({
  name: 'oot-nightly',
  every: '5m',
  rules: [
    {
      ...aboutBackend,
      name: 'OotNightlyLate',
      uid: 'oot-nightly-late',
      summary: 'A scheduled run of a backend did not come.',
      description:
        `${who}: its last ${label('event')} run for ${label('upstream')} began ${shown('A', 'count')} h ago, ` +
        `${shown('B', 'count')} h are too long. Looked for: ${standingDays} days back.`,
      value: queries.hoursSinceRun(),
      limit: queries.lateAfter(),
      comparison: '>',
      for: '30m',
      // One run ends it for good.
      keepFiringFor: '0s',
      panel: {
        dashboard: 'nightly',
        id: 9,
        variables: { backend: inUrl('backend'), event: inUrl('event'), upstream: inUrl('upstream') },
      },
    },
    {
      ...aboutBackend,
      name: 'OotNightlyUnexpected',
      uid: 'oot-nightly-unexpected',
      summary: 'Scheduled jobs of a backend did not end as expected.',
      description:
        `${who}: ${shown('A', 'count')} nightly or periodic jobs of the last ${newsHours} h did not end as expected, ` +
        `limit ${shown('B', 'count')}.`,
      value: queries.unexpectedJobs(),
      limit: queries.unexpectedMoreThan(),
      comparison: '>',
      for: '10m',
      // While a failed job is run again, it is not bad.
      keepFiringFor: '1h',
      panel: { dashboard: 'nightly', id: 12, variables: { backend: inUrl('backend') } },
    },
  ],
});
