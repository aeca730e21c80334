import type * as cog from '@grafana/grafana-foundation-sdk/cog';
import type { DashboardLink, DynamicConfigValue } from '@grafana/grafana-foundation-sdk/dashboard';
import { linkOut } from '../links';

/** Links of a column's cells, for `overrideByName`. */
export const cellLinks = (...links: cog.Builder<DashboardLink>[]): DynamicConfigValue => ({
  id: 'links',
  value: links.map((link) => {
    const { title, url, targetBlank } = link.build();
    return { title, url, ...(targetBlank && { targetBlank }) };
  }),
});

/** A URL from a column, as it is: Grafana would encode its percent signs once more. */
export const linkToColumn = (title: string, column: string) =>
  linkOut(title, `\${__data.fields["${column}"]:raw}`);
