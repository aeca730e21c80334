import { DashboardLinkBuilder, DashboardLinkType } from '@grafana/grafana-foundation-sdk/dashboard';
import { config } from './config';

export type DashboardName = keyof typeof config.dashboards;

/** Their variables take one value, and Grafana would put `All` of another dashboard into them. */
const ofOneThing: readonly DashboardName[] = ['backend', 'pr', 'commit'];

/** A link in the head of a dashboard to each other one, keeping time range, data source and, where it can, variables. */
export const headLinks = (own: DashboardName) =>
  (Object.keys(config.dashboards) as DashboardName[])
    .filter((name) => name !== own)
    .map((name) => {
      // A commit's event may be a push, which the page of nightlies would show nothing of.
      const keepsVariables = !ofOneThing.includes(name) && own !== 'commit';
      return new DashboardLinkBuilder(config.dashboards[name].title)
        .type(DashboardLinkType.Link)
        .url(`/d/${config.dashboards[name].uid}${keepsVariables ? '' : '?var-datasource=${datasource}'}`)
        .icon('dashboard')
        .keepTime(true)
        .includeVars(keepsVariables);
    });

/**
 * A link from a value to a dashboard, keeping the time range. `variables` maps a variable of that dashboard to
 * where its value comes from, such as `${__data.fields["repo"]}`; without any, all variables are kept.
 */
export function linkTo(name: DashboardName, title: string, variables?: Record<string, string>) {
  const kept = variables
    ? Object.entries(variables)
        .map(([variable, value]) => `&var-${variable}=${encoded(value)}`)
        .join('')
    : '&${__all_variables}';
  return new DashboardLinkBuilder(title).url(
    `/d/${config.dashboards[name].uid}?\${__url_time_range}${kept}&var-datasource=\${datasource}`,
  );
}

/** A column's value as part of a URL: a job's name may hold `&`, `#` or `+`. */
const encoded = (value: string): string =>
  value.replace(/\$\{(__data\.fields\["[^"]+"\])\}/g, '${$1:percentencode}');

/** The value of a column in the row that was clicked. */
export const field = (column: string): string => `\${__data.fields["${column}"]}`;

/** A link that leaves Grafana. */
export const linkOut = (title: string, url: string) =>
  new DashboardLinkBuilder(title).url(url).targetBlank(true);
