import { BigValueColorMode, ReduceDataOptionsBuilder } from '@grafana/grafana-foundation-sdk/common';
import type { DashboardLinkBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { config } from '../config';
import { otherPrsHours, type Change } from '../queries/change';
import { statPanel, type PanelText } from './base';
import { textColors } from './pr-cells';

const { colors } = config;

/** How a backend's verdict comes about, for descriptions. */
export const verdictText =
  'A backend is failing when any counted job on the commit is not as expected; else it is running while a job runs ' +
  `(overdue after ${config.overdueMinutes} min); it has passed when all its counted jobs are as expected; where all its ` +
  'jobs were cancelled, skipped or neutral it is without a result. Each job by its newest attempt; only backends that ' +
  'reported on the commit.';

/** A sentence, large. The column's name is `column`, its one row the text. */
export const sentencePanel = (text: PanelText, rawSql: string, column: string) =>
  statPanel(text, rawSql)
    .reduceOptions(
      new ReduceDataOptionsBuilder().calcs(['lastNotNull']).fields(`/^${column}$/`).values(false),
    )
    .unit('string')
    .colorMode(BigValueColorMode.Value);

export const nothingReported = 'No backend has reported on this commit';

/** "5/8 backends passed, 1 failing, 2 running". */
export const backendsSentence = (
  text: Omit<PanelText, 'noData'>,
  rawSql: string,
  links: DashboardLinkBuilder[],
) =>
  sentencePanel({ ...text, noData: nothingReported }, rawSql, 'sentence')
    .mappings(
      textColors(
        ['.* failing.*', colors.failure],
        ['.* overdue.*', colors.overdue],
        ['.* running.*', colors.running],
        ['0/.*', colors.cancelled],
        ['.*', colors.success],
      ),
    )
    .dataLinks(links);

/** How many failing jobs fail on other PRs as well. */
export const elsewhereSentence = ({ otherPr }: Change, title: string, rawSql: string) =>
  sentencePanel(
    {
      title,
      description:
        `Of the commit's jobs that are not as expected: how many are also bad on ${otherPr}s of the same upstream repository, in the last ${otherPrsHours} h. ` +
        `The same job: same backend, workflow and job name. Each ${otherPr} counts by that whose run began last, of those with a counted result.`,
      noData: nothingReported,
    },
    rawSql,
    'elsewhere',
  ).mappings(
    textColors(
      ['nothing fails', colors.success],
      ['unknown.*', colors.cancelled],
      ['0 of .*', colors.failure],
      ['.*', config.warningColor],
    ),
  );
