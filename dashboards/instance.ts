import { z } from 'zod';
import { config } from './config';
import type { DashboardName } from './links';

/** Grafana's limit of a uid, in characters, is 40; the longest of ours (a rule's) and a hyphen leave so many. */
export const maxPrefixLength = 14;

const prefixForm = `has to be lower-case letters, digits and single hyphens between them, to begin with a letter, and to have at most ${maxPrefixLength} characters`;

/** What tells one copy of this bundle from another in one Grafana. An environment variable can't begin with a digit. */
export const instanceShape = {
  GRAFANA_PREFIX: z
    .string()
    .regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/, { error: `(or --prefix) ${prefixForm}` })
    .max(maxPrefixLength, { error: `(or --prefix) ${prefixForm}` })
    // Names of one instance would begin like those of another.
    .refine((prefix) => !prefix.split('-').includes('oot'), {
      error: '(or --prefix) must not have "oot" in it as a word: every name has it anyway',
    })
    .optional(),
  GRAFANA_DATASOURCE_UID: z
    .string()
    .regex(/^[\w-]{1,40}$/, {
      error: '(or --datasource) has to be the uid of a data source: at most 40 letters, digits, _ or -',
    })
    .optional(),
  GRAFANA_CONTACT_POINT: z
    .string()
    .max(190, { error: 'has to be the name of a contact point' })
    .regex(/^[^$]*$/, { error: 'must not have a $: Grafana would read a variable' })
    .optional(),
};

/** One copy of the bundle in a Grafana: what everything of it is called. */
export type Instance = {
  /** Empty for the one whose files are committed. */
  prefix: string;
  folder: { uid: string; title: string };
  /** Where rules are that come from files; pushed ones are in `folder`. */
  rulesFolder: { title: string };
  /** On each dashboard: whose it is. */
  tag: string;
  dashboards: Record<DashboardName, { uid: string; title: string }>;
  /** `isOwn`: not one that somebody else keeps. */
  datasource: { uid: string; name: string; isOwn: boolean };
  /** Whom rules tell. `isOwn`: the bundle makes it; else it is there already and is left as it is. */
  receiver: { uid: string; name: string; isOwn: boolean };
  muteTiming: string;
  /** The name of the file of message templates, and of each template in it up to the dot. */
  template: string;
  /** A uid or a name without blanks: `oot-pr` is `staging-oot-pr`. */
  uid: (name: string) => string;
  /** A title: `OOT CI` is `OOT CI (staging)`. */
  title: (text: string) => string;
  /** A variable of Grafana's environment: `OOT_X` is `STAGING_OOT_X`. */
  variable: (name: string) => string;
};

/** Names of an instance; without options, those of the committed files. */
export function instanceOf({
  prefix = '',
  datasourceUid,
  contactPoint,
}: { prefix?: string; datasourceUid?: string; contactPoint?: string } = {}): Instance {
  const uid = (name: string) => (prefix === '' ? name : `${prefix}-${name}`);
  const title = (text: string) => (prefix === '' ? text : `${text} (${prefix})`);
  const { folder, rulesFolder, datasource, dashboards, alerts } = config;
  return {
    prefix,
    uid,
    title,
    variable: (name) => (prefix === '' ? name : `${prefix.toUpperCase().replaceAll('-', '_')}_${name}`),
    folder: { uid: uid(folder.uid), title: title(folder.title) },
    rulesFolder: { title: title(rulesFolder.title) },
    tag: uid(config.tag),
    dashboards: Object.fromEntries(
      Object.entries(dashboards).map(([name, own]) => [name, { uid: uid(own.uid), title: title(own.title) }]),
    ) as Instance['dashboards'],
    datasource:
      datasourceUid === undefined
        ? { uid: uid(datasource.uid), name: title(datasource.name), isOwn: true }
        : { uid: datasourceUid, name: datasourceUid, isOwn: false },
    receiver:
      contactPoint === undefined
        ? { uid: uid(alerts.receiverUid), name: title(alerts.receiver), isOwn: true }
        : { uid: uid(alerts.receiverUid), name: contactPoint, isOwn: false },
    muteTiming: title(alerts.muteTiming),
    template: uid('oot'),
  };
}

/** That of the committed files. */
export const committedInstance = instanceOf();
