import { config } from '../config';
import * as queries from '../queries/alert-upstream';
import { brokenRule } from '../queries/shared-breakage';
import { inUrl, label, shown, type RuleGroup } from './rule';

const { sharedBreakage, probe } = config;

/** What no backend is at fault for. */
export const upstreamRules = (): RuleGroup => ({
  name: 'oot-upstream',
  every: '1m',
  rules: [
    {
      name: 'OotSharedBreakage',
      uid: 'oot-shared-breakage',
      summary: 'One change breaks several backends: look upstream first.',
      description:
        `${label('upstream')} (PR ${label('pr')}, commit ${label('sha')}, ${label('event')}) breaks ${shown('A', 'count')} backends ` +
        `of ${sharedBreakage.levels.join(' or ')}; ${shown('B', 'count')} at once are no coincidence. ${brokenRule}.`,
      value: queries.brokenBackends(),
      limit: queries.sharedFrom(),
      comparison: '>=',
      for: '5m',
      keepFiringFor: '30m',
      // No row: nothing failed anywhere in these hours.
      noData: 'OK',
      error: 'KeepLast',
      severity: 'warning',
      panel: { dashboard: 'summary', id: 30, variables: { upstream: inUrl('upstream') } },
      hasHistory: true,
    },
    {
      name: 'OotRelayProbeUnhealthy',
      uid: 'oot-relay-probe-unhealthy',
      summary: 'The probe, which tests the relay itself, is off or missing.',
      description:
        `${probe.backend}: {{ if eq $labels.check "${queries.nightlyCheck}" }}its last scheduled run began ${shown('A', 'count')} h ago, ` +
        `${shown('B', 'count')} h are too long{{ else }}on ${shown('A', 'count')} of its last ${probe.lastRuns} pull requests a job did not end ` +
        'as its name announces, limit ' +
        `${shown('B', 'count')}{{ end }}. It tests the relay, not PyTorch.`,
      value: queries.probeHealth(),
      limit: queries.probeLimits(),
      comparison: '>',
      for: '5m',
      keepFiringFor: '30m',
      // It is there to be seen: without it, every other rule may be looking at nothing.
      noData: 'Alerting',
      error: 'KeepLast',
      severity: 'critical',
      panel: { dashboard: 'pipeline', id: 15, variables: {} },
      hasHistory: true,
    },
  ],
});
