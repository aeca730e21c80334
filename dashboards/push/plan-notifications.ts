import type { Instance } from '../instance';
import type { Found } from './found';
import { sameIntervals } from './intervals';
import { inPath, joinPlans, noPlan, origin, type Kind, type Plan, type Step } from './steps';
import { templateMark, type Wanted } from './wanted';

const provisioning = 'api/v1/provisioning';
/** What Grafana shows in the place of a secret. */
const redacted = '[REDACTED]';

/** Templates, mute timings and the contact point: what rules need, so it comes before them. */
export const planNotifications = (wanted: Wanted, found: Found, instance: Instance): Plan =>
  joinPlans([
    ...wanted.templates.map((template) => planTemplate(template, found, instance)),
    ...wanted.muteTimings.map((timing) => planMuteTiming(timing, found)),
    planContactPoint(wanted.contactPoint, found, instance),
  ]);

/** `request` for nothing, where the name is free; `null` where what is there is right. */
function planNamed(
  kind: Kind,
  name: string,
  provenance: string | null,
  isOurs: boolean,
  isRight: boolean,
  request: Step['request'],
): Plan {
  if (provenance !== null && (provenance !== 'api' || !isOurs))
    return {
      ...noPlan(),
      conflicts: [
        `${kind} "${name}" is there already and not of this bundle (${origin(provenance)}): delete or rename it, or choose a prefix`,
      ],
    };
  const action = provenance === null ? 'create' : isRight ? 'same' : 'update';
  return { ...noPlan(), steps: [{ action, kind, name, ...(action !== 'same' && request && { request }) }] };
}

function planTemplate(
  { name, template }: Wanted['templates'][number],
  { templates }: Found,
  instance: Instance,
): Plan {
  const present = templates.find((one) => one.name === name);
  return planNamed(
    'template',
    name,
    present ? present.provenance : null,
    present?.template.includes(templateMark(instance)) ?? false,
    present?.template.trim() === template.trim(),
    { method: 'PUT', path: `${provisioning}/templates/${inPath(name)}`, body: { template } },
  );
}

/** A mute timing has no room for a mark: its name, and that it came through the API, have to do. */
function planMuteTiming(timing: Wanted['muteTimings'][number], { muteTimings }: Found): Plan {
  const present = muteTimings.find(({ name }) => name === timing.name);
  return planNamed(
    'mute timing',
    timing.name,
    present ? present.provenance : null,
    true,
    present !== undefined && sameIntervals(present.time_intervals, timing.time_intervals),
    present
      ? { method: 'PUT', path: `${provisioning}/mute-timings/${inPath(timing.name)}`, body: timing }
      : { method: 'POST', path: `${provisioning}/mute-timings`, body: timing },
  );
}

function planContactPoint(
  wanted: Wanted['contactPoint'],
  { contactPoints }: Found,
  instance: Instance,
): Plan {
  if (!wanted) {
    const { name } = instance.receiver;
    if (contactPoints.some((point) => point.name === name)) return noPlan();
    return {
      ...noPlan(),
      conflicts: [`there is no contact point "${name}", which GRAFANA_CONTACT_POINT names`],
    };
  }
  const { uid, name, type, to, settings } = wanted;
  const step = { kind: 'contact point', name } as const;
  const present = contactPoints.find((point) => point.uid === uid);
  const stranger = contactPoints.find((point) => point.name === name && point.uid !== uid);
  if (stranger)
    return {
      ...noPlan(),
      conflicts: [
        `contact point "${name}" has an integration (${stranger.type}, uid ${stranger.uid}) that is not of this bundle: to send there, set GRAFANA_CONTACT_POINT to its name; else rename it, or choose a prefix`,
      ],
    };
  if (present && present.provenance !== 'api')
    return {
      ...noPlan(),
      conflicts: [
        `contact point "${present.name}" (uid ${uid}) is ${origin(present.provenance)}: remove it there, or choose a prefix`,
      ],
    };
  const nobody = type === 'email' && to === '';
  const body = { uid, name, type, settings, disableResolveMessage: false };
  if (!present)
    return {
      ...noPlan(),
      steps: [
        {
          action: 'create',
          ...step,
          ...(nobody && { note: 'to nobody: OOT_ALERT_EMAILS is not set' }),
          request: { method: 'POST', path: `${provisioning}/contact-points`, body },
        },
      ],
    };
  // A push from a shell without the addresses must not take them away.
  if (nobody && present.name === name)
    return {
      ...noPlan(),
      steps: [{ action: 'same', ...step, note: 'left as it is: OOT_ALERT_EMAILS is not set' }],
    };
  const request = { method: 'PUT', path: `${provisioning}/contact-points/${inPath(uid)}`, body } as const;
  const entries = Object.entries(settings) as [string, unknown][];
  const secrets = entries.filter(([key]) => present.settings[key] === redacted);
  const isRight =
    present.name === name &&
    present.type === type &&
    entries.every(([key, value]) => present.settings[key] === value || present.settings[key] === redacted);
  if (!isRight) return { ...noPlan(), steps: [{ action: 'update', ...step, request }] };
  // Nobody can see whether a secret is still the same: it is sent again, which changes nothing where it is.
  return {
    ...noPlan(),
    steps: [
      secrets.length === 0
        ? { action: 'same', ...step }
        : { action: 'same', ...step, note: 'its address is a secret and sent again', request },
    ],
  };
}
