import type { Instance } from '../instance';
import { retired as retiredNames } from '../retired';
import type { Found } from './found';
import { inPath, joinPlans, noPlan, type Plan } from './steps';
import { staleDashboards } from './plan-dashboards';
import { removeContactPoints, removeMuteTimings, removeTemplates } from './stale-notifications';
import { staleRules } from './plan-rules';

/** What takes an instance away and nothing else: rules before what they name; the folder, if nothing stays in it. */
export function planRemoval(found: Found, instance: Instance, retired = retiredNames): Plan {
  const rules = staleRules(found, instance, new Set());
  const dashboards = staleDashboards(found, instance, new Set());
  const own = new Set(rules.uids);
  const timings = [instance.muteTiming, ...retired.muteTimings.map(instance.title)];
  return joinPlans([
    { ...noPlan(), ...rules },
    { ...noPlan(), ...dashboards },
    removeContactPoints(
      found,
      new Set([instance.receiver.uid, ...retired.contactPoints.map(instance.uid)]),
      own,
    ),
    removeMuteTimings(found, (name) => timings.includes(name), own),
    removeTemplates(found, instance, () => true),
    planFolder(found, instance, rules.kept.length + dashboards.kept.length),
  ]);
}

function planFolder({ folder, subfolders, libraryPanels }: Found, instance: Instance, kept: number): Plan {
  if (!folder) return noPlan();
  const step = { kind: 'folder', name: folder.title } as const;
  const inside = [
    ...(kept > 0 ? [`${kept} dashboards or rules`] : []),
    ...(subfolders > 0 ? [`${subfolders} folders`] : []),
    ...(libraryPanels > 0 ? [`${libraryPanels} library panels`] : []),
  ];
  const why =
    folder.title !== instance.folder.title
      ? 'it has another title'
      : inside.length > 0
        ? `${inside.join(', ')} of others in it`
        : null;
  return why === null
    ? {
        ...noPlan(),
        steps: [
          {
            action: 'delete',
            ...step,
            request: { method: 'DELETE', path: `api/folders/${inPath(instance.folder.uid)}` },
          },
        ],
      }
    : { ...noPlan(), kept: [{ ...step, why }] };
}
