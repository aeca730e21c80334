import {
  BarGaugeDisplayMode,
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  GraphDrawStyle,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  StackingConfigBuilder,
  StackingMode,
  TableCellHeight,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
  SortOrder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  type DynamicConfigValue,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as StateTimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TimeSeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { seriesQuery, tableQuery, variableDatasource } from '../clickhouse-query';
import { config } from '../config';
import { onBackground, onTimeline, outcomeMappings, unknownIn } from '../fields';

/** What every panel says: its name, what exactly is counted, and what it means when nothing is there. */
export type PanelText = { title: string; description: string; noData: string };

/** What is not known is grey, on a number and on a coloured text. */
export const unknownGrey = unknownIn(config.colors.cancelled);

/** One number, large. The newest value of `rawSql`, with a sparkline where it is a time series. */
export function statPanel(text: PanelText, rawSql: string, kind: 'single' | 'sparkline' = 'single') {
  const query = kind === 'single' ? tableQuery(rawSql) : seriesQuery(rawSql);
  return new StatBuilder()
    .title(text.title)
    .description(text.description)
    .noValue(text.noData)
    .datasource(variableDatasource)
    .withTarget(query)
    .mappings([unknownGrey])
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).fields('').values(false))
    .graphMode(kind === 'single' ? BigValueGraphMode.None : BigValueGraphMode.Area)
    .colorMode(BigValueColorMode.Value)
    .textMode(BigValueTextMode.Auto);
}

/** Rows as they are, the whole height used. */
export const tablePanel = (text: PanelText, rawSql: string) =>
  new TableBuilder()
    .title(text.title)
    .description(text.description)
    .noValue(text.noData)
    // Else a cell without a value would show the text that is meant for a table without rows.
    .overrideByRegexp('/.*/', [empty('–')])
    .mappings([unknownGrey])
    .datasource(variableDatasource)
    .withTarget(tableQuery(rawSql))
    .cellHeight(TableCellHeight.Sm)
    .showHeader(true);

/** Lines over time, with their values in a table below. */
export const timeSeriesPanel = (text: PanelText, rawSql: string) =>
  new TimeSeriesBuilder()
    .title(text.title)
    .description(text.description)
    .noValue(text.noData)
    .datasource(variableDatasource)
    .withTarget(seriesQuery(rawSql))
    .lineWidth(2)
    .fillOpacity(5)
    .showPoints(VisibilityMode.Auto)
    .spanNulls(true)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs(['lastNotNull', 'mean', 'max']),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));

/** Stacked bars over time, for counts. */
export const barsPanel = (text: PanelText, rawSql: string) =>
  timeSeriesPanel(text, rawSql)
    .drawStyle(GraphDrawStyle.Bars)
    .fillOpacity(80)
    .lineWidth(0)
    .showPoints(VisibilityMode.Never)
    .stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'))
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Right)
        .showLegend(true)
        .calcs(['sum']),
    );

/**
 * One row a series, its state by colour over time. The query gives a time, the column `by` and a state. As a time
 * series a text would become a label and nothing be left to draw; so it gives rows, parted by `by` here.
 */
export const stateTimelinePanel = (text: PanelText, rawSql: string, by: string) =>
  new StateTimelineBuilder()
    .title(text.title)
    .description(text.description)
    .noValue(text.noData)
    .datasource(variableDatasource)
    .withTarget(tableQuery(rawSql))
    .withTransformation({
      id: 'partitionByValues',
      options: { fields: [by], keepFields: false, naming: { asLabels: true } },
    })
    .displayName(`\${__field.labels.${by}}`)
    .mappings(onTimeline(outcomeMappings))
    // Of a mode that goes by mappings: by thresholds, numbers would get the words of steps.
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.ContinuousGrYlRd))
    .showValue(VisibilityMode.Never)
    .mergeValues(true)
    .rowHeight(0.85)
    .fillOpacity(85)
    .lineWidth(0)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(false)
        .calcs([]),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Single).sort(SortOrder.None));

/** The lines of the thresholds, on a chart. */
export const dashedThresholds = () =>
  new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed);

/** Hours as a number: Grafana's own unit makes days of 24. */
export const hours = 'suffix: h';

/* Properties of a table's columns, for `overrideByName`. */

export const unit = (value: string): DynamicConfigValue => ({ id: 'unit', value });
export const decimals = (value: number): DynamicConfigValue => ({ id: 'decimals', value });
export const width = (value: number): DynamicConfigValue => ({ id: 'custom.width', value });
export const displayName = (value: string): DynamicConfigValue => ({ id: 'displayName', value });
export const hidden: DynamicConfigValue = { id: 'custom.hidden', value: true };

/** What stands in a cell without a value: Grafana would put the panel's text for "no data" there. */
export const empty = (text: string): DynamicConfigValue => ({ id: 'noValue', value: text });

/** Of the column of pull requests, where 0 is none. */
export const noPullRequest: DynamicConfigValue = {
  id: 'mappings',
  value: [{ type: MappingType.ValueToText, options: { '0': { text: '–', index: 0 } } }],
};

/** The cell in the colour of its word; without one it is as if it had no colour. */
export const wordCell = (mappings: ValueMapping[]): DynamicConfigValue[] => [
  { id: 'mappings', value: [...onBackground(mappings), unknownIn('transparent')] },
  { id: 'custom.cellOptions', value: { type: 'color-background', mode: 'basic' } },
  { id: 'custom.align', value: 'center' },
];

/** The cell in the colour of its outcome. */
export const outcomeCell = wordCell(outcomeMappings);

/** The text in the colour of its outcome. */
export const outcomeText: DynamicConfigValue[] = [
  { id: 'mappings', value: [...outcomeMappings, unknownGrey] },
  { id: 'custom.cellOptions', value: { type: 'color-text' } },
];

/** A bar from `min` to `max` with the value beside it, in the colour of its threshold. */
export const gaugeCell = (min: number, max: number): DynamicConfigValue[] => [
  { id: 'min', value: min },
  { id: 'max', value: max },
  {
    id: 'custom.cellOptions',
    value: { type: 'gauge', mode: BarGaugeDisplayMode.Basic, valueDisplayMode: 'text' },
  },
];
