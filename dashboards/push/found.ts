import { z } from 'zod';
import type { Instance } from '../instance';
import { GrafanaApiError, type Grafana } from './client';

/** What Grafana may leave out or set to null. */
const texts = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {});
const provenance = z
  .string()
  .nullish()
  .transform((value) => value ?? '');

const searchSchema = z.array(
  z.object({ uid: z.string(), title: z.string(), tags: z.array(z.string()).default([]) }),
);
const dashboardSchema = z.object({
  dashboard: z.object({
    title: z.string().default(''),
    tags: z
      .array(z.string())
      .nullish()
      .transform((tags) => tags ?? []),
    version: z.int(),
  }),
  meta: z.object({ folderUid: z.string().default(''), provisioned: z.boolean().default(false) }),
});
const versionSchema = z.array(z.object({ version: z.int(), message: z.string().default('') }));
/** A list until 11, an object with it since. */
const versionsSchema = z.union([
  versionSchema,
  z.object({ versions: versionSchema }).transform(({ versions }) => versions),
]);
const ruleSchema = z.object({
  uid: z.string(),
  title: z.string(),
  folderUID: z.string(),
  ruleGroup: z.string(),
  condition: z.string().default(''),
  data: z
    .array(
      z.object({ refId: z.string(), datasourceUid: z.string(), model: z.record(z.string(), z.unknown()) }),
    )
    .nullish()
    .transform((data) => data ?? []),
  noDataState: z.string().default(''),
  execErrState: z.string().default(''),
  for: z.string().default('0s'),
  annotations: texts,
  labels: texts,
  isPaused: z.boolean().default(false),
  provenance,
  notification_settings: z
    .object({
      receiver: z.string().default(''),
      mute_time_intervals: z.array(z.string()).nullish(),
      active_time_intervals: z.array(z.string()).nullish(),
    })
    .nullish(),
});
const templateSchema = z.object({ name: z.string(), template: z.string(), provenance });
const muteTimingSchema = z.object({
  name: z.string(),
  time_intervals: z
    .array(z.record(z.string(), z.unknown()))
    .nullish()
    .transform((intervals) => intervals ?? []),
  provenance,
});
const contactPointSchema = z.object({
  uid: z.string().default(''),
  name: z.string(),
  type: z.string(),
  settings: z.record(z.string(), z.unknown()).default({}),
  provenance,
});
type Policy = {
  receiver?: string | undefined;
  mute_time_intervals?: string[] | null | undefined;
  active_time_intervals?: string[] | null | undefined;
  routes?: Policy[] | null | undefined;
};
const policySchema: z.ZodType<Policy> = z.object({
  receiver: z.string().optional(),
  mute_time_intervals: z.array(z.string()).nullish(),
  active_time_intervals: z.array(z.string()).nullish(),
  get routes() {
    return z.array(policySchema).nullish();
  },
});

export type FoundDashboard = {
  uid: string;
  title: string;
  tags: string[];
  version: number;
  folderUid: string;
  isProvisioned: boolean;
  /** Of its newest version. */
  message: string;
};
export type FoundRule = z.output<typeof ruleSchema>;

/** What is in a Grafana, as far as it can touch an instance. */
export type Found = {
  /** Null where there is none. */
  folder: { title: string } | null;
  /** What lies in the folder: dashboards, ours and others; how many folders and library panels. */
  inFolder: { uid: string; title: string; tags: string[] }[];
  subfolders: number;
  libraryPanels: number;
  /** `hidden`: the token may not look. */
  datasource: { type: string } | 'missing' | 'hidden';
  /** Those of `uids`, and those in the folder that have the tag. */
  dashboards: FoundDashboard[];
  /** Every rule of the organisation. */
  rules: FoundRule[];
  /** Seconds; of the groups in the folder. */
  intervals: Record<string, number>;
  templates: z.output<typeof templateSchema>[];
  muteTimings: z.output<typeof muteTimingSchema>[];
  /** One an integration. Secrets are not told. */
  contactPoints: z.output<typeof contactPointSchema>[];
  /** Names that notification policies use. */
  policies: { receivers: string[]; timings: string[] };
};

const path = encodeURIComponent;
const provisioning = 'api/v1/provisioning';

/** Reads all that a plan depends on; changes nothing. Throws {@link GrafanaApiError}. */
export async function find(grafana: Grafana, instance: Instance, uids: string[]): Promise<Found> {
  const read = async <S extends z.ZodType>(schema: S, from: string): Promise<z.output<S> | null> => {
    const answer = await grafana.get(from);
    if (answer === null) return null;
    const parsed = schema.safeParse(answer);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw new GrafanaApiError(
      `GET /${from}: not the answer that Grafana gives: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
    );
  };
  const { uid } = instance.folder;
  const folder = await read(z.object({ title: z.string() }), `api/folders/${path(uid)}`);
  const inFolder =
    folder && (await read(searchSchema, `api/search?type=dash-db&folderUIDs=${path(uid)}&limit=5000`));
  const subfolders = folder && (await read(z.array(z.unknown()), `api/folders?parentUid=${path(uid)}`));
  const library =
    folder &&
    (await read(
      z.object({ result: z.object({ totalCount: z.int() }) }),
      `api/library-elements?folderFilterUIDs=${path(uid)}`,
    ));
  const owned = (inFolder ?? []).filter(({ tags }) => tags.includes(instance.tag)).map((own) => own.uid);
  const dashboards: FoundDashboard[] = [];
  for (const one of new Set([...uids, ...owned])) {
    const found = await read(dashboardSchema, `api/dashboards/uid/${path(one)}`);
    if (!found) continue;
    const versions = await read(versionsSchema, `api/dashboards/uid/${path(one)}/versions?limit=10`);
    dashboards.push({
      uid: one,
      ...found.dashboard,
      folderUid: found.meta.folderUid,
      isProvisioned: found.meta.provisioned,
      message: versions?.find(({ version }) => version === found.dashboard.version)?.message ?? '',
    });
  }
  const rules = (await read(z.array(ruleSchema), `${provisioning}/alert-rules`)) ?? [];
  const intervals: Record<string, number> = {};
  for (const group of new Set(
    rules.filter(({ folderUID }) => folderUID === uid).map((one) => one.ruleGroup),
  )) {
    const found = await read(
      z.object({ interval: z.number() }),
      `${provisioning}/folder/${path(uid)}/rule-groups/${path(group)}`,
    );
    if (found) intervals[group] = found.interval;
  }
  return {
    folder,
    inFolder: inFolder ?? [],
    subfolders: subfolders?.length ?? 0,
    libraryPanels: library?.result.totalCount ?? 0,
    datasource: await findDatasource(grafana, instance.datasource.uid),
    dashboards,
    rules,
    intervals,
    templates: (await read(z.array(templateSchema), `${provisioning}/templates`)) ?? [],
    muteTimings: (await read(z.array(muteTimingSchema), `${provisioning}/mute-timings`)) ?? [],
    contactPoints: (await read(z.array(contactPointSchema), `${provisioning}/contact-points`)) ?? [],
    policies: namesIn((await read(policySchema, `${provisioning}/policies`)) ?? {}),
  };
}

async function findDatasource(grafana: Grafana, uid: string): Promise<Found['datasource']> {
  try {
    const found = await grafana.get(`api/datasources/uid/${path(uid)}`);
    return found === null ? 'missing' : { type: z.object({ type: z.string() }).parse(found).type };
  } catch (error) {
    if (error instanceof GrafanaApiError && error.status === 403) return 'hidden';
    throw error;
  }
}

function namesIn(policy: Policy): Found['policies'] {
  const below = (policy.routes ?? []).map(namesIn);
  return {
    receivers: [policy.receiver ?? '', ...below.flatMap(({ receivers }) => receivers)].filter(Boolean),
    timings: [
      ...(policy.mute_time_intervals ?? []),
      ...(policy.active_time_intervals ?? []),
      ...below.flatMap(({ timings }) => timings),
    ],
  };
}
