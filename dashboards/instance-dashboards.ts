import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { allDashboards } from './all';
import { config } from './config';
import type { Instance } from './instance';

const uids = Object.values(config.dashboards).map(({ uid }) => uid);
/** `/d/oot-pr` in a link, `d/oot-pr` behind Grafana's own address. */
const link = new RegExp(`(?<![\\w-])d/(${uids.join('|')})(?![\\w-])`, 'g');

/**
 * Every dashboard of an instance: its own uids, title and tag, links that stay within it, and its data source chosen.
 * Done to what is built, so that a panel need not know of it; those of the committed files are as they were built.
 */
export const dashboardsOf = (instance: Instance): Dashboard[] =>
  allDashboards().map((dashboard) => {
    if (instance.prefix === '' && instance.datasource.isOwn) return dashboard;
    const own = mapTexts(dashboard, (text) =>
      text.replace(link, (_match, uid: string) => `d/${instance.uid(uid)}`),
    ) as Dashboard;
    return {
      ...own,
      uid: instance.uid(dashboard.uid ?? ''),
      title: instance.title(dashboard.title ?? ''),
      tags: [instance.tag],
      templating: {
        ...own.templating,
        list: (own.templating.list ?? []).map((variable) =>
          variable.name === 'datasource'
            ? {
                ...variable,
                current: { selected: true, text: instance.datasource.name, value: instance.datasource.uid },
              }
            : variable,
        ),
      },
    };
  });

function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((inner) => mapTexts(inner, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, mapTexts(inner, change)]));
}
