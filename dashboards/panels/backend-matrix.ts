import {
  FieldTextAlignment,
  TableCellBackgroundDisplayMode,
  TableCellDisplayMode,
} from '@grafana/grafana-foundation-sdk/common';
import {
  DashboardLinkBuilder,
  MappingType,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { config } from '../config';
import { onBackground, outcomeMappings } from '../fields';
import { linkOut } from '../links';
import { matrixCommits, matrixSql } from '../queries/backend-matrix';
import { displayName, tablePanel, width } from './base';
import { cellLinks, ownUrl } from './cell-links';

/** What the transformation calls the first column. */
const rowColumn = 'pull_request\\job';

/** A cell is a run's URL and, after `#`, its outcome: the outcome's word and colour. */
const linkedOutcomes: ValueMapping[] = onBackground(outcomeMappings).flatMap((mapping): ValueMapping[] =>
  mapping.type === MappingType.ValueToText
    ? Object.entries(mapping.options).map(([outcome, result]) => ({
        type: MappingType.RegexToText,
        options: { pattern: `/^.*#${outcome}$/`, result },
      }))
    : [],
);

/** What stands after the last `#` is for people: a pull request gets its number sign back. */
const rowLabels: ValueMapping[] = [
  {
    type: MappingType.RegexToText,
    options: { pattern: '/^.*#(\\d.*)$/', result: { text: '#$1', index: 0 } },
  },
  { type: MappingType.RegexToText, options: { pattern: '/^.*#(.*)$/', result: { text: '$1', index: 1 } } },
];

export const matrixPanel = () =>
  tablePanel(
    {
      title: 'Newest attempts by commit and job',
      description: `The newest ${matrixCommits} commits of the time range by when their first attempt was received, each with the newest attempt of every job. A click on a cell opens its run, on a commit all backends on it. A probe job that ended as its name announces is shown as a success. Follows the workflows, jobs, outcomes and event types chosen above; overdue: running for over ${config.overdueMinutes} min.`,
      noData: 'No job was received in this time range',
    },
    matrixSql(),
  )
    .withTransformation({
      id: 'groupingToMatrix',
      options: { columnField: 'job', rowField: 'pull_request', valueField: 'cell', emptyValue: 'empty' },
    })
    .mappings([...outcomeMappings, ...linkedOutcomes])
    .unit('string')
    .cellOptions({ type: TableCellDisplayMode.ColorBackground, mode: TableCellBackgroundDisplayMode.Basic })
    .align(FieldTextAlignment.Center)
    .dataLinks([linkOut('Run', ownUrl)])
    .overrideByName(rowColumn, [
      displayName('Commit'),
      width(190),
      { id: 'mappings', value: rowLabels },
      { id: 'custom.align', value: 'left' },
      { id: 'custom.cellOptions', value: { type: 'auto' } },
      cellLinks(new DashboardLinkBuilder('This commit').url(ownUrl)),
    ]);
