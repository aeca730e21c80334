import type * as cog from '@grafana/grafana-foundation-sdk/cog';
import {
  DashboardLinkBuilder,
  type DashboardLink,
  type DynamicConfigValue,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { field, linkOut, linkTo } from '../links';
import { displayName, width } from './base';

/** Links of a column's cells, for `overrideByName`. */
export const cellLinks = (...links: cog.Builder<DashboardLink>[]): DynamicConfigValue => ({
  id: 'links',
  value: links.map((link) => {
    const { title, url, targetBlank } = link.build();
    return { title, url, ...(targetBlank && { targetBlank }) };
  }),
});

/** A backend's name in the column `downstream_repo`, which leads to its dashboard. */
export const backendCell: DynamicConfigValue[] = [
  displayName('Backend'),
  width(250),
  cellLinks(linkTo('backend', 'Backend', { backend: field('downstream_repo') })),
];

/** The URL that a cell holds, as it is: Grafana would encode its percent signs once more. */
export const ownUrl = '${__value.raw:raw}';

/** A URL from another column. Without one there is no link (in Grafana 11.6 one to an empty page). */
export const linkToColumn = (title: string, column: string) => linkOut(title, ofColumn(column));

/** The same to a page of this Grafana. */
export const linkWithin = (title: string, column: string) =>
  new DashboardLinkBuilder(title).url(ofColumn(column));

const ofColumn = (column: string): string => `\${__data.fields["${column}"]:raw}`;
