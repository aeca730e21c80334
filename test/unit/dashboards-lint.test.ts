import { join } from 'node:path';
import { config } from '../../dashboards/config';
import { generatedFiles, staleFiles } from '../../dashboards/generated-files';
import {
  annotationQueries,
  panelsOf,
  variablesOf,
  variableSql,
  type DashboardJson,
  type PanelJson,
} from '../helpers/grafana';

const files = generatedFiles();
const dashboards = files
  .filter(({ path }) => path.startsWith('generated/'))
  .map(({ text }) => JSON.parse(text) as DashboardJson);
const uids = dashboards.map(({ uid }) => uid);

/** All the SQL of a dashboard, and where it stands. */
const queriesOf = (dashboard: DashboardJson): { where: string; rawSql: string }[] => [
  ...panelsOf(dashboard).flatMap(({ title = '', targets = [] }) =>
    targets.map(({ rawSql = '' }) => ({ where: `panel ${title}`, rawSql })),
  ),
  ...variablesOf(dashboard).flatMap((variable) => {
    const rawSql = variableSql(variable);
    return rawSql === undefined ? [] : [{ where: `variable ${variable.name}`, rawSql }];
  }),
  ...annotationQueries(dashboard).map(({ name, target }) => ({
    where: `annotation ${name}`,
    rawSql: target.rawSql ?? '',
  })),
];

/** Every string of a value, with its path. */
function* strings(value: unknown, path = ''): Generator<{ path: string; text: string }> {
  if (typeof value === 'string') yield { path, text: value };
  else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value))
      yield* strings(inner, path === '' ? key : `${path}.${key}`);
  }
}

it('pins the uids and titles: links from outside and alerts point at them', () => {
  expect(dashboards.map(({ uid, title }) => [uid, title])).toEqual([
    ['oot-summary', 'OOT backends'],
    ['oot-backend', 'OOT backend'],
    ['oot-pr', 'OOT pull request'],
    ['oot-commit', 'OOT commit'],
    ['oot-nightly', 'OOT nightly'],
    ['oot-readiness', 'OOT readiness'],
    ['oot-pipeline', 'OOT pipeline'],
  ]);
  expect(uids).toEqual(Object.values(config.dashboards).map(({ uid }) => uid));
  expect([config.folder.uid, config.datasource.uid]).toEqual(['oot', 'oot-clickhouse']);
});

it('makes the same bytes twice, in files named after the uid', () => {
  expect(generatedFiles()).toEqual(files);
  expect(files.map(({ path }) => path)).toEqual([
    ...uids.map((uid) => `generated/${uid}.json`),
    'provisioning/alerting/oot-rules.yaml',
    'provisioning/alerting/oot-messages.yaml',
    'provisioning/alerting/oot-contact-points.yaml',
    'provisioning/contact-points/email.yaml',
    'provisioning/contact-points/slack.yaml',
    'provisioning/contact-points/webhook.yaml',
    'provisioning/removal/oot.yaml',
  ]);
  for (const { text } of files) expect(text).not.toMatch(/"(version|id)": "?\d{10,}|__inputs|__requires/);
});

it('is committed as generated', async () => {
  expect(await staleFiles(join(__dirname, '../../dashboards'))).toEqual([]);
});

describe.each(dashboards.map((dashboard) => ({ name: dashboard.uid, dashboard })))(
  '$name',
  ({ dashboard }) => {
    const variables = variablesOf(dashboard);
    const names = variables.map(({ name }) => name);
    const panels = panelsOf(dashboard);
    const queries = queriesOf(dashboard);

    it('has the shared settings', () => {
      expect(dashboard).toMatchObject({
        time: { from: 'now-7d', to: 'now' },
        refresh: '1m',
        graphTooltip: 1,
        editable: false,
        timezone: 'browser',
        tags: ['oot-ci'],
      });
      expect(dashboard).not.toHaveProperty('id');
      // The SDK hides links and annotations by it.
      const hidden = [...strings(dashboard)].filter(({ text }) => text === 'inControlsMenu');
      expect(hidden.map(({ path }) => path)).toEqual([]);
    });

    it('has panels, a description, and a link to each of the others that keeps time and what variables it can', () => {
      expect(panels).not.toHaveLength(0);
      expect((dashboard as { description?: string }).description).toMatch(/\w/);
      expect(
        dashboard.links?.map(({ url, keepTime, includeVars }) => ({ url, keepTime, includeVars })),
      ).toEqual(
        uids
          .filter((uid) => uid !== dashboard.uid)
          .map((uid) => {
            // Where a variable takes one value, All of another dashboard would be put into it, and stay.
            const target = dashboards.find((other) => other.uid === uid)!;
            const takesAll = variablesOf(target).every(({ type, multi }) => type === 'datasource' || multi);
            // A push, chosen on the page of a commit, is no event of the nightly page, and would stay there, too.
            return takesAll && dashboard.uid !== 'oot-commit'
              ? { url: `/d/${uid}`, keepTime: true, includeVars: true }
              : { url: `/d/${uid}?var-datasource=\${datasource}`, keepTime: true, includeVars: false };
          }),
      );
    });

    it('has the data source in a variable, and variables that are asked again', () => {
      expect(variables[0]).toMatchObject({
        name: 'datasource',
        type: 'datasource',
        query: config.datasource.type,
        current: { text: config.datasource.name, value: config.datasource.uid },
      });
      expect(names).toEqual([...new Set(names)]);
      for (const variable of variables.filter(({ type }) => type === 'query')) {
        expect(variable).toMatchObject({ datasource: { uid: '${datasource}' } });
        // 1: when the page opens, 2: when the time range changes. Without one, never.
        expect([1, 2]).toContain(variable.refresh);
        // With a value of its own for All, `$__conditionalAll` would not see All.
        expect(variable.allValue ?? '').toBe('');
      }
    });

    it('gives every panel an id, and a title of its own', () => {
      const ids = (dashboard.panels ?? []).map(({ id }) => id);
      expect(ids).toEqual([...new Set(ids)]);
      expect(ids.filter((id) => !Number.isInteger(id) || (id ?? 0) < 1)).toEqual([]);
      const titles = panels.map(({ title }) => title);
      expect(titles).toEqual([...new Set(titles)]);
    });

    it('puts panels beside each other within 24 columns', () => {
      const placed = (dashboard.panels ?? []).map(({ title, gridPos }) => ({ title, ...gridPos! }));
      for (const { x, y, w, h } of placed) {
        expect(x >= 0 && y >= 0 && w > 0 && h > 0 && x + w <= 24).toBe(true);
      }
      const overlapping = placed.flatMap((a, index) =>
        placed
          .slice(index + 1)
          .filter((b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h)
          .map((b) => `${a.title} / ${b.title}`),
      );
      expect(overlapping).toEqual([]);
    });

    const panelCases = panels.map((panel) => ({ name: panel.title ?? '', panel }));
    (panelCases.length > 0 ? it : it.skip).each(panelCases)('panel $name says what it shows', ({ panel }) => {
      expect(panel.title).toMatch(/\S/);
      expect(panel.description).toMatch(/\S/);
      if (panel.type === 'text') return;
      expect(panel.datasource).toEqual({ type: config.datasource.type, uid: '${datasource}' });
      expect(panel.fieldConfig?.defaults?.noValue).toMatch(/\S/);
      expect(hasUnits(panel)).toBe(true);
      expect(panel.targets).not.toHaveLength(0);
      const refIds = (panel.targets ?? []).map(({ refId }) => refId);
      expect(refIds).toEqual([...new Set(refIds)]);
      for (const { queryType, ...target } of panel.targets ?? []) {
        expect(target).toMatchObject({
          datasource: { type: config.datasource.type, uid: '${datasource}' },
          editorType: 'sql',
          format: queryType === 'timeseries' ? 0 : 1,
          pluginVersion: config.datasource.pluginVersion,
        });
        expect(['table', 'timeseries']).toContain(queryType);
      }
      if (panel.type === 'stat') expect(panel.options?.reduceOptions?.calcs).not.toHaveLength(0);
    });

    it('quotes every variable in its SQL, and knows it', () => {
      for (const { where, rawSql } of queries) {
        // Those that are decoded can hold nothing that ends a text.
        const decoded = /decodeURLComponent\('\$\{(\w+):percentencode\}'\)/g;
        const used = [
          ...rawSql.replaceAll(decoded, '${$1:singlequote}').matchAll(/\$\{(\w+)(?::([^}]*))?\}/g),
        ];
        const unquoted = used.filter(([, , format]) => !/^(singlequote|sqlstring)$/.test(format ?? ''));
        expect([where, unquoted.map(([text]) => text)]).toEqual([where, []]);
        // Bare: only to say to $__conditionalAll whose All is meant. `$__` are macros.
        const bare = [...rawSql.matchAll(/\$(?!__)(\w+)/g)].map(([, name]) => name ?? '');
        const asked = [...rawSql.matchAll(/,\s*\$(\w+)\s*\)/g)].map(([, name]) => name ?? '');
        expect([where, bare.toSorted()]).toEqual([
          where,
          asked.filter((name) => !name.startsWith('__')).toSorted(),
        ]);
        const unknown = [...used.map(([, name]) => name ?? ''), ...bare].filter(
          (name) => !names.includes(name),
        );
        expect([where, unknown]).toEqual([where, []]);
        // A template that keeps its backslash would send it to ClickHouse.
        expect(rawSql).not.toContain('\\$');
        expect(rawSql).not.toMatch(/\[\[\w+/);
      }
    });

    it('asks for All before it lists values, so that what no list knows still counts', () => {
      const several = variables.filter(({ includeAll }) => includeAll === true).map(({ name }) => name);
      for (const { where, rawSql } of queries) {
        const listed = several.filter((name) => rawSql.includes(`\${${name}:`));
        expect([where, listed]).toEqual([
          where,
          listed.filter((name) => new RegExp(`,\\s*\\$${name}\\s*\\)`).test(rawSql)),
        ]);
      }
    });

    it('reads the views, whose definitions are the only ones', () => {
      for (const { where, rawSql } of queries) {
        const tables =
          /\b(oot_workflow_job|crcr_workflow_job|oot_backend_registry|oot_quarantine_log|oot_replication_log|\w+_log)\b/;
        expect([where, tables.exec(rawSql)?.[0]]).toEqual([where, undefined]);
        // It would leave out jobs that were run again after it: oot_jobs_between takes the bounds.
        expect([where, filtersAllJobsByTime(rawSql)]).toEqual([where, false]);
        expect([where, /\bsystem\./.test(rawSql)]).toEqual([where, false]);
      }
    });

    it('links to dashboards and variables that exist', () => {
      for (const { path, text } of strings(dashboard)) {
        if (!/\.url$|^url$/.test(path) || !text.includes('/d/')) continue;
        const uid = /^\/d\/([\w-]+)/.exec(text)?.[1];
        const target = dashboards.find((other) => other.uid === uid);
        expect([text, target?.uid]).toEqual([text, uid]);
        const known = target ? variablesOf(target).map(({ name }) => name) : [];
        const said = [...text.matchAll(/[?&]var-(\w+)=/g)].map(([, name]) => name ?? '');
        expect([text, said.filter((name) => !known.includes(name))]).toEqual([text, []]);
        // One that takes one value has to get it: Grafana would take the first there is.
        const single = target
          ? variablesOf(target).filter(({ type, multi }) => type === 'query' && !multi)
          : [];
        if (!path.startsWith('links.') && single.length > 0)
          expect([text, said]).toEqual([text, expect.arrayContaining([single[0]!.name])]);
        const own = [...text.matchAll(/\$\{(\w+)[}:]/g)].map(([, name]) => name ?? '');
        const unknown = own.filter((name) => !name.startsWith('__') && !names.includes(name));
        expect([text, unknown]).toEqual([text, []]);
      }
    });

    it('says outcomes in their one colour, and nothing known as a gap on timelines', () => {
      for (const panel of panelsOf(dashboard)) {
        const own: Record<string, string> =
          panel.type === 'state-timeline' ? { ...config.colors, none: '#00000000' } : config.colors;
        // On a background, the colour of text would be the brightest of all.
        for (const { properties } of panel.fieldConfig?.overrides ?? []) {
          const cell = properties.find(({ id }) => id === 'custom.cellOptions')?.value as
            { type?: string } | undefined;
          if (cell?.type !== 'color-background') continue;
          const { options } = mappingsOf(properties)[0]!;
          expect([panel.title, Object.values(options).map(({ color }) => color)]).toEqual([
            panel.title,
            expect.not.arrayContaining([config.colors.none]),
          ]);
        }
        for (const { options } of mappingsOf(panel)) {
          for (const [outcome, shown] of Object.entries(options)) {
            if (own[outcome] === undefined || shown.color === undefined) continue;
            const color = outcome === 'none' && shown.color === 'transparent' ? 'transparent' : own[outcome];
            expect([panel.title, outcome, shown.color]).toEqual([panel.title, outcome, color]);
          }
          if (panel.type === 'state-timeline')
            expect(Object.values(options).map(({ color }) => color)).not.toContain(config.colors.none);
        }
      }
    });

    it("gives no verdict's colour to what is not known", () => {
      const saysIt = (mappings: unknown) =>
        Array.isArray(mappings) &&
        mappings.some(({ type, options }: { type: string; options: { match?: string; result?: object } }) => {
          return type === 'special' && options.match === 'null+nan' && 'color' in (options.result ?? {});
        });
      for (const { type, title, fieldConfig } of panelsOf(dashboard)) {
        // The cells of the matrix are never empty.
        if (!['stat', 'bargauge', 'table'].includes(type) || title === 'Newest attempts by commit and job')
          continue;
        expect([title, saysIt(fieldConfig?.defaults?.mappings)]).toEqual([title, true]);
        for (const { matcher, properties } of fieldConfig?.overrides ?? []) {
          const valueOf = (name: string) => properties.find(({ id }) => id === name)?.value;
          const cell = valueOf('custom.cellOptions') as { type?: string } | undefined;
          if (!cell?.type?.startsWith('color') || valueOf('mappings') === undefined) continue;
          expect([title, matcher.options, saysIt(valueOf('mappings'))]).toEqual([
            title,
            matcher.options,
            true,
          ]);
        }
      }
    });

    it('picks a field by the name that it is shown with', () => {
      for (const { title, options, fieldConfig } of panelsOf(dashboard)) {
        const [, picked] = /^\/\^(\w+)\$\/$/.exec(options?.reduceOptions?.fields ?? '') ?? [];
        const renamed = (fieldConfig?.overrides ?? [])
          .filter(({ properties }) => properties.some(({ id }) => id === 'displayName'))
          .map(({ matcher }) => matcher.options);
        if (picked !== undefined) expect([title, renamed]).toEqual([title, []]);
      }
    });

    it('draws the thresholds that a chart has', () => {
      for (const { type, title, fieldConfig: { defaults } = {} } of panelsOf(dashboard)) {
        if (type !== 'timeseries' || (defaults?.thresholds?.steps ?? []).length < 2) continue;
        expect([title, defaults?.custom?.thresholdsStyle?.mode]).toEqual([title, 'dashed']);
      }
    });

    it('shows texts of digits, hours and days as they are', () => {
      for (const { type, title, fieldConfig: { defaults, overrides = [] } = {} } of panelsOf(dashboard)) {
        // For all columns of a table, it would be for texts as well: a sequence number would be rounded.
        if (type === 'table') expect([title, defaults?.unit ?? 'string']).toEqual([title, 'string']);
        const units = [
          defaults?.unit,
          ...overrides.flatMap(({ properties }) =>
            properties.flatMap(({ id, value }) => (id === 'unit' ? [value] : [])),
          ),
        ];
        // Grafana would make days of 24 hours, and weeks of 7 days.
        expect([title, units.filter((unit) => unit === 'h' || unit === 'd')]).toEqual([title, []]);
      }
    });
  },
);

/** Numbers have a unit where they stand: for all fields, or column by column in a table of mixed ones. */
function hasUnits(panel: PanelJson): boolean {
  if (['table', 'state-timeline', 'status-history', 'logs', 'canvas', 'news'].includes(panel.type))
    return true;
  const { defaults, overrides = [] } = panel.fieldConfig ?? {};
  return (
    defaults?.unit !== undefined ||
    overrides.some(({ properties }) => properties.some(({ id }) => id === 'unit'))
  );
}

/** All days on which a PR or commit had attempts: where to look, no filter. */
const daysOfChange =
  /toDate\(received_at\) IN \(SELECT day FROM oot_(pr_day WHERE pr_number = \w+\([^)]*\)|commit_day WHERE sha = \w+\([^)]*\))\)/g;

/** Is there a SELECT right from oot_jobs whose own WHERE speaks of received_at? */
function filtersAllJobsByTime(rawSql: string): boolean {
  return [...rawSql.matchAll(/\bFROM\s+oot_jobs\b(?!_)/gi)].some(({ index }) => {
    let depth = 0;
    let own = '';
    for (const char of rawSql.slice(index)) {
      if (char === '(') depth++;
      if (char === ')') depth--;
      if (depth < 0) break;
      own += char;
    }
    const where = /\bWHERE\b(.*?)(\bGROUP BY\b|\bORDER BY\b|\bLIMIT\b|\bUNION\b|$)/is.exec(own)?.[1] ?? '';
    return /\breceived_at\b/.test(where.replace(daysOfChange, ''));
  });
}

type Mapping = { type: string; options: Record<string, { color?: string }> };

function mappingsOf(value: unknown): Mapping[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = (value as { type?: unknown; options?: unknown }).type === 'value' ? [value as Mapping] : [];
  return [...own, ...Object.values(value).flatMap(mappingsOf)];
}
