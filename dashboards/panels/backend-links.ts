import type * as cog from '@grafana/grafana-foundation-sdk/cog';
import {
  DashboardLinkBuilder,
  type DashboardLink,
  type DynamicConfigValue,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { linkOut } from '../links';

/** Links of a column's cells, for `overrideByName`. */
export const cellLinks = (...links: cog.Builder<DashboardLink>[]): DynamicConfigValue => ({
  id: 'links',
  value: links.map((link) => {
    const { title, url, targetBlank } = link.build();
    return { title, url, ...(targetBlank && { targetBlank }) };
  }),
});

/** A URL from a column, as it is: Grafana would encode its percent signs once more. Without a URL there is no link. */
export const linkToColumn = (title: string, column: string) => linkOut(title, ofColumn(column));

/** The same to a page of this Grafana. */
export const linkWithin = (title: string, column: string) =>
  new DashboardLinkBuilder(title).url(ofColumn(column));

const ofColumn = (column: string): string => `\${__data.fields["${column}"]:raw}`;
