import type { Instance } from '../instance';
import type { Retired } from '../retired';
import type { Found } from './found';
import { inPath, joinPlans, noPlan, origin, type Plan } from './steps';
import { staleRules } from './plan-rules';
import { templateMark, type Wanted } from './wanted';

const provisioning = 'api/v1/provisioning';

/** What this instance has no more: by mark, or by the list of what is retired. Used by others, it stays. */
export function planStaleNotifications(
  wanted: Wanted,
  found: Found,
  instance: Instance,
  retired: Retired,
): Plan {
  const templates = new Set(wanted.templates.map(({ name }) => name));
  const timings = new Set(wanted.muteTimings.map(({ name }) => name));
  const uids = new Set(wanted.groups.flatMap((group) => group.rules.map(({ uid }) => uid)));
  const rules = new Set([...uids, ...staleRules(found, instance, uids).uids]);
  const contactPoints = new Set([
    ...retired.contactPoints.map(instance.uid),
    // The one that it made before it was told to use another's.
    ...(wanted.contactPoint ? [] : [instance.receiver.uid]),
  ]);
  return joinPlans([
    removeContactPoints(found, contactPoints, rules),
    removeMuteTimings(
      found,
      (name) => !timings.has(name) && retired.muteTimings.map(instance.title).includes(name),
      rules,
    ),
    removeTemplates(found, instance, (name) => !templates.has(name)),
  ]);
}

/**
 * Removals. Grafana refuses what something still names (409), in the middle of everything; so what is named by others is
 * found before, and kept. `ownRules` don't count.
 */
export function removeContactPoints(found: Found, uids: Set<string>, ownRules: Set<string>): Plan {
  const plan = noPlan();
  for (const { uid, name, provenance } of found.contactPoints) {
    if (!uids.has(uid)) continue;
    const step = { kind: 'contact point', name } as const;
    const isLast = !found.contactPoints.some((other) => other.name === name && other.uid !== uid);
    const user = isLast
      ? userOf(
          found,
          ownRules,
          (settings) => settings?.receiver === name,
          found.policies.receivers.includes(name),
        )
      : null;
    deleteOrKeep(plan, step, { provenance, user, path: `contact-points/${inPath(uid)}` });
  }
  return plan;
}

export function removeMuteTimings(
  found: Found,
  isGone: (name: string) => boolean,
  ownRules: Set<string>,
): Plan {
  const plan = noPlan();
  for (const { name, provenance } of found.muteTimings) {
    if (!isGone(name)) continue;
    const step = { kind: 'mute timing', name } as const;
    const user = userOf(
      found,
      ownRules,
      (settings) =>
        [...(settings?.mute_time_intervals ?? []), ...(settings?.active_time_intervals ?? [])].includes(name),
      found.policies.timings.includes(name),
    );
    deleteOrKeep(plan, step, { provenance, user, path: `mute-timings/${inPath(name)}` });
  }
  return plan;
}

export function removeTemplates(found: Found, instance: Instance, isGone: (name: string) => boolean): Plan {
  const plan = noPlan();
  for (const { name, template, provenance } of found.templates) {
    if (!isGone(name) || !template.includes(templateMark(instance))) continue;
    const step = { kind: 'template', name } as const;
    const user = found.contactPoints.find(
      (point) =>
        point.uid !== instance.receiver.uid && JSON.stringify(point.settings).includes(`\\"${name}.`),
    );
    deleteOrKeep(plan, step, {
      provenance,
      user: user ? `used by contact point "${user.name}"` : null,
      path: `templates/${inPath(name)}`,
    });
  }
  return plan;
}

/** Deletes it by its path in the provisioning API, unless it did not come by that, or somebody uses it. */
function deleteOrKeep(
  plan: Plan,
  step: Pick<Plan['kept'][number], 'kind' | 'name'>,
  it: { provenance: string; user: string | null; path: string },
): void {
  if (it.provenance !== 'api') plan.kept.push({ ...step, why: origin(it.provenance) });
  else if (it.user !== null) plan.kept.push({ ...step, why: it.user });
  else
    plan.steps.push({
      action: 'delete',
      ...step,
      request: { method: 'DELETE', path: `${provisioning}/${it.path}` },
    });
}

/** Who names it, in words; null for nobody. */
function userOf(
  { rules }: Found,
  ownRules: Set<string>,
  names: (settings: Found['rules'][number]['notification_settings']) => boolean,
  isInPolicy: boolean,
): string | null {
  if (isInPolicy) return 'used by a notification policy';
  const rule = rules.find((one) => !ownRules.has(one.uid) && names(one.notification_settings));
  return rule ? `used by alert rule "${rule.title}"` : null;
}
