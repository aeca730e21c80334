import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../../ingest/contract/wire';
import { itemSchema } from '../../ingest/contract/item';
import { panelsOf, type DashboardJson } from '../helpers/grafana';

/* What strangers wrote is shown as text: no cell, panel or link gives it another meaning. */

const directory = join(__dirname, '../../dashboards/generated');
const dashboards = readdirSync(directory)
  .filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(join(directory, name), 'utf8')) as DashboardJson);

type Node = { path: string; key: string; value: unknown };

function* nodes(value: unknown, path = ''): Generator<Node> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    yield { path: `${path}.${key}`, key, value: inner };
    yield* nodes(inner, `${path}.${key}`);
  }
}

/**
 * Fields that stand in a link as they are: their form leaves nothing that means something in a URL. A
 * repository, a commit, a number; the first two are held to their form on the way into ClickHouse too.
 */
const harmless =
  /^(__data\.fields\["(upstream|upstream_repo|sha|pytorch_head_sha|pr|pr_number)"\]|__field\.labels\.backend)$/;
/** A column that holds a whole link, https or empty (the decoder's rule), and nothing around it. */
const wholeLink = /^\$\{(__data\.fields\["\w*url"\]:raw|__value\.raw:raw)\}$/;
/** Grafana's own, and variables of the page, which whoever reads it chooses. */
const ownParts = /^(__url_time_range|__all_variables|datasource|upstream|pr|sha)$/;

describe.each(dashboards.map((dashboard) => ({ name: dashboard.uid, dashboard })))(
  '$name',
  ({ dashboard }) => {
    const all = [...nodes(dashboard)];

    it('has only panels that show values as text or as marks', () => {
      // Not `text`, which renders Markdown and HTML, nor any that loads something from elsewhere.
      const allowed = [
        'bargauge',
        'gauge',
        'stat',
        'state-timeline',
        'table',
        'timeseries',
        'barchart',
        'row',
      ];
      expect(panelsOf(dashboard).filter(({ type }) => !allowed.includes(type))).toEqual([]);
    });

    it('has only cells that show text', () => {
      const cells = all.flatMap(({ path, key, value }) => {
        if (key === 'cellOptions') return [{ path, type: (value as { type: string }).type }];
        const property = value as { id?: unknown; value?: { type?: string } } | null;
        return property?.id === 'custom.cellOptions' ? [{ path, type: property.value?.type }] : [];
      });
      const plain = ['auto', 'color-background', 'color-text', 'gauge', 'sparkline'];
      expect(cells.filter(({ type }) => !plain.includes(type ?? ''))).toEqual([]);
    });

    it('switches no sanitizing off', () => {
      const found = all.filter(
        ({ key, value }) => /sanit|html|markdown/i.test(key) || value === 'markdown' || value === 'html',
      );
      expect(found.map(({ path }) => path)).toEqual([]);
    });

    it('puts into a link only what is encoded, harmless by its form, or a whole link', () => {
      const urls = all.flatMap(({ path, key, value }) =>
        key === 'url' && typeof value === 'string' ? [{ path, value }] : [],
      );
      expect(urls).not.toHaveLength(0);
      const loose = urls.flatMap(({ value }) => {
        if (wholeLink.test(value)) return [];
        const parts = [...value.matchAll(/\$\{([^}]+)\}|\$(\w+)/g)];
        return parts
          .map(([, braced, bare]) => braced ?? bare ?? '')
          .filter((part) => !part.endsWith(':percentencode') && !harmless.test(part) && !ownParts.test(part))
          .map((part) => `${part} in ${value}`);
      });
      expect(loose).toEqual([]);
      // A link leads to a page of ours, to GitHub, or is a whole one.
      expect(
        urls.filter(
          ({ value }) => !/^(\/d\/oot-|https:\/\/github\.com\/)/.test(value) && !wholeLink.test(value),
        ),
      ).toEqual([]);
    });
  },
);

it('has a form for every field that stands in a link as it is', () => {
  const hostile = [
    'a/b?x=1',
    'a/b#x',
    'a/b&x',
    'a/b"x',
    'a/b c',
    'a/../b',
    'javascript:alert(1)//x',
    'a/b%2e',
  ];
  for (const text of hostile) {
    expect([text, repository(text)]).toEqual([
      text,
      expect.objectContaining({ message: expect.any(String) as string }),
    ]);
    for (const field of ['upstream_repo', 'downstream_repo', 'pytorch_head_sha'] as const) {
      expect([field, text, itemSchema.shape[field].safeParse(text).success]).toEqual([field, text, false]);
    }
  }
});
