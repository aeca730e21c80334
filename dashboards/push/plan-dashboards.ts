import type { Instance } from '../instance';
import type { Found, FoundDashboard } from './found';
import { inPath, type Kept, type Plan, type Step } from './steps';
import type { Wanted, WantedDashboard } from './wanted';

/** Dashboards that are to be there, then those of ours that are to go. */
export function planDashboards(wanted: Wanted, found: Found, instance: Instance): Plan {
  const byUid = new Map(found.dashboards.map((dashboard) => [dashboard.uid, dashboard]));
  const conflicts = wanted.dashboards.flatMap(({ uid }) => {
    const present = byUid.get(uid);
    return present ? obstacleOf(present, instance) : [];
  });
  const uids = new Set(wanted.dashboards.map(({ uid }) => uid));
  const stale = staleDashboards(found, instance, uids);
  return {
    steps: [...wanted.dashboards.map((one) => stepOf(one, byUid.get(one.uid), instance)), ...stale.steps],
    kept: stale.kept,
    conflicts,
  };
}

/** Why a dashboard that has one of our uids may not be replaced. */
function obstacleOf(present: FoundDashboard, { folder, tag }: Instance): string[] {
  const name = `dashboard ${present.uid} ("${present.title}")`;
  if (present.isProvisioned)
    return [`${name} is provisioned from a file: take the file away before you push, or choose a prefix`];
  if (present.folderUid !== folder.uid)
    return [
      `${name} is in another folder (${present.folderUid === '' ? 'none' : present.folderUid}): move it to ${folder.uid} or away, or choose a prefix`,
    ];
  if (!present.tags.includes(tag))
    return [`${name} has no tag ${tag}, so it is not of this bundle: delete it, or choose a prefix`];
  return [];
}

function stepOf(
  { uid, title, model, message }: WantedDashboard,
  present: FoundDashboard | undefined,
  { folder }: Instance,
): Step {
  const step = { kind: 'dashboard', name: `${title} (${uid})` } as const;
  if (present?.message === message) return { action: 'same', ...step };
  const { version: _own, ...content } = model;
  return {
    action: present ? 'update' : 'create',
    ...step,
    request: {
      method: 'POST',
      path: 'api/dashboards/db',
      body: {
        // With the version that was seen: if somebody saves it meanwhile, Grafana refuses (412).
        dashboard: { ...content, id: null, ...(present && { version: present.version }) },
        folderUid: folder.uid,
        overwrite: false,
        message,
      },
    },
  };
}

/**
 * Dashboards in our folder that are ours and not in `uids`: to be deleted. Ours is what has our tag and a uid like
 * ours: a copy that somebody made has another uid, and stays.
 */
export function staleDashboards(found: Found, instance: Instance, uids: Set<string>) {
  const steps: Step[] = [];
  const kept: Kept[] = [];
  for (const { uid, title, tags } of found.inFolder) {
    if (uids.has(uid)) continue;
    const present = found.dashboards.find((dashboard) => dashboard.uid === uid);
    const step = { kind: 'dashboard', name: `${title} (${uid})` } as const;
    if (!tags.includes(instance.tag)) kept.push({ ...step, why: `no tag ${instance.tag}` });
    else if (!uid.startsWith(instance.uid('oot-'))) kept.push({ ...step, why: 'a copy, by its uid' });
    else if (present?.isProvisioned) kept.push({ ...step, why: 'provisioned from a file' });
    // The search is behind by some seconds: what it still names may be gone.
    else if (present?.folderUid === instance.folder.uid)
      steps.push({
        action: 'delete',
        ...step,
        request: { method: 'DELETE', path: `api/dashboards/uid/${inPath(uid)}` },
      });
  }
  return { steps, kept };
}
