import { config } from '../config';
import * as queries from '../queries/alert-pipeline';
import { label, shown, type RuleGroup } from './rule';

const { pipeline, alerts } = config;

/** May the other rules, and the dashboards, be believed? */
export const pipelineRules = (): RuleGroup => ({
  name: 'oot-pipeline',
  every: '1m',
  rules: [
    {
      name: 'OotReplicationStale',
      uid: 'oot-replication-stale',
      summary: 'Results do not reach ClickHouse any more: what dashboards show gets older.',
      description:
        `{{ if $labels.replicator }}Replicator ${label('replicator')}: the shard that was read longest ago was read ${shown('A', 'seconds')} ago; ` +
        `${shown('B', 'seconds')} are too long.{{ else }}No replicator has ever reported, or ClickHouse does not answer.{{ end }}`,
      value: queries.heartbeatAge(),
      limit: queries.heartbeatLimit(),
      comparison: '>',
      for: '2m',
      keepFiringFor: '10m',
      // A replicator that never came up is as bad as one that died.
      noData: 'Alerting',
      // The one rule that says it when ClickHouse can't be asked; all others keep quiet then.
      error: 'Alerting',
      severity: 'critical',
      panel: { dashboard: 'pipeline', id: 3, variables: {} },
      // A heartbeat overwrites the one before.
      hasHistory: false,
    },
    {
      name: 'OotReadinessStale',
      uid: 'oot-readiness-stale',
      summary: 'ClickHouse does not measure readiness any more: its dashboard is empty.',
      description: `Readiness has not been measured for ${shown('A', 'seconds')}; ${shown('B', 'seconds')} are too long.`,
      value: queries.readinessAge(),
      limit: queries.readinessAgeLimit(),
      comparison: '>',
      for: '2m',
      keepFiringFor: '10m',
      // Nobody is registered and nobody has reported.
      noData: 'OK',
      error: 'KeepLast',
      severity: 'warning',
      panel: { dashboard: 'readiness', id: 1, variables: {} },
      // Each measurement takes the place of the one before.
      hasHistory: false,
    },
    {
      name: 'OotReplicationSlow',
      uid: 'oot-replication-slow',
      summary: 'Results take too long to be seen.',
      description:
        `99 % of what was written in the last ${pipeline.currentHours} h was there within ${shown('A', 'seconds')}; ` +
        `the target is ${shown('B', 'seconds')}.`,
      value: queries.delay(),
      limit: queries.delayLimit(),
      comparison: '>',
      for: '10m',
      keepFiringFor: '15m',
      // Nothing came by the stream: OotReplicationStale knows whether that is a fault.
      noData: 'OK',
      error: 'KeepLast',
      severity: 'warning',
      panel: { dashboard: 'pipeline', id: 2, variables: {} },
      hasHistory: true,
    },
    {
      name: 'OotQuarantine',
      uid: 'oot-quarantine',
      summary: 'Results could not become rows: no panel counts them until they are replayed.',
      description: `${shown('A', 'count')} changes came to quarantine in the last ${alerts.quarantineHours} h and are still there, limit ${shown('B', 'count')}.`,
      value: queries.quarantinedLately(),
      limit: queries.quarantineLimit(),
      comparison: '>',
      for: '0s',
      // Its window keeps it in alert for an hour as it is.
      keepFiringFor: '0s',
      // Counting nothing is 0, so there always is a row.
      noData: 'OK',
      error: 'KeepLast',
      severity: 'warning',
      panel: { dashboard: 'pipeline', id: 13, variables: {} },
      hasHistory: true,
    },
  ],
});
