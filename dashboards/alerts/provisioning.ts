import { config } from '../config';
import { committedInstance, type Instance } from '../instance';
import { allRuleGroups } from './all';
import type { AlertRule } from './rule';

const { alerts, datasource } = config;

/*
 * Alert rules in the form that Grafana's file provisioning takes, from 11.6 to 13; it drops unknown keys in silence.
 * `$NAME` in a title, a label or a group's name would be read from the environment; in annotations and models not.
 */

/** One row a group, as `groups` of a file. */
export const provisionedGroups = (instance = committedInstance) =>
  allRuleGroups().map(({ name, every, rules }) => ({
    orgId: 1,
    name: instance.uid(name),
    folder: instance.rulesFolder.title,
    interval: every,
    rules: rules.map((rule) => provisionedRule(rule, instance)),
  }));

export type ProvisionedRule = ReturnType<typeof provisionedRule>;

const provisionedRule = (rule: AlertRule, instance: Instance) => ({
  uid: instance.uid(rule.uid),
  title: rule.name,
  condition: 'C',
  data: [query('A', rule.value, instance), query('B', rule.limit, instance), comparison(rule)],
  for: rule.for,
  ...(rule.keepFiringFor !== '0s' && { keepFiringFor: rule.keepFiringFor }),
  noDataState: rule.noData,
  execErrState: rule.error,
  annotations: annotationsOf(rule, instance),
  labels: rule.severity === undefined ? {} : { severity: rule.severity },
  dashboardUid: instance.dashboards[rule.panel.dashboard].uid,
  panelId: rule.panel.id,
  isPaused: false,
  notification_settings: {
    receiver: instance.receiver.name,
    // A message a rule, with all its backends: when upstream breaks, ten messages would say less than one.
    group_by: ['grafana_folder', 'alertname'],
    group_wait: alerts.wait.groupWait,
    group_interval: alerts.wait.groupInterval,
    repeat_interval: alerts.wait.repeatInterval,
    mute_time_intervals: [instance.muteTiming],
  },
});

/** The texts of an alert, as Go templates. `dashboard` and `__...__` are where its links lead. */
export function annotationsOf(
  { name, summary, description, panel }: AlertRule,
  { dashboards }: Instance = committedInstance,
) {
  const { uid } = dashboards[panel.dashboard];
  const variables = Object.entries(panel.variables).map(([key, value]) => `&var-${key}=${value}`);
  return {
    summary,
    description,
    runbook_url: `${alerts.runbook}#${name.toLowerCase()}`,
    dashboard: `{{ externalURL }}d/${uid}?viewPanel=${panel.id}${variables.join('')}`,
    __dashboardUid__: uid,
    __panelId__: String(panel.id),
  };
}

const query = (refId: string, rawSql: string, { datasource: { uid } }: Instance) => ({
  refId,
  // The time macros read its end: now.
  relativeTimeRange: { from: 600, to: 0 },
  datasourceUid: uid,
  model: {
    refId,
    datasource: { type: datasource.type, uid },
    editorType: 'sql',
    rawSql,
    queryType: 'table',
    format: 1,
    pluginVersion: datasource.pluginVersion,
    intervalMs: 1000,
    maxDataPoints: 43200,
  },
});

/**
 * Rows of A and B with the same labels are compared. A value that is not known comes as NaN, and a comparison with
 * NaN is NaN, which fires; so numbers are asked for first.
 */
const comparison = ({ comparison: sign }: AlertRule) => ({
  refId: 'C',
  relativeTimeRange: { from: 0, to: 0 },
  datasourceUid: '__expr__',
  model: {
    refId: 'C',
    datasource: { type: '__expr__', uid: '__expr__' },
    type: 'math',
    expression: `is_number($A) && is_number($B) && ($A ${sign} $B)`,
    intervalMs: 1000,
    maxDataPoints: 43200,
  },
});
