import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { generatedFiles } from '../../dashboards/generated-files';
import { instanceOf, type Instance } from '../../dashboards/instance';
import { createGrafana, GrafanaApiError } from '../../dashboards/push/client';
import { find } from '../../dashboards/push/found';
import { planPush } from '../../dashboards/push/plan-push';
import { planRemoval } from '../../dashboards/push/plan-removal';
import { push, remove, type PushOptions } from '../../dashboards/push/push';
import { templateMark, wantedOf } from '../../dashboards/push/wanted';
import { dashboardCount, pushedCount, removedCount, ruleCount } from '../helpers/bundle-size';
import { startGrafanaImitation, type GrafanaImitation, type StoredRule } from '../helpers/grafana-api';

let grafana: GrafanaImitation;
let lines: string[];

beforeEach(async () => {
  grafana = await startGrafanaImitation();
  lines = [];
  for (const uid of ['oot-clickhouse', 'staging-oot-clickhouse'])
    grafana.state.datasources.set(uid, { type: 'grafana-clickhouse-datasource' });
});
afterEach(() => grafana.close());

const ours = instanceOf();
const staging = instanceOf({ prefix: 'staging' });
const toTeam = { kind: 'email', to: 'team@example.org' } as const;
const options = (isDryRun = false): PushOptions => ({ isDryRun, say: (line) => lines.push(line) });
const client = () =>
  createGrafana({
    url: grafana.url,
    authorization: `Bearer ${grafana.token}`,
    secrets: [grafana.token],
  });

/** Pushes anew: lines and changes of this one alone. */
async function pushed(
  instance: Instance = ours,
  destination: Parameters<typeof push>[2] = toTeam,
  isDryRun = false,
) {
  lines = [];
  grafana.changes = [];
  await push(client(), instance, destination, options(isDryRun));
  return { lines, summary: lines.at(-1), changes: grafana.changes };
}
async function removed(instance: Instance = ours, isDryRun = false) {
  lines = [];
  grafana.changes = [];
  await remove(client(), instance, options(isDryRun));
  return { lines, summary: lines.at(-1), changes: grafana.changes };
}
const failure = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => Promise.reject(new Error('did not fail')),
    (error: unknown) => error as Error,
  );

type Changes = Partial<Record<'created' | 'updated' | 'deleted' | 'unchanged' | 'kept', number>>;
const summaryOf = ({ created = 0, updated = 0, deleted = 0, unchanged = 0, kept = 0 }: Changes) =>
  `${created} created, ${updated} updated, ${deleted} deleted, ${unchanged} unchanged, ${kept} of others kept`;
const allSame = summaryOf({ unchanged: pushedCount });
const oneUpdated = summaryOf({ updated: 1, unchanged: pushedCount - 1 });
/** Everything that a Grafana holds, to compare. */
const snapshot = () => structuredClone(grafana.state);

const dashboard = (over: { uid: string; tags?: string[]; folderUid?: string; provisioned?: boolean }) =>
  grafana.state.dashboards.set(over.uid, {
    model: { uid: over.uid, title: `Title of ${over.uid}`, tags: over.tags ?? [], version: 1 },
    folderUid: over.folderUid ?? 'oot',
    provisioned: over.provisioned ?? false,
    messages: ['by hand'],
  });
const rule = (over: Partial<StoredRule> & { uid: string }) =>
  grafana.state.rules.set(over.uid, {
    title: `Title of ${over.uid}`,
    folderUID: 'oot',
    ruleGroup: 'theirs',
    provenance: '',
    annotations: {},
    data: [],
    ...over,
  });
const marked = { annotations: { __oot_bundle__: 'oot 0123456789ab' }, provenance: 'api' };

describe('push into an empty Grafana', () => {
  it('makes everything, what rules name before the rules', async () => {
    const { changes, summary } = await pushed();
    expect(summary).toBe(summaryOf({ created: pushedCount }));
    expect(changes).toEqual([
      'POST /api/folders',
      'PUT /api/v1/provisioning/templates/oot',
      'POST /api/v1/provisioning/mute-timings',
      'POST /api/v1/provisioning/contact-points',
      ...Array<string>(dashboardCount).fill('POST /api/dashboards/db'),
      ...['oot-backends', 'oot-nightly', 'oot-readiness', 'oot-upstream', 'oot-pipeline'].map(
        (group) => `PUT /api/v1/provisioning/folder/oot/rule-groups/${group}`,
      ),
    ]);
    expect(grafana.state.folders.get('oot')).toEqual({ title: 'OOT CI' });
    expect(grafana.state.contactPoints.get('oot-ci')).toMatchObject({
      name: 'OOT CI',
      type: 'email',
      provenance: 'api',
      settings: { addresses: ';team@example.org' },
    });
  });

  it('sends the dashboards that the files hold, without an id of another Grafana', async () => {
    await pushed();
    const files = generatedFiles()
      .filter(({ path }) => path.startsWith('generated/'))
      .map(({ text }) => JSON.parse(text) as { uid: string });
    expect(files).toHaveLength(dashboardCount);
    expect(
      files.map(({ uid }) => {
        const { model, folderUid } = grafana.state.dashboards.get(uid)!;
        const { id, version, ...content } = model;
        return { id, version, folderUid, content };
      }),
    ).toEqual(files.map((content) => ({ id: null, version: 1, folderUid: 'oot', content })));
  });

  it('sends the rules that the file holds, in the form of the API', async () => {
    await pushed();
    const { uid, annotations, ...sent } = grafana.state.rules.get('oot-backend-failing')!;
    const rules = [...grafana.state.rules.values()];
    expect(rules).toHaveLength(ruleCount);
    expect(new Set(rules.map(({ provenance }) => provenance))).toEqual(new Set(['api']));
    expect(sent).toMatchObject({ folderUID: 'oot', ruleGroup: 'oot-backends', keep_firing_for: '1h' });
    for (const key of ['keepFiringFor', 'dashboardUid', 'panelId', 'orgId'])
      expect(sent).not.toHaveProperty(key);
    expect([uid, annotations.__dashboardUid__]).toEqual(['oot-backend-failing', 'oot-backend']);
    expect(annotations.__oot_bundle__).toMatch(/^oot [0-9a-f]{12}$/);
    expect(grafana.state.intervals.get('oot/oot-backends')).toBe(60);
  });

  it('touches no notification policy and no contact point of others', async () => {
    const { policies, contactPoints } = snapshot();
    await pushed();
    expect(grafana.state.policies).toEqual(policies);
    expect(grafana.state.contactPoints.get('')).toEqual(contactPoints.get(''));
    expect(grafana.asked.filter((call) => call.includes('policies'))).toEqual([
      'GET /api/v1/provisioning/policies',
    ]);
  });

  it('only says what it would do in a dry run', async () => {
    const before = snapshot();
    const { summary, changes } = await pushed(ours, toTeam, true);
    expect(summary).toBe(`would be: ${summaryOf({ created: pushedCount })}`);
    expect(changes).toEqual([]);
    expect(snapshot()).toEqual(before);
  });
});

describe('push again', () => {
  it('changes nothing, and says that all is unchanged', async () => {
    await pushed();
    const before = snapshot();
    expect(await pushed()).toMatchObject({ summary: allSame, changes: [] });
    expect(snapshot()).toEqual(before);
  });

  it.each<[string, () => void, string]>([
    [
      'a dashboard that somebody saved',
      () => grafana.state.dashboards.get('oot-pr')!.messages.push('my change'),
      'update  dashboard      OOT pull request (oot-pr)',
    ],
    [
      'a rule with another label',
      () => (grafana.state.rules.get('oot-quarantine')!.labels = { severity: 'info' }),
      'update  rule group     oot-pipeline: ~OotQuarantine',
    ],
    [
      'a rule that is paused',
      () => (grafana.state.rules.get('oot-quarantine')!.isPaused = true),
      'update  rule group     oot-pipeline: ~OotQuarantine',
    ],
    [
      'a rule that is gone',
      () => grafana.state.rules.delete('oot-quarantine'),
      'update  rule group     oot-pipeline: +OotQuarantine',
    ],
    [
      'a group evaluated at another interval',
      () => grafana.state.intervals.set('oot/oot-pipeline', 10),
      'update  rule group     oot-pipeline: every 60 s',
    ],
    [
      'another text of a template',
      () => (grafana.state.templates.get('oot')!.template += 'more'),
      'update  template       oot',
    ],
    [
      'another mute timing',
      () => (grafana.state.muteTimings.get('OOT CI maintenance')!.time_intervals = []),
      'update  mute timing    OOT CI maintenance',
    ],
    [
      'another address',
      () => (grafana.state.contactPoints.get('oot-ci')!.settings.addresses = ';else@example.org'),
      'update  contact point  OOT CI',
    ],
  ])('puts right %s, and nothing else', async (_name, change, line) => {
    await pushed();
    const before = snapshot();
    change();
    const { lines: said, changes } = await pushed();
    expect(said.filter((text) => !text.startsWith('same'))).toEqual([line, oneUpdated]);
    expect(changes).toHaveLength(1);
    const { dashboards, ...rest } = snapshot();
    const { dashboards: dashboardsBefore, ...restBefore } = before;
    expect(rest).toEqual(restBefore);
    expect([...dashboards.keys()]).toEqual([...dashboardsBefore.keys()]);
    expect((await pushed()).summary).toBe(allSame);
  });

  it('knows the newest version in any order, and as the plain list of older versions of Grafana', async () => {
    await pushed();
    const { messages } = grafana.state.dashboards.get('oot-pr')!;
    const versions = ['first', messages[0]].map((message, index) => ({ version: index, message }));
    grafana.state.dashboards.get('oot-pr')!.model.version = 1;
    grafana.overrides['GET /api/dashboards/uid/oot-pr/versions'] = { status: 200, body: versions };
    expect((await pushed()).summary).toBe(allSame);
    grafana.overrides['GET /api/dashboards/uid/oot-pr/versions'].body = versions.map(
      ({ version, message }) => ({
        version: 1 - version,
        message,
      }),
    );
    expect((await pushed()).lines).toContain('update  dashboard      OOT pull request (oot-pr)');
  });

  it('replaces what the push of an earlier version made, which left no hash', async () => {
    grafana.state.folders.set('oot', { title: 'OOT CI' });
    dashboard({ uid: 'oot-summary', tags: ['oot-ci'] });
    expect((await pushed()).summary).toBe(summaryOf({ created: pushedCount - 2, updated: 1, unchanged: 1 }));
  });
});

describe('an upgrade', () => {
  it('deletes what this version no longer generates, and only that', async () => {
    await pushed();
    dashboard({ uid: 'oot-old', tags: ['oot-ci'] });
    dashboard({ uid: 'abc', tags: ['oot-ci'] });
    dashboard({ uid: 'oot-mine' });
    dashboard({ uid: 'oot-filed', tags: ['oot-ci'], provisioned: true });
    dashboard({ uid: 'oot-elsewhere', tags: ['oot-ci'], folderUid: '' });
    rule({ uid: 'oot-old-rule', ruleGroup: 'oot-old-group', ...marked });
    rule({ uid: 'theirs' });
    rule({ uid: 'oot-copied', ...marked, provenance: '' });
    grafana.state.templates.set('oot-old', { template: templateMark(ours), provenance: 'api' });
    grafana.state.templates.set('oot-theirs', { template: '{{/* mine */}}', provenance: 'api' });
    const { lines: said } = await pushed();
    expect(said.filter((line) => !line.startsWith('same'))).toEqual([
      'kept    dashboard      Title of abc (abc): a copy, by its uid',
      'kept    dashboard      Title of oot-mine (oot-mine): no tag oot-ci',
      'kept    dashboard      Title of oot-filed (oot-filed): provisioned from a file',
      'kept    rule           Title of theirs (theirs): made in the UI',
      'kept    rule           Title of oot-copied (oot-copied): made in the UI',
      'delete  dashboard      Title of oot-old (oot-old)',
      'delete  rule           Title of oot-old-rule (oot-old-rule)',
      'delete  template       oot-old',
      summaryOf({ deleted: 3, unchanged: pushedCount, kept: 5 }),
    ]);
    const { dashboards, rules, templates } = grafana.state;
    expect([...dashboards.keys()].slice(dashboardCount)).toEqual([
      'abc',
      'oot-mine',
      'oot-filed',
      'oot-elsewhere',
    ]);
    expect([...rules.keys()].slice(ruleCount)).toEqual(['theirs', 'oot-copied']);
    expect([...templates.keys()]).toEqual(['oot', 'oot-theirs']);
  });

  it('gives a title to a rule with a new uid: the old one goes first', async () => {
    await pushed();
    const now = grafana.state.rules.get('oot-quarantine')!;
    grafana.state.rules.delete('oot-quarantine');
    rule({ ...now, uid: 'oot-quarantine-old', ruleGroup: 'oot-old-group' });
    expect((await pushed()).summary).toBe(summaryOf({ updated: 1, deleted: 1, unchanged: pushedCount - 1 }));
    expect(grafana.state.rules.get('oot-quarantine')).toEqual(now);
    expect(grafana.state.rules.size).toBe(ruleCount);
  });

  it('moves a rule of ours from one group to another', async () => {
    await pushed();
    grafana.state.rules.get('oot-quarantine')!.ruleGroup = 'oot-upstream';
    expect((await pushed()).lines.filter((line) => line.startsWith('update'))).toEqual([
      'update  rule group     oot-pipeline: ~OotQuarantine',
    ]);
    expect(grafana.state.rules.get('oot-quarantine')!.ruleGroup).toBe('oot-pipeline');
    expect(grafana.state.rules.size).toBe(ruleCount);
  });

  it('deletes retired mute timings and contact points, unless others use them', async () => {
    await pushed();
    for (const name of ['Gone', 'Used']) {
      grafana.state.muteTimings.set(name, { time_intervals: [], provenance: 'api' });
      grafana.state.contactPoints.set(name, { name, type: 'email', settings: {}, provenance: 'api' });
    }
    grafana.state.policies = { receiver: 'Used', routes: [{ mute_time_intervals: ['Used'] }] };
    const names = ['Gone', 'Used'];
    const plan = planPush(wantedOf(ours, 'email', 'team@example.org'), await find(client(), ours, []), ours, {
      rules: [],
      templates: [],
      muteTimings: names,
      contactPoints: names,
    });
    expect(
      plan.steps.filter(({ action }) => action === 'delete').map(({ kind, name }) => [kind, name]),
    ).toEqual([
      ['contact point', 'Gone'],
      ['mute timing', 'Gone'],
    ]);
    expect(plan.kept).toEqual([
      { kind: 'contact point', name: 'Used', why: 'used by a notification policy' },
      { kind: 'mute timing', name: 'Used', why: 'used by a notification policy' },
    ]);
  });
});

describe('what is in the way stops a push before it has changed anything', () => {
  it.each<[string, () => void, string]>([
    [
      'a folder of another title',
      () => grafana.state.folders.set('oot', { title: 'Ops' }),
      'folder oot is there with the title "Ops", not "OOT CI": somebody else\'s, or renamed. Give it back its title, or choose a prefix',
    ],
    [
      'no data source',
      () => grafana.state.datasources.delete('oot-clickhouse'),
      'there is no data source with the uid oot-clickhouse. Make it, or choose one with --datasource or GRAFANA_DATASOURCE_UID',
    ],
    [
      'a data source of another type',
      () => grafana.state.datasources.set('oot-clickhouse', { type: 'prometheus' }),
      'data source oot-clickhouse is of the type prometheus, not grafana-clickhouse-datasource. Make it, or choose one with --datasource or GRAFANA_DATASOURCE_UID',
    ],
    [
      'a dashboard of the uid in another folder',
      () => dashboard({ uid: 'oot-pr', folderUid: 'ops', tags: ['oot-ci'] }),
      'dashboard oot-pr ("Title of oot-pr") is in another folder (ops): move it to oot or away, or choose a prefix',
    ],
    [
      'a dashboard of the uid without our tag',
      () => dashboard({ uid: 'oot-pr' }),
      'dashboard oot-pr ("Title of oot-pr") has no tag oot-ci, so it is not of this bundle: delete it, or choose a prefix',
    ],
    [
      'a dashboard from a file',
      () => dashboard({ uid: 'oot-pr', tags: ['oot-ci'], provisioned: true }),
      'dashboard oot-pr ("Title of oot-pr") is provisioned from a file: take the file away before you push, or choose a prefix',
    ],
    [
      'a rule from a file',
      () => rule({ uid: 'oot-quarantine', provenance: 'file' }),
      'alert rule oot-quarantine ("Title of oot-quarantine") is provisioned from a file, which no API may change: remove it there, or choose a prefix',
    ],
    [
      'a rule of the uid of others, elsewhere',
      () => rule({ uid: 'oot-quarantine', folderUID: 'ops', provenance: 'api' }),
      'alert rule oot-quarantine ("Title of oot-quarantine") is not of this bundle (made through the API): delete it, or choose a prefix',
    ],
    [
      'a rule of the uid of another instance',
      () => rule({ uid: 'oot-quarantine', ...marked, annotations: { __oot_bundle__: 'staging-oot 0123' } }),
      'alert rule oot-quarantine ("Title of oot-quarantine") is not of this bundle (made through the API): delete it, or choose a prefix',
    ],
    [
      "a rule of ours that is no more the API's",
      () => rule({ uid: 'oot-quarantine', ...marked, provenance: '' }),
      'alert rule oot-quarantine ("Title of oot-quarantine") is made in the UI, a copy of ours: delete it, or choose a prefix',
    ],
    [
      'a rule of others in our group, which would be deleted',
      () => rule({ uid: 'theirs', ruleGroup: 'oot-pipeline' }),
      'alert rule theirs ("Title of theirs"), which is not of this bundle, is in our group oot-pipeline: move it to another',
    ],
    [
      'a rule of others with a title of ours in our folder',
      () => rule({ uid: 'theirs', title: 'OotQuarantine' }),
      'alert rule theirs ("OotQuarantine"), which is not of this bundle, has the title of one of ours in our folder: rename it',
    ],
    [
      'a template of the name without our mark',
      () => grafana.state.templates.set('oot', { template: 'x', provenance: 'api' }),
      'template "oot" is there already and not of this bundle (made through the API): delete or rename it, or choose a prefix',
    ],
    [
      'a template from a file, which the API would overwrite',
      () => grafana.state.templates.set('oot', { template: templateMark(ours), provenance: 'file' }),
      'template "oot" is there already and not of this bundle (provisioned from a file): delete or rename it, or choose a prefix',
    ],
    [
      'a mute timing of the name made in the UI',
      () => grafana.state.muteTimings.set('OOT CI maintenance', { time_intervals: [], provenance: '' }),
      'mute timing "OOT CI maintenance" is there already and not of this bundle (made in the UI): delete or rename it, or choose a prefix',
    ],
    [
      'a contact point of the name with an integration of others',
      () =>
        grafana.state.contactPoints.set('x', { name: 'OOT CI', type: 'slack', settings: {}, provenance: '' }),
      'contact point "OOT CI" has an integration (slack, uid x) that is not of this bundle: to send there, set GRAFANA_CONTACT_POINT to its name; else rename it, or choose a prefix',
    ],
    [
      'our contact point from a file',
      () =>
        grafana.state.contactPoints.set('oot-ci', {
          name: 'OOT CI',
          type: 'email',
          settings: {},
          provenance: 'file',
        }),
      'contact point "OOT CI" (uid oot-ci) is provisioned from a file: remove it there, or choose a prefix',
    ],
  ])('%s', async (_name, put, message) => {
    put();
    // A folder is there, so that a rule can be in it; but not where that is what is asked.
    if (!grafana.state.folders.has('oot')) grafana.state.folders.set('oot', { title: 'OOT CI' });
    const before = snapshot();
    const { name, message: said } = await failure(pushed());
    expect([name, said]).toEqual([
      'ConflictError',
      `Nothing was changed: something is in the way\n  ${message}`,
    ]);
    expect(grafana.changes).toEqual([]);
    expect(snapshot()).toEqual(before);
  });

  it('names everything at once', async () => {
    grafana.state.datasources.clear();
    grafana.state.folders.set('oot', { title: 'Ops' });
    dashboard({ uid: 'oot-pr' });
    expect((await failure(pushed())).message.split('\n')).toHaveLength(4);
  });
});

describe('contact points', () => {
  const slack = { kind: 'slack', to: 'https://hooks.slack.example/T0/secret' } as const;

  it('sends a secret again that it can not compare, and calls it unchanged', async () => {
    await pushed(ours, slack);
    const { lines: said, summary, changes } = await pushed(ours, slack);
    expect(said).toContain('same    contact point  OOT CI: its address is a secret and sent again');
    expect([summary, changes]).toEqual([allSame, ['PUT /api/v1/provisioning/contact-points/oot-ci']]);
    await pushed(ours, { ...slack, to: 'https://hooks.slack.example/T0/rotated' });
    expect(grafana.state.contactPoints.get('oot-ci')!.settings.url).toBe(
      'https://hooks.slack.example/T0/rotated',
    );
  });

  it('changes its kind under the same uid', async () => {
    await pushed();
    expect((await pushed(ours, slack)).lines).toContain('update  contact point  OOT CI');
    expect(grafana.state.contactPoints.get('oot-ci')).toMatchObject({
      type: 'slack',
      settings: { url: slack.to },
    });
  });

  it('says that it tells nobody, and does not take addresses away that are there', async () => {
    const nobody = { kind: 'email', to: '' } as const;
    expect((await pushed(ours, nobody)).lines).toContain(
      'create  contact point  OOT CI: to nobody: OOT_ALERT_EMAILS is not set',
    );
    await pushed();
    expect(await pushed(ours, nobody)).toMatchObject({ summary: allSame, changes: [] });
    expect(grafana.state.contactPoints.get('oot-ci')!.settings.addresses).toBe(';team@example.org');
  });

  it('leaves one that is there already alone, and takes its own away when told to use that', async () => {
    await pushed();
    grafana.state.contactPoints.set('x', {
      name: 'On call',
      type: 'slack',
      settings: {},
      provenance: 'file',
    });
    const onCall = instanceOf({ contactPoint: 'On call' });
    const theirs = structuredClone(grafana.state.contactPoints.get('x'));
    expect((await pushed(onCall)).lines).toContain('delete  contact point  OOT CI');
    expect(grafana.state.contactPoints.get('x')).toEqual(theirs);
    expect(grafana.state.rules.get('oot-quarantine')!.notification_settings!.receiver).toBe('On call');
    expect(grafana.state.contactPoints.has('oot-ci')).toBe(false);
    await removed(onCall);
    expect(grafana.state.contactPoints.get('x')).toEqual(theirs);
  });

  it('is not there where GRAFANA_CONTACT_POINT says it is', async () => {
    expect((await failure(pushed(instanceOf({ contactPoint: 'On call' })))).message).toContain(
      'there is no contact point "On call", which GRAFANA_CONTACT_POINT names',
    );
  });
});

describe('two instances in one Grafana', () => {
  it('share nothing, and each push finds the other one unchanged', async () => {
    await pushed();
    const alone = snapshot();
    expect((await pushed(staging)).summary).toBe(summaryOf({ created: pushedCount }));
    expect((await pushed()).summary).toBe(allSame);
    expect((await pushed(staging)).summary).toBe(allSame);
    expect(grafana.state.dashboards.size).toBe(2 * dashboardCount);
    expect(grafana.state.rules.size).toBe(2 * ruleCount);
    await removed(staging);
    expect(snapshot()).toEqual(alone);
  });
});

describe('remove', () => {
  it('takes away exactly what was pushed', async () => {
    const before = snapshot();
    await pushed();
    const { changes, summary } = await removed();
    expect(snapshot()).toEqual(before);
    expect(summary).toBe(summaryOf({ deleted: removedCount }));
    expect(changes.at(-1)).toBe('DELETE /api/folders/oot');
    expect((await removed()).summary).toBe('0 created, 0 updated, 0 deleted, 0 unchanged, 0 of others kept');
  });

  it('only says what it would take in a dry run', async () => {
    await pushed();
    const before = snapshot();
    expect(await removed(ours, true)).toMatchObject({
      summary: `would be: ${summaryOf({ deleted: removedCount })}`,
      changes: [],
    });
    expect(snapshot()).toEqual(before);
  });

  it.each<[string, () => void, string]>([
    ['a dashboard', () => dashboard({ uid: 'mine' }), '1 dashboards or rules of others in it'],
    ['a rule', () => rule({ uid: 'mine' }), '1 dashboards or rules of others in it'],
    [
      'a folder',
      () => grafana.state.folders.set('sub', { title: 'Sub', parentUid: 'oot' }),
      '1 folders of others in it',
    ],
    [
      'a library panel',
      () => grafana.state.libraryPanels.push({ folderUid: 'oot' }),
      '1 library panels of others in it',
    ],
    ['another title', () => grafana.state.folders.set('oot', { title: 'Ops' }), 'it has another title'],
  ])('keeps the folder for %s of others', async (_name, put, why) => {
    await pushed();
    put();
    const { lines: said } = await removed();
    expect(said.find((line) => line.startsWith('kept    folder'))).toMatch(new RegExp(`: ${why}$`));
    expect(grafana.state.folders.has('oot')).toBe(true);
    expect([...grafana.state.rules.keys()]).toEqual(_name === 'a rule' ? ['mine'] : []);
    expect([...grafana.state.dashboards.keys()]).toEqual(_name === 'a dashboard' ? ['mine'] : []);
  });

  it('keeps what others use: a contact point, a mute timing, a template', async () => {
    await pushed();
    rule({ uid: 'theirs', folderUID: 'ops', notification_settings: { receiver: 'OOT CI' } });
    grafana.state.policies = { receiver: 'x', routes: [{ mute_time_intervals: ['OOT CI maintenance'] }] };
    grafana.state.contactPoints.set('x', {
      name: 'x',
      type: 'slack',
      settings: { text: '{{ template "oot.slack" . }}' },
      provenance: '',
    });
    expect((await removed()).lines.filter((line) => line.startsWith('kept'))).toEqual([
      'kept    contact point  OOT CI: used by alert rule "Title of theirs"',
      'kept    mute timing    OOT CI maintenance: used by a notification policy',
      'kept    template       oot: used by contact point "x"',
    ]);
    expect(grafana.state.contactPoints.has('oot-ci')).toBe(true);
  });

  it('leaves an installation from files alone', async () => {
    grafana.state.folders.set('oot', { title: 'OOT CI' });
    dashboard({ uid: 'oot-pr', tags: ['oot-ci'], provisioned: true });
    rule({ uid: 'oot-quarantine', ruleGroup: 'oot-pipeline', provenance: 'file' });
    grafana.state.contactPoints.set('oot-ci', {
      name: 'OOT CI',
      type: 'email',
      settings: {},
      provenance: 'file',
    });
    const before = snapshot();
    expect(await removed()).toMatchObject({ changes: [] });
    expect(snapshot()).toEqual(before);
    expect(lines.slice(0, -1).map((line) => line.split(': ')[1])).toEqual([
      'provisioned from a file',
      'provisioned from a file',
      'provisioned from a file',
      '2 dashboards or rules of others in it',
    ]);
  });

  it('knows retired names, too', async () => {
    grafana.state.muteTimings.set('Old', { time_intervals: [], provenance: 'api' });
    const { steps } = planRemoval(await find(client(), ours, []), ours, {
      rules: [],
      templates: [],
      muteTimings: ['Old'],
      contactPoints: [],
    });
    expect(steps.map(({ kind, name }) => [kind, name])).toEqual([['mute timing', 'Old']]);
  });
});

describe('when Grafana refuses', () => {
  it('says which of the changes failed and how many were made, and goes on from there', async () => {
    const call = 'PUT /api/v1/provisioning/folder/oot/rule-groups/oot-upstream';
    grafana.overrides[call] = { status: 403, body: { message: 'no permission' } };
    expect((await failure(pushed())).message).toBe(
      `${call}: 403 no permission\n${pushedCount - 2} of ${pushedCount} changes were made; the same command again goes on from there`,
    );
    grafana.overrides = {};
    expect((await pushed()).summary).toBe(summaryOf({ created: 2, unchanged: pushedCount - 2 }));
    expect((await pushed()).summary).toBe(allSame);
  });

  it('does not overwrite a dashboard that somebody saves between plan and change', async () => {
    await pushed();
    grafana.state.dashboards.get('oot-pr')!.messages.push('first change');
    grafana.before = (call) => {
      const { model } = grafana.state.dashboards.get('oot-pr')!;
      if (call.startsWith('POST /api/dashboards/db')) model.version = Number(model.version) + 1;
    };
    expect((await failure(pushed())).message).toMatch(
      /^POST \/api\/dashboards\/db: 412 The dashboard has been changed by someone else\n0 of 1 changes/,
    );
  });

  it.each<[string, GrafanaImitation['overrides'][string], string]>([
    ['401', { status: 401, body: { message: 'Invalid API key' } }, '401 Invalid API key'],
    [
      'an error with its cause',
      { status: 500, body: { message: 'failed', error: 'why' } },
      '500 failed: why',
    ],
    ['the token, repeated', { status: 400, body: { message: 'bad glsa_secret-token' } }, '400 bad ***'],
    ['a page', { status: 502, text: '<html>\u001b[31m' }, '502 <html> [31m'],
    [
      'a login page',
      { status: 302, location: 'https://login.example' },
      "302, sent on to https://login.example: GRAFANA_URL has to be Grafana's own address",
    ],
    ['no JSON', { status: 200, text: '<html>' }, 'the answer is no JSON. Is GRAFANA_URL that of a Grafana?'],
    [
      'something else',
      { status: 200, body: { title: 7 } },
      'not the answer that Grafana gives: title: Invalid input: expected string, received number',
    ],
  ])('names the endpoint and the answer, never the token: %s', async (_name, override, message) => {
    grafana.overrides['GET /api/folders/oot'] = override;
    const error = await failure(pushed());
    expect(error).toBeInstanceOf(GrafanaApiError);
    expect(error.message).toBe(`GET /api/folders/oot: ${message}`);
    expect(JSON.stringify([error.message, error.stack, error])).not.toContain(grafana.token);
    expect(grafana.changes).toEqual([]);
  });

  it('says where nobody answers', async () => {
    const nobody = createGrafana({ url: 'http://127.0.0.1:1', authorization: 'Bearer x', secrets: ['x'] });
    expect((await failure(push(nobody, ours, toTeam, options()))).message).toMatch(
      /^GET \/api\/folders\/oot: http:\/\/127\.0\.0\.1:1 does not answer: /,
    );
  });

  it.each([
    ['comes', ''],
    ['comes to its end', 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{'],
  ])('ends when no answer %s', async (_name, start) => {
    const server = createServer((socket) => void socket.on('error', () => undefined).write(start));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const slow = createGrafana({ url, authorization: 'x', secrets: [] }, 100);
    const error = await failure(slow.get('api/health'));
    expect(error).toBeInstanceOf(GrafanaApiError);
    expect(error.message).toMatch(/^GET \/api\/health: http:\/\/127.* does not answer: .*timeout/);
    server.close();
  });

  it('goes on where the token may not look at data sources, and says so', async () => {
    grafana.overrides['GET /api/datasources/uid/oot-clickhouse'] = { status: 403, body: { message: 'no' } };
    expect((await pushed()).lines[0]).toBe(
      'note: may not look whether the data source oot-clickhouse is there',
    );
  });
});

it.each(['/grafana', '/grafana/'])('finds a Grafana below %s', async (path) => {
  const below = await startGrafanaImitation('/grafana');
  below.state.datasources.set('oot-clickhouse', { type: 'grafana-clickhouse-datasource' });
  const target = createGrafana({
    url: `${below.url.replace('/grafana', '')}${path}`,
    authorization: `Bearer ${below.token}`,
    secrets: [],
  });
  await push(target, ours, toTeam, options());
  expect(below.state.dashboards.size).toBe(dashboardCount);
  await below.close();
});

it('prints what others wrote without control characters', async () => {
  await pushed();
  dashboard({ uid: 'x\u001b[2J' });
  expect((await pushed()).lines[0]).toBe('kept    dashboard      Title of x [2J (x [2J): no tag oot-ci');
});
