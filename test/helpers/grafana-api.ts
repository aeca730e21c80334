import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/*
 * An imitation of the part of Grafana's HTTP API that `--push` and `--remove` use, since no Grafana can run in a unit
 * test. It was written from Grafana's sources (12; where 11.6 differs, that is said), and proves no more than that our
 * side keeps to what was read there; `npm run test:grafana` asks a real one the same questions. Below `pkg/` of
 * github.com/grafana/grafana:
 *
 * - services/dashboards/errors.go: 412 version-mismatch, 400 for a provisioned dashboard, a uid over 40 characters or
 *   with other characters than letters, digits, - and _, 404 for a missing folder.
 * - api/apierrors/folder.go: 412 for a folder uid that is taken. services/folder/folderimpl: a folder with rules in it is not
 *   deleted unless forced (400 here); its dashboards go with it, without a question.
 * - services/ngalert/api/api_provisioning.go: the status of each answer (200 rule group, 202 template, contact point and
 *   changed mute timing, 201 new mute timing, 204 and 202 for deletions); the provenance is `api` unless the header
 *   X-Disable-Provenance is there.
 * - services/ngalert/provisioning/alert_rules.go, store/deltas.go: a group is replaced as a whole: rules that are not
 *   sent are deleted, rules of other groups and folders with a uid that is sent are moved; a rule from a file is
 *   refused with 409 alerting.provenanceMismatch (500 in 11.6); receivers and mute timings have to be there (400).
 * - services/ngalert/models: a title once a folder (400).
 * - services/ngalert/provisioning/templates.go, mute_timings.go, validation/provenance.go: a file's may be overwritten
 *   through the API (!), but not the other way to `none` (403); a template that is not there is made; 409 for an old version, and for a
 *   mute timing that a rule or policy uses; 400 for a name that is taken.
 * - services/ngalert/provisioning/contactpoints.go: a second integration under a name is added to it; a uid that is taken is
 *   refused (500); a change of provenance is refused (500); deletion asks for no provenance at all (!), but is refused
 *   (409) while a rule or policy names it; secrets come back as [REDACTED].
 * - Durations come back as Prometheus writes them (36h is 1d12h), months by name.
 */
export type GrafanaImitation = {
  url: string;
  token: string;
  state: State;
  /** `PUT /api/...` of every request that was no GET. */
  changes: string[];
  /** Every request's path. */
  asked: string[];
  /** Answers that differ from what it would do, by `METHOD /path`. */
  overrides: Record<string, { status: number; body?: unknown; text?: string; location?: string }>;
  /** Further endpoints, by `METHOD path`, which get the body. */
  more: Record<string, (body: Json) => Answer | Promise<Answer>>;
  /** Called before a request is answered. */
  before: (call: string) => void;
  close: () => Promise<void>;
};

export type Json = Record<string, unknown>;
type StoredDashboard = { model: Json; folderUid: string; provisioned: boolean; messages: string[] };
export type StoredRule = Json & {
  uid: string;
  title: string;
  folderUID: string;
  ruleGroup: string;
  provenance: string;
  annotations: Record<string, string>;
  notification_settings?: { receiver: string; mute_time_intervals?: string[] };
};
export type State = {
  folders: Map<string, { title: string; parentUid?: string }>;
  libraryPanels: { folderUid: string }[];
  datasources: Map<string, { type: string }>;
  dashboards: Map<string, StoredDashboard>;
  rules: Map<string, StoredRule>;
  /** Seconds by `folder/group`. */
  intervals: Map<string, number>;
  templates: Map<string, { template: string; provenance: string }>;
  muteTimings: Map<string, { time_intervals: Json[]; provenance: string }>;
  contactPoints: Map<string, { name: string; type: string; settings: Json; provenance: string }>;
  policies: Json | null;
};

export type Answer = { status: number; body?: unknown };
type Call = { params: string[]; query: URLSearchParams; body: Json; provenance: string };
type Handler = (state: State, call: Call) => Answer;

const refuse = (status: number, message: string, more: Json = {}): Answer => ({
  status,
  body: { message, ...more },
});
const uidFault = (uid: string): string | null =>
  uid.length > 40
    ? 'uid too long, max 40 characters'
    : /^[\w-]+$/.test(uid)
      ? null
      : 'uid contains illegal characters';

const secretKeys: Record<string, string[]> = { slack: ['url', 'token'], webhook: ['password'], email: [] };

const ruleOut = (rule: StoredRule): Json => ({
  id: 1,
  orgID: 1,
  updated: '2026-01-01T00:00:00Z',
  ...rule,
  for: prometheusDuration((rule.for as string | undefined) ?? '0s'),
});

/** As `model.Duration` of Prometheus writes it. */
function prometheusDuration(duration: string): string {
  const units = { s: 1, m: 60, h: 3600, d: 86_400 };
  let seconds = 0;
  for (const [, count, unit] of duration.matchAll(/(\d+)([smhd])/g)) {
    seconds += Number(count) * units[unit as keyof typeof units];
  }
  if (seconds === 0) return '0s';
  let text = '';
  for (const [unit, size] of Object.entries(units).reverse()) {
    if (seconds >= size) text += `${Math.floor(seconds / size)}${unit}`;
    seconds %= size;
  }
  return text;
}

const months = ['january', 'february', 'march', 'april', 'may', 'june', 'july', 'august'];
const intervalOut = (interval: Json): Json => ({
  ...interval,
  ...(Array.isArray(interval.months) && {
    months: (interval.months as string[]).map((range) =>
      range
        .split(':')
        .map((month) => months[Number(month) - 1] ?? month)
        .join(':'),
    ),
  }),
});

const inPolicies = (policy: unknown, name: string): boolean =>
  JSON.stringify(policy ?? {}).includes(JSON.stringify(name));
const ruleUses = (state: State, name: string, key: 'receiver' | 'mute_time_intervals'): boolean =>
  [...state.rules.values()].some(({ notification_settings: settings }) =>
    key === 'receiver' ? settings?.receiver === name : (settings?.mute_time_intervals ?? []).includes(name),
  );

/** A group is no more than what its rules say. */
function forgetEmptyGroups(state: State): void {
  const groups = new Set([...state.rules.values()].map((rule) => `${rule.folderUID}/${rule.ruleGroup}`));
  for (const group of state.intervals.keys()) if (!groups.has(group)) state.intervals.delete(group);
}

const p = 'api/v1/provisioning';
const routes: Record<string, Handler> = {
  'GET api/folders': (state, { query }) => ({
    status: 200,
    body: [...state.folders]
      .filter(([, { parentUid = '' }]) => parentUid === (query.get('parentUid') ?? ''))
      .map(([uid, { title }]) => ({ uid, title })),
  }),
  'GET api/folders/*': (state, { params: [uid = ''] }) => {
    const folder = state.folders.get(uid);
    return folder ? { status: 200, body: { uid, ...folder } } : refuse(404, 'folder not found');
  },
  'POST api/folders': (state, { body }) => {
    const uid = String(body.uid);
    const fault = uidFault(uid);
    if (fault) return refuse(400, fault);
    if (state.folders.has(uid)) return refuse(412, 'the folder has been changed by someone else');
    state.folders.set(uid, { title: String(body.title) });
    return { status: 200, body };
  },
  'DELETE api/folders/*': (state, { params: [uid = ''] }) => {
    if (!state.folders.has(uid)) return refuse(404, 'folder not found');
    if ([...state.rules.values()].some(({ folderUID }) => folderUID === uid))
      return refuse(400, 'folder cannot be deleted: folder is not empty');
    for (const [own, { folderUid }] of state.dashboards) if (folderUid === uid) state.dashboards.delete(own);
    state.folders.delete(uid);
    return { status: 200, body: { message: 'Folder deleted' } };
  },
  'GET api/library-elements': (state, { query }) => {
    const found = state.libraryPanels.filter(({ folderUid }) => folderUid === query.get('folderFilterUIDs'));
    return { status: 200, body: { result: { totalCount: found.length, elements: found } } };
  },
  'GET api/search': (state, { query }) => ({
    status: 200,
    body: [...state.dashboards]
      .filter(([, { folderUid }]) => folderUid === query.get('folderUIDs'))
      .map(([uid, { model }]) => ({ uid, title: model.title, tags: model.tags ?? [], type: 'dash-db' })),
  }),
  'GET api/datasources/uid/*': (state, { params: [uid = ''] }) => {
    const found = state.datasources.get(uid);
    return found ? { status: 200, body: { uid, ...found } } : refuse(404, 'Data source not found');
  },
  'POST api/datasources': (state, { body }) => {
    state.datasources.set(String(body.uid), { type: String(body.type) });
    return { status: 200, body: { message: 'Datasource added' } };
  },
  'DELETE api/datasources/uid/*': (state, { params: [uid = ''] }) => {
    state.datasources.delete(uid);
    return { status: 200, body: { message: 'Data source deleted' } };
  },
  'GET api/dashboards/uid/*': (state, { params: [uid = ''] }) => {
    const found = state.dashboards.get(uid);
    if (!found) return refuse(404, 'Dashboard not found');
    const { model, folderUid, provisioned } = found;
    return { status: 200, body: { dashboard: { id: 7, ...model }, meta: { folderUid, provisioned } } };
  },
  'GET api/dashboards/uid/*/versions': (state, { params: [uid = ''], query }) => {
    const { messages = [], model } = state.dashboards.get(uid) ?? {};
    const newest = Number(model?.version);
    const versions = [...messages].reverse().map((message, back) => ({ version: newest - back, message }));
    return { status: 200, body: { versions: versions.slice(0, Number(query.get('limit'))) } };
  },
  'POST api/dashboards/db': (state, { body }) => {
    const model = body.dashboard as Json;
    const uid = String(model.uid);
    const fault = uidFault(uid);
    if (fault) return refuse(400, fault);
    const folderUid = (body.folderUid as string | undefined) ?? '';
    if (folderUid !== '' && !state.folders.has(folderUid)) return refuse(404, 'Folder not found');
    const present = state.dashboards.get(uid);
    if (present?.provisioned) return refuse(400, 'Cannot save provisioned dashboard');
    if (present && body.overwrite !== true && present.model.version !== model.version)
      return refuse(412, 'The dashboard has been changed by someone else', { status: 'version-mismatch' });
    const version = Number(present?.model.version ?? 0) + 1;
    const messages = [...(present?.messages ?? []), (body.message as string | undefined) ?? ''];
    state.dashboards.set(uid, { model: { ...model, version }, folderUid, provisioned: false, messages });
    return { status: 200, body: { status: 'success', uid, version } };
  },
  'DELETE api/dashboards/uid/*': (state, { params: [uid = ''] }) => {
    const present = state.dashboards.get(uid);
    if (!present) return refuse(404, 'Dashboard not found');
    if (present.provisioned) return refuse(400, 'provisioned dashboard cannot be deleted');
    state.dashboards.delete(uid);
    return { status: 200, body: { message: 'deleted' } };
  },
  [`GET ${p}/alert-rules`]: (state) => ({ status: 200, body: [...state.rules.values()].map(ruleOut) }),
  [`GET ${p}/alert-rules/*`]: (state, { params: [uid = ''] }) => {
    const present = state.rules.get(uid);
    return present ? { status: 200, body: ruleOut(present) } : { status: 404 };
  },
  [`PUT ${p}/alert-rules/*`]: (state, { params: [uid = ''], body, provenance }) => {
    const present = state.rules.get(uid);
    if (!present) return { status: 404 };
    if (present.provenance !== '' && present.provenance !== provenance)
      return refuse(500, `cannot change provenance from '${present.provenance}' to '${provenance}'`);
    state.rules.set(uid, { ...(body as StoredRule), uid, provenance });
    return { status: 200, body };
  },
  [`DELETE ${p}/alert-rules/*`]: (state, { params: [uid = ''], provenance }) => {
    const present = state.rules.get(uid);
    if (present && present.provenance !== '' && present.provenance !== provenance)
      return refuse(
        409,
        `cannot delete with provided provenance '${provenance}', needs '${present.provenance}'`,
      );
    state.rules.delete(uid);
    forgetEmptyGroups(state);
    return { status: 204 };
  },
  [`GET ${p}/folder/*/rule-groups/*`]: (state, { params: [folder = '', group = ''] }) => {
    const rules = [...state.rules.values()].filter(
      ({ folderUID, ruleGroup }) => folderUID === folder && ruleGroup === group,
    );
    if (rules.length === 0) return refuse(404, 'rule group not found');
    const interval = state.intervals.get(`${folder}/${group}`) ?? 60;
    return { status: 200, body: { title: group, folderUid: folder, interval, rules: rules.map(ruleOut) } };
  },
  [`PUT ${p}/folder/*/rule-groups/*`]: (state, { params: [folder = '', group = ''], body, provenance }) => {
    const sent = body.rules as StoredRule[];
    const next = new Map(state.rules);
    for (const [uid, { folderUID, ruleGroup }] of state.rules) {
      if (folderUID === folder && ruleGroup === group && !sent.some((rule) => rule.uid === uid))
        next.delete(uid);
    }
    for (const rule of sent) {
      const fault = uidFault(rule.uid);
      if (fault) return refuse(400, `cannot create rule with UID "${rule.uid}": ${fault}`);
      const settings = rule.notification_settings;
      if (settings && ![...state.contactPoints.values()].some(({ name }) => name === settings.receiver))
        return refuse(400, `invalid alert rule: receiver '${settings.receiver}' does not exist`);
      const timing = (settings?.mute_time_intervals ?? []).find((name) => !state.muteTimings.has(name));
      if (timing !== undefined)
        return refuse(400, `invalid alert rule: time interval '${timing}' does not exist`);
      next.set(rule.uid, { ...rule, folderUID: folder, ruleGroup: group, provenance });
    }
    for (const [uid, before] of state.rules) {
      const isTouched = !next.has(uid) || next.get(uid) !== before;
      if (isTouched && before.provenance !== '' && before.provenance !== provenance)
        return refuse(
          409,
          `cannot update with provided provenance '${provenance}', needs '${before.provenance}'`,
        );
    }
    const titles = [...next.values()]
      .filter(({ folderUID }) => folderUID === folder)
      .map(({ title }) => title);
    if (new Set(titles).size < titles.length)
      return refuse(
        400,
        'a conflicting alert rule is found: rule title under the same organisation and folder should be unique',
      );
    state.rules = next;
    state.intervals.set(`${folder}/${group}`, Number(body.interval));
    forgetEmptyGroups(state);
    return { status: 200, body };
  },
  // Grafana gives null, no list, where there is none.
  [`GET ${p}/templates`]: (state) => ({
    status: 200,
    body: state.templates.size === 0 ? null : [...state.templates].map(([name, own]) => ({ name, ...own })),
  }),
  [`PUT ${p}/templates/*`]: (state, { params: [name = ''], body, provenance }) => {
    state.templates.set(name, { template: String(body.template).trim(), provenance });
    return { status: 202, body: { name } };
  },
  [`DELETE ${p}/templates/*`]: (state, { params: [name = ''] }) => {
    state.templates.delete(name);
    return { status: 204 };
  },
  [`GET ${p}/mute-timings`]: (state) => ({
    status: 200,
    body: [...state.muteTimings].map(([name, { time_intervals, provenance }]) => ({
      name,
      time_intervals: time_intervals.map(intervalOut),
      provenance,
      version: 'f00d',
    })),
  }),
  [`POST ${p}/mute-timings`]: (state, { body, provenance }) => {
    const name = String(body.name);
    if (state.muteTimings.has(name)) return refuse(400, 'Time interval with this name already exists.');
    state.muteTimings.set(name, { time_intervals: body.time_intervals as Json[], provenance });
    return { status: 201, body };
  },
  [`PUT ${p}/mute-timings/*`]: (state, { params: [name = ''], body, provenance }) => {
    if (!state.muteTimings.has(name)) return refuse(404, 'time interval not found');
    state.muteTimings.set(name, { time_intervals: body.time_intervals as Json[], provenance });
    return { status: 202, body };
  },
  [`DELETE ${p}/mute-timings/*`]: (state, { params: [name = ''] }) => {
    if (inPolicies(state.policies, name) || ruleUses(state, name, 'mute_time_intervals'))
      return refuse(409, 'Time interval is used');
    state.muteTimings.delete(name);
    return { status: 204 };
  },
  [`GET ${p}/contact-points`]: (state) => ({
    status: 200,
    body: [...state.contactPoints].map(([uid, { settings, ...own }]) => ({
      uid,
      ...own,
      settings: Object.fromEntries(
        Object.entries(settings).map(([key, value]) => [
          key,
          secretKeys[own.type]?.includes(key) ? '[REDACTED]' : value,
        ]),
      ),
      disableResolveMessage: false,
    })),
  }),
  [`POST ${p}/contact-points`]: (state, { body, provenance }) => {
    const { uid, name, type, settings } = body as { uid: string; name: string; type: string; settings: Json };
    if (uidFault(uid)) return refuse(400, `cannot create contact point with UID '${uid}'`);
    if (state.contactPoints.has(uid))
      return refuse(500, `receiver configuration with UID '${uid}' already exist`);
    state.contactPoints.set(uid, { name, type, settings, provenance });
    return { status: 202, body };
  },
  [`PUT ${p}/contact-points/*`]: (state, { params: [uid = ''], body, provenance }) => {
    const present = state.contactPoints.get(uid);
    if (!present) return refuse(404, `contact point with uid '${uid}' not found`);
    if (present.provenance !== '' && present.provenance !== provenance)
      return refuse(500, `cannot change provenance from '${present.provenance}' to '${provenance}'`);
    const { name, type, settings } = body as { name: string; type: string; settings: Json };
    state.contactPoints.set(uid, { name, type, settings, provenance });
    for (const rule of state.rules.values()) {
      if (rule.notification_settings?.receiver === present.name) rule.notification_settings.receiver = name;
    }
    return { status: 202, body: { message: 'contactpoint updated' } };
  },
  [`DELETE ${p}/contact-points/*`]: (state, { params: [uid = ''] }) => {
    const present = state.contactPoints.get(uid);
    const isLast = ![...state.contactPoints].some(([own, { name }]) => own !== uid && name === present?.name);
    if (present && isLast) {
      if (inPolicies(state.policies, present.name))
        return refuse(409, 'Contact point is currently referenced by a notification policy.');
      if (ruleUses(state, present.name, 'receiver'))
        return refuse(
          409,
          'Contact point is currently used in the notification settings of one or many alert rules.',
        );
    }
    state.contactPoints.delete(uid);
    return { status: 202, body: { message: 'contactpoint deleted' } };
  },
  [`GET ${p}/policies`]: (state) =>
    state.policies ? { status: 200, body: state.policies } : refuse(404, 'not found'),
};

/** Starts one, empty, on a free port of 127.0.0.1; with a base path, it answers below that alone. */
export async function startGrafanaImitation(base = ''): Promise<GrafanaImitation> {
  const state: State = {
    folders: new Map(),
    libraryPanels: [],
    datasources: new Map(),
    dashboards: new Map(),
    rules: new Map(),
    intervals: new Map(),
    templates: new Map(),
    muteTimings: new Map(),
    contactPoints: new Map([
      ['', { name: 'grafana-default-email', type: 'email', settings: { addresses: 'a@b' }, provenance: '' }],
    ]),
    policies: { receiver: 'grafana-default-email', routes: [] },
  };
  const imitation: GrafanaImitation = {
    url: '',
    token: 'glsa_secret-token',
    state,
    changes: [],
    asked: [],
    overrides: {},
    more: {},
    before: () => undefined,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  const server = createServer((request, response) => {
    void answer(imitation, base, request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  imitation.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${base}`;
  return imitation;
}

async function answer(
  imitation: GrafanaImitation,
  base: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += String(chunk);
  const { method = '', headers } = request;
  const { pathname, searchParams: query } = new URL(request.url ?? '', 'http://grafana');
  const call = `${method} ${pathname}`;
  imitation.asked.push(call);
  imitation.before(call);
  if (method !== 'GET') imitation.changes.push(call);
  const override = imitation.overrides[call];
  const accepted = [
    `Bearer ${imitation.token}`,
    `Basic ${Buffer.from('admin:basic-password').toString('base64')}`,
  ];
  const provenance = 'x-disable-provenance' in headers ? '' : 'api';
  const result: Answer =
    override ??
    (accepted.includes(headers.authorization ?? '')
      ? await answerOf(imitation, `${method} ${pathname.slice(base.length + 1)}`, {
          query,
          provenance,
          body: (text === '' ? {} : JSON.parse(text)) as Json,
        })
      : refuse(401, 'Invalid API key'));
  if (override?.location !== undefined) response.setHeader('location', override.location);
  response.statusCode = result.status;
  response.end(override?.text ?? (result.body === undefined ? '' : JSON.stringify(result.body)));
}

const answerOf = (
  { more, state }: GrafanaImitation,
  call: string,
  rest: Omit<Call, 'params'>,
): Answer | Promise<Answer> => more[call]?.(rest.body) ?? route(state, call, rest);

function route(state: State, call: string, rest: Omit<Call, 'params'>): Answer {
  for (const [pattern, handler] of Object.entries(routes)) {
    const form = new RegExp(`^${pattern.replaceAll('*', '([^/]+)')}$`);
    const params = form.exec(call)?.slice(1);
    if (params) return handler(state, { params: params.map(decodeURIComponent), ...rest });
  }
  return refuse(501, `the imitation does not know ${call}`);
}
