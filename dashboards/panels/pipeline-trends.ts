import {
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  VisibilityMode,
} from '@grafana/grafana-foundation-sdk/common';
import { config } from '../config';
import { fixedColor, steps } from '../fields';
import {
  attemptsByBackend,
  attemptsByOutcome,
  delayOverTime,
  quarantineByReason,
  shownStates,
} from '../queries/pipeline';
import { barsPanel, displayName, timeSeriesPanel } from './base';

const { colors, pipeline } = config;

/** Callback to row over time. */
export const delayTrend = () =>
  timeSeriesPanel(
    {
      title: 'Callback to row',
      description:
        'From the write of an item by ingest to its row in ClickHouse, by when it was written. An attempt shows the delay of its last ' +
        `write only. Dashed: the target of ${pipeline.delayTargetSeconds} s. Copied rows (backfill) are left out: they say nothing.`,
      noData: 'Nothing came by the stream in the time range',
    },
    delayOverTime(),
  )
    .unit('s')
    .min(0)
    .showPoints(VisibilityMode.Auto)
    .axisSoftMax(pipeline.delayTargetSeconds)
    .thresholds(steps([null, colors.success], [pipeline.delayTargetSeconds, colors.failure]))
    .thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed))
    .overrideByName('p50', [displayName('Median')])
    .overrideByName('p99', [displayName('p99')]);

/** Attempts by outcome, a bar a day. */
export const outcomeBars = () => {
  const panel = barsPanel(
    {
      title: 'Attempts by outcome',
      description:
        'Attempts (check runs) first seen in the time range, by day (UTC) and by what is known of them now; re-runs are attempts of their own. ' +
        `Overdue: running for more than ${config.overdueMinutes} min.`,
      noData: 'No attempt was received in the time range',
    },
    attemptsByOutcome(),
  ).unit('short');
  for (const state of shownStates) {
    panel.overrideByName(state, [
      displayName(state.replace('_', ' ')),
      { id: 'color', value: fixedColor(colors[state]).build() },
    ]);
  }
  return panel;
};

/** Attempts by backend, a bar a day. */
export const backendBars = () =>
  barsPanel(
    {
      title: 'Attempts by backend',
      description:
        'Attempts (check runs) first seen in the time range, by day (UTC) and backend. A day without a bar is a day without a callback.',
      noData: 'No attempt was received in the time range',
    },
    attemptsByBackend(),
  )
    .unit('short')
    .displayName('${__field.labels.backend}');

/** What came to quarantine, by reason. */
export const quarantineBars = () =>
  barsPanel(
    {
      title: 'Put into quarantine, by reason',
      description:
        'Changes that could not become rows, by the hour in which they were put aside and by reason, replayed since or not. ' +
        'All backends: what is in quarantine may not say whose it is.',
      noData: 'Nothing was put into quarantine in the time range',
    },
    quarantineByReason(),
  )
    .unit('short')
    .displayName('${__field.labels.reason}');
