import type { Instance } from '../instance';
import type { Found, FoundRule } from './found';
import { inPath, origin, type Kept, type Plan, type Step } from './steps';
import { isMarked, type Wanted, type WantedRule } from './wanted';

/**
 * Rules that are to go, then groups. A group is replaced as a whole, which deletes what else is in it; so it must hold
 * nothing that is not ours. What goes goes first: a folder has room for each title once.
 */
export function planRules(wanted: Wanted, found: Found, instance: Instance): Plan {
  const rules = wanted.groups.flatMap((group) => group.rules);
  const uids = new Set(rules.map(({ uid }) => uid));
  const stale = staleRules(found, instance, uids);
  return {
    steps: [...stale.steps, ...wanted.groups.map((group) => stepOf(group, found, instance))],
    kept: stale.kept,
    conflicts: [
      ...rules.flatMap(({ uid }) => obstacleOf(uid, found, instance)),
      ...strangersInTheWay(wanted, found, instance),
    ],
  };
}

function obstacleOf(uid: string, { rules }: Found, instance: Instance): string[] {
  const present = rules.find((rule) => rule.uid === uid);
  if (!present) return [];
  const name = `alert rule ${uid} ("${present.title}")`;
  if (present.provenance === 'file')
    return [
      `${name} is provisioned from a file, which no API may change: remove it there, or choose a prefix`,
    ];
  if (!isMarked(present.annotations, instance))
    return [`${name} is not of this bundle (${origin(present.provenance)}): delete it, or choose a prefix`];
  if (present.provenance !== 'api')
    return [`${name} is ${origin(present.provenance)}, a copy of ours: delete it, or choose a prefix`];
  return [];
}

/** Rules of others that a group would delete, or whose title ours needs. */
function strangersInTheWay(wanted: Wanted, { rules }: Found, instance: Instance): string[] {
  const titles = new Set(wanted.groups.flatMap((group) => group.rules.map(({ title }) => title)));
  const groups = new Set(wanted.groups.map(({ name }) => name));
  const uids = new Set(wanted.groups.flatMap((group) => group.rules.map(({ uid }) => uid)));
  return rules
    .filter(
      (rule) => rule.folderUID === instance.folder.uid && !uids.has(rule.uid) && !isOurs(rule, instance),
    )
    .flatMap(({ uid, title, ruleGroup }) => {
      const name = `alert rule ${uid} ("${title}"), which is not of this bundle,`;
      if (groups.has(ruleGroup)) return [`${name} is in our group ${ruleGroup}: move it to another`];
      if (titles.has(title)) return [`${name} has the title of one of ours in our folder: rename it`];
      return [];
    });
}

const isOurs = (rule: FoundRule, instance: Instance): boolean =>
  rule.provenance === 'api' &&
  rule.uid.startsWith(instance.uid('oot-')) &&
  isMarked(rule.annotations, instance);

function stepOf(group: Wanted['groups'][number], found: Found, { folder }: Instance): Step {
  const step = { kind: 'rule group', name: group.name } as const;
  const before = found.rules.filter((rule) => rule.folderUID === folder.uid && rule.ruleGroup === group.name);
  const changes = group.rules.flatMap((rule) => {
    const present = found.rules.find(({ uid }) => uid === rule.uid);
    if (!present) return [`+${rule.title}`];
    return essenceOf(present) === essenceOf(rule) ? [] : [`~${rule.title}`];
  });
  if (found.intervals[group.name] !== group.intervalSeconds && before.length > 0)
    changes.push(`every ${group.intervalSeconds} s`);
  if (changes.length === 0) return { action: 'same', ...step, note: `${group.rules.length} rules` };
  return {
    action: before.length === 0 ? 'create' : 'update',
    ...step,
    note: changes.join(' '),
    request: {
      method: 'PUT',
      path: `api/v1/provisioning/folder/${inPath(folder.uid)}/rule-groups/${inPath(group.name)}`,
      body: {
        title: group.name,
        folderUid: folder.uid,
        interval: group.intervalSeconds,
        rules: group.rules,
      },
    },
  };
}

/**
 * What a rule is, in one line that does not depend on how Grafana writes it. The hash among the annotations covers
 * the rest; this is what somebody could have changed since, through the API.
 */
export const essenceOf = (rule: FoundRule | WantedRule): string =>
  JSON.stringify([
    [rule.uid, rule.title, rule.folderUID, rule.ruleGroup, rule.condition, rule.isPaused],
    [rule.noDataState, rule.execErrState, secondsOf(rule.for), rule.notification_settings?.receiver],
    Object.entries(rule.annotations).sort(),
    Object.entries(rule.labels).sort(),
    rule.data.map(({ refId, datasourceUid, model }) => {
      const { rawSql, expression } = model as { rawSql?: unknown; expression?: unknown };
      return [refId, datasourceUid, rawSql, expression];
    }),
  ]);

/** Prometheus writes 36h as `1d12h`. NaN for what is no duration. */
export function secondsOf(duration: string): number {
  if (!/^(\d+(ms|[smhdwy]))+$/.test(duration)) return NaN;
  const units: Record<string, number> = {
    ms: 0.001,
    s: 1,
    m: 60,
    h: 3600,
    d: 86_400,
    w: 604_800,
    y: 31_536_000,
  };
  return [...duration.matchAll(/(\d+)(ms|[smhdwy])/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ''] ?? NaN),
    0,
  );
}

/** Rules of ours that are not in `uids`: to be deleted. Those in the folder that are not ours stay. */
export function staleRules({ rules }: Found, instance: Instance, uids: Set<string>) {
  const steps: Step[] = [];
  const kept: Kept[] = [];
  const own = rules.filter((rule) => !uids.has(rule.uid) && isOurs(rule, instance));
  for (const rule of rules) {
    if (uids.has(rule.uid)) continue;
    const step = { kind: 'rule', name: `${rule.title} (${rule.uid})` } as const;
    if (own.includes(rule))
      steps.push({
        action: 'delete',
        ...step,
        request: { method: 'DELETE', path: `api/v1/provisioning/alert-rules/${inPath(rule.uid)}` },
      });
    else if (rule.folderUID === instance.folder.uid) kept.push({ ...step, why: origin(rule.provenance) });
  }
  return { steps, kept, uids: own.map(({ uid }) => uid) };
}
