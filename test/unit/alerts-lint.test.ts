import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { allRuleGroups, allRules } from '../../dashboards/alerts/all';
import { renderAnnotations } from '../../dashboards/alerts/evaluate';
import { renderTemplate } from '../../dashboards/alerts/go-template';
import { contactPointKinds, messageTemplates } from '../../dashboards/alerts/notifications';
import { durationMs } from '../../dashboards/alerts/rule';
import { config } from '../../dashboards/config';
import { generatedFiles } from '../../dashboards/generated-files';
import { panelsOf, variablesOf, type DashboardJson } from '../helpers/grafana';

/* The files of alerting, against what Grafana's file provisioning takes; it drops unknown keys in silence. */

const files = generatedFiles();
const yamlOf = (name: string): unknown =>
  parse(files.find(({ path }) => path === `provisioning/${name}`)!.text);
const dashboards = files
  .filter(({ path }) => path.startsWith('generated/'))
  .map(({ text }) => JSON.parse(text) as DashboardJson);

const duration = z.string().regex(/^\d+[smhd]$/);
const datasource = z.strictObject({ type: z.string(), uid: z.string() });
const noVariable = z.string().regex(/^[^$]*$/, 'would be read from the environment');
const query = z.strictObject({
  refId: z.enum(['A', 'B']),
  relativeTimeRange: z.strictObject({ from: z.int().positive(), to: z.literal(0) }),
  datasourceUid: z.literal(config.datasource.uid),
  model: z.strictObject({
    refId: z.enum(['A', 'B']),
    datasource: z.strictObject({
      type: z.literal(config.datasource.type),
      uid: z.literal(config.datasource.uid),
    }),
    editorType: z.literal('sql'),
    rawSql: z.string(),
    queryType: z.literal('table'),
    format: z.literal(1),
    pluginVersion: z.literal(config.datasource.pluginVersion),
    intervalMs: z.int(),
    maxDataPoints: z.int(),
  }),
});
const expression = z.strictObject({
  refId: z.literal('C'),
  relativeTimeRange: z.strictObject({ from: z.literal(0), to: z.literal(0) }),
  datasourceUid: z.literal('__expr__'),
  model: z.strictObject({
    refId: z.literal('C'),
    datasource: datasource.extend({ type: z.literal('__expr__'), uid: z.literal('__expr__') }),
    type: z.literal('math'),
    expression: z.string().regex(/^is_number\(\$A\) && is_number\(\$B\) && \(\$A (<|>|>=) \$B\)$/),
    intervalMs: z.int(),
    maxDataPoints: z.int(),
  }),
});
const rule = z.strictObject({
  uid: z.string().regex(/^[\w-]{1,40}$/),
  title: z.string().regex(/^Oot[A-Z][A-Za-z]{1,36}$/),
  condition: z.literal('C'),
  data: z.tuple([query, query, expression]),
  for: duration,
  keepFiringFor: duration.optional(),
  noDataState: z.enum(['NoData', 'Alerting', 'OK', 'KeepLast']),
  execErrState: z.enum(['Error', 'Alerting', 'OK', 'KeepLast']),
  annotations: z.strictObject({
    summary: z.string().regex(/^[A-Z0-9][^{}$]*\.$/, 'is not one static sentence'),
    description: z.string(),
    runbook_url: z.url({ protocol: /^https$/ }),
    dashboard: z.string().startsWith('{{ externalURL }}d/'),
    __dashboardUid__: z.string(),
    __panelId__: z.string().regex(/^\d+$/),
  }),
  labels: z.strictObject({ severity: z.enum(['critical', 'warning', 'info']).optional() }),
  dashboardUid: z.string(),
  panelId: z.int(),
  isPaused: z.literal(false),
  notification_settings: z.strictObject({
    receiver: noVariable,
    group_by: z.tuple([z.literal('grafana_folder'), z.literal('alertname')]),
    group_wait: duration,
    group_interval: duration,
    repeat_interval: duration,
    mute_time_intervals: z.array(noVariable),
  }),
});
const rulesSchema = z.strictObject({
  apiVersion: z.literal(1),
  groups: z.array(
    z.strictObject({
      orgId: z.literal(1),
      name: noVariable,
      folder: z.literal(config.rulesFolder.title),
      interval: duration,
      rules: z.array(rule),
    }),
  ),
});

const { groups } = rulesSchema.parse(yamlOf('alerting/oot-rules.yaml'));
const rules = groups.flatMap(({ rules }) => rules);

describe('the file of rules', () => {
  it('pins names and uids: silences and links are by them', () => {
    expect(rules.map(({ uid, title }) => [uid, title])).toEqual([
      ['oot-backend-failing', 'OotBackendFailing'],
      ['oot-backend-broken', 'OotBackendBroken'],
      ['oot-backend-silent', 'OotBackendSilent'],
      ['oot-jobs-overdue', 'OotJobsOverdue'],
      ['oot-nightly-late', 'OotNightlyLate'],
      ['oot-nightly-unexpected', 'OotNightlyUnexpected'],
      ['oot-queue-time-high', 'OotQueueTimeHigh'],
      ['oot-timeout-rate-high', 'OotTimeoutRateHigh'],
      ['oot-overrun-rate-high', 'OotOverrunRateHigh'],
      ['oot-shared-breakage', 'OotSharedBreakage'],
      ['oot-relay-probe-unhealthy', 'OotRelayProbeUnhealthy'],
      ['oot-replication-stale', 'OotReplicationStale'],
      ['oot-readiness-stale', 'OotReadinessStale'],
      ['oot-replication-slow', 'OotReplicationSlow'],
      ['oot-quarantine', 'OotQuarantine'],
    ]);
  });

  it('waits for a whole number of evaluations', () => {
    for (const { every, rules: own } of allRuleGroups()) {
      for (const { name, ...one } of own) {
        const rest = [one.for, one.keepFiringFor].map((value) => durationMs(value) % durationMs(every));
        expect([name, ...rest]).toEqual([name, 0, 0]);
      }
    }
  });

  describe.each(rules.map((one) => ({ name: one.title, one })))('$name', ({ one }) => {
    const [value, limit] = [one.data[0].model.rawSql, one.data[1].model.rawSql];

    it('asks with time macros alone: there are no variables in a rule', () => {
      for (const sql of [value, limit]) {
        const used = [...sql.matchAll(/\$\w*/g)].map(([name]) => name);
        expect(used.filter((name) => !['$__fromTime_ms', '$__toTime_ms'].includes(name))).toEqual([]);
        // Else a rule could not be asked about an earlier moment.
        expect(sql).not.toMatch(/\bnow(64)?\(/);
        expect(sql).not.toMatch(/\b(oot_workflow_job|oot_\w+_log|oot_backend_registry|system\.)/);
      }
    });

    it('has a panel beside it that exists, and chooses variables that exist there', () => {
      const dashboard = dashboards.find(({ uid }) => uid === one.dashboardUid)!;
      expect(panelsOf(dashboard).map(({ id }) => id)).toContain(one.panelId);
      const { __dashboardUid__, __panelId__, dashboard: link } = one.annotations;
      expect([__dashboardUid__, Number(__panelId__)]).toEqual([one.dashboardUid, one.panelId]);
      expect(link).toContain(`d/${one.dashboardUid}?viewPanel=${one.panelId}`);
      const known = variablesOf(dashboard).map(({ name }) => name);
      const chosen = [...link.matchAll(/&var-(\w+)=/g)].map(([, name]) => name ?? '');
      expect(chosen.filter((name) => !known.includes(name))).toEqual([]);
      // `${` would be read from the environment by some versions, `$$` is nothing here.
      expect(JSON.stringify(one.annotations)).not.toMatch(/\$\{|\$\$/);
    });

    it('has a section of the runbook with all that it should say', () => {
      const text = readFileSync(join(__dirname, '../../dashboards/runbook.md'), 'utf8');
      const section = text.split(/^## /m).find((part) => part.startsWith(`${one.title}\n`));
      expect(one.annotations.runbook_url).toBe(`${config.alerts.runbook}#${one.title.toLowerCase()}`);
      for (const heading of ['What it means', 'How to check', 'What to do', 'When it lies']) {
        expect([heading, section?.includes(`**${heading}.**`)]).toEqual([heading, true]);
      }
    });

    it('has texts that render, and severity of its own or of each instance', () => {
      const source = allRules().find(({ uid }) => uid === one.uid)!;
      const labels = Object.fromEntries(
        [
          ...value.matchAll(
            /\bAS (backend|severity|oncall|upstream|pr|event|check)\b|\b(level|sha|replicator)\b/g,
          ),
        ].map(([, a, b]) => [a ?? b ?? '', `some ${a ?? b} & <b>`]),
      );
      for (const known of [
        { value: 0.5, limit: 1 },
        { value: null, limit: null },
      ]) {
        const texts = renderAnnotations(source, { labels, ...known });
        expect(JSON.stringify(texts)).not.toMatch(/\{\{|no value|undefined|NaN/);
        expect(texts.dashboard).not.toMatch(/[\s<]/);
      }
      expect(one.labels.severity === undefined).toBe('severity' in labels);
    });
  });
});

const receiver = (settings: z.ZodType) =>
  z.strictObject({
    apiVersion: z.literal(1),
    contactPoints: z.tuple([
      z.strictObject({
        orgId: z.literal(1),
        name: z.literal(config.alerts.receiver),
        receivers: z.tuple([
          z.strictObject({ uid: z.literal('oot-ci'), type: z.enum(contactPointKinds), settings }),
        ]),
      }),
    ]),
  });
const template = (name: string) => z.literal(`{{ template "oot.${name}" . }}`);

describe('contact points', () => {
  const forms = {
    email: z.strictObject({
      // With the semicolon it is valid without the variable, too: an empty one would keep Grafana from starting.
      addresses: z.literal(';$OOT_ALERT_EMAILS'),
      singleEmail: z.boolean(),
      subject: template('title'),
      message: template('text'),
    }),
    slack: z.strictObject({
      url: z.literal('$OOT_ALERT_SLACK_URL'),
      title: template('title'),
      text: template('slack'),
    }),
    webhook: z.strictObject({
      url: z.literal('$OOT_ALERT_WEBHOOK_URL'),
      title: template('title'),
      message: template('text'),
    }),
  };

  it.each(contactPointKinds)('%s has the settings that it takes', (kind) => {
    expect(
      receiver(forms[kind]).safeParse(yamlOf(`contact-points/${kind}.yaml`)).error?.issues,
    ).toBeUndefined();
  });

  it('is e-mail where nothing else is put there', () => {
    expect(yamlOf('alerting/oot-contact-points.yaml')).toEqual(yamlOf('contact-points/email.yaml'));
  });

  it('and the mute timing are those that every rule names', () => {
    for (const { notification_settings } of rules) {
      expect(notification_settings.receiver).toBe(config.alerts.receiver);
      expect(notification_settings.mute_time_intervals).toEqual([config.alerts.muteTiming]);
    }
    const messages = z
      .strictObject({
        apiVersion: z.literal(1),
        templates: z.tuple([z.strictObject({ orgId: z.literal(1), name: z.string(), template: z.string() })]),
        muteTimes: z.tuple([
          z.strictObject({
            orgId: z.literal(1),
            name: z.literal(config.alerts.muteTiming),
            time_intervals: z
              .array(
                z.strictObject({
                  times: z.array(z.strictObject({ start_time: z.string(), end_time: z.string() })).optional(),
                  weekdays: z.array(z.string()).optional(),
                  days_of_month: z.array(z.string()).optional(),
                  months: z.array(z.string()).optional(),
                  years: z.array(z.string()).optional(),
                }),
              )
              .min(1),
          }),
        ]),
      })
      .safeParse(yamlOf('alerting/oot-messages.yaml'));
    expect(messages.error?.issues).toBeUndefined();
  });
});

describe('a message', () => {
  const alert = (backend: string, severity: string, more = '') => ({
    Labels: { alertname: 'OotBackendFailing', backend, severity },
    Annotations: {
      summary: 'A backend fails.',
      description: `${backend} fails${more}`,
      dashboard: `http://grafana/d/oot-backend?var-backend=${backend}`,
      runbook_url: 'https://example.org/runbook#ootbackendfailing',
    },
    SilenceURL: `http://grafana/silence/${backend}`,
  });
  const data = {
    GroupLabels: { alertname: 'OotBackendFailing' },
    CommonAnnotations: { summary: 'A backend fails.' },
    Alerts: {
      Firing: [
        alert('i/info', 'info'),
        alert('w/warn', 'warning'),
        alert('c/crit', 'critical', ' <!channel> & more'),
      ],
      Resolved: [alert('r/well', 'warning')],
    },
  };
  const render = (name: string, dot: object) =>
    renderTemplate(messageTemplates()[0]!.template, { dot }, `oot.${name}`);

  it('has a title with how many', () => {
    expect(render('title', data)).toBe('3 firing, 1 resolved: OotBackendFailing. A backend fails.');
    expect(render('title', { ...data, Alerts: { Firing: data.Alerts.Firing, Resolved: [] } })).toBe(
      '3 firing: OotBackendFailing. A backend fails.',
    );
    expect(render('title', { ...data, Alerts: { Firing: [], Resolved: data.Alerts.Resolved } })).toBe(
      '1 resolved: OotBackendFailing. A backend fails.',
    );
  });

  it('has a line a backend in Slack, worst first, with links, and no markup of strangers', () => {
    const links = (repo: string) =>
      `<http://grafana/d/oot-backend?var-backend=${repo}|look> · <https://example.org/runbook#ootbackendfailing|what to do> · <http://grafana/silence/${repo}|silence>`;
    expect(render('slack', data).trim().split('\n')).toEqual([
      `:red_circle: c/crit fails &lt;!channel&gt; &amp; more ${links('c/crit')}`,
      `:large_orange_circle: w/warn fails ${links('w/warn')}`,
      `:large_blue_circle: i/info fails ${links('i/info')}`,
      ':white_check_mark: resolved: r/well fails',
    ]);
  });

  it('has the same as plain text', () => {
    expect(
      render('text', data)
        .split('\n')
        .filter((line) => /^[A-Z]/.test(line)),
    ).toEqual([
      'CRITICAL c/crit fails <!channel> & more',
      'WARNING w/warn fails',
      'INFO i/info fails',
      'RESOLVED r/well fails',
    ]);
  });
});
