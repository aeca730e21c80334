import { createHash } from 'node:crypto';
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import {
  contactPointSettings,
  messageTemplates,
  muteTimes,
  type ContactPointKind,
} from '../alerts/notifications';
import { provisionedGroups, type ProvisionedRule } from '../alerts/provisioning';
import { durationMs } from '../alerts/rule';
import type { TimeInterval } from '../config';
import type { Instance } from '../instance';
import { dashboardsOf } from '../instance-dashboards';

/** Everything that an instance is in a Grafana, in the form that the HTTP API takes. */
export type Wanted = {
  dashboards: WantedDashboard[];
  groups: { name: string; intervalSeconds: number; rules: WantedRule[] }[];
  templates: { name: string; template: string }[];
  muteTimings: { name: string; time_intervals: readonly TimeInterval[] }[];
  /** Null where the instance has none of its own. `to`: empty means nobody. */
  contactPoint: { uid: string; name: string; type: ContactPointKind; to: string; settings: object } | null;
};

export type WantedDashboard = {
  uid: string;
  title: string;
  model: Dashboard;
  /** What the version is called in Grafana's history: whoever saves the dashboard otherwise gives it another name. */
  message: string;
};
export type WantedRule = ReturnType<typeof apiRule>;

/** In a rule's annotations: whose it is, and a hash of it. Grafana keeps names with `__` around them out of messages. */
export const markAnnotation = '__oot_bundle__';

/** The first line of a template; to Go a comment. */
export const templateMark = ({ folder }: Instance): string => `{{/* oot bundle ${folder.uid} */}}`;

/** Is the rule one of this instance, as `--push` made it? */
export const isMarked = (annotations: Record<string, string>, { folder }: Instance): boolean =>
  (annotations[markAnnotation] ?? '').split(' ')[0] === folder.uid;

export function wantedOf(instance: Instance, kind: ContactPointKind, to: string): Wanted {
  const { folder, receiver } = instance;
  return {
    dashboards: dashboardsOf(instance).map((model) => ({
      uid: model.uid ?? '',
      title: model.title ?? '',
      model,
      message: `npm run dashboards -- --push (${folder.uid} ${hashOf(model)})`,
    })),
    groups: provisionedGroups(instance).map(({ name, interval, rules }) => ({
      name,
      intervalSeconds: durationMs(interval) / 1000,
      rules: rules.map((rule) => apiRule(rule, name, instance)),
    })),
    templates: messageTemplates(instance).map(({ name, template }) => ({
      name,
      template: `${templateMark(instance)}\n${template.trim()}`,
    })),
    muteTimings: muteTimes(instance).map(({ name, time_intervals }) => ({ name, time_intervals })),
    contactPoint: receiver.isOwn
      ? {
          uid: receiver.uid,
          name: receiver.name,
          type: kind,
          to,
          settings: contactPointSettings(kind, to, instance),
        }
      : null,
  };
}

/** A rule of a file in the API's form: other spellings, and the panel by annotations alone. */
function apiRule(
  { keepFiringFor, dashboardUid: _dashboard, panelId: _panel, ...rule }: ProvisionedRule,
  ruleGroup: string,
  { folder }: Instance,
) {
  const own = {
    ...rule,
    ...(keepFiringFor !== undefined && { keep_firing_for: keepFiringFor }),
    folderUID: folder.uid,
    ruleGroup,
  };
  const annotations: Record<string, string> = {
    ...rule.annotations,
    [markAnnotation]: `${folder.uid} ${hashOf(own)}`,
  };
  return { ...own, annotations };
}

const hashOf = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 12);
