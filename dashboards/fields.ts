import {
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { config } from './config';
import { outcomeWords, states } from './states';

/** Each outcome's word and colour, the same on every panel. */
export const outcomeMappings: ValueMapping[] = [
  {
    type: MappingType.ValueToText,
    options: Object.fromEntries(
      states.map((state, index) => [
        state,
        { text: outcomeWords[state], color: config.colors[state], index },
      ]),
    ),
  },
];

/** Steps from a base colour upwards: `[null, 'red'], [0.8, 'orange']`. */
export function steps(...values: [value: number | null, color: string][]) {
  return new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps(values.map(([value, color]) => ({ value, color })));
}

/** Red, amber, green of a success rate from 0 to 1. */
export const successRateSteps = () =>
  steps(
    [null, config.colors.failure],
    [config.successRate.fair, config.warningColor],
    [config.successRate.good, config.colors.success],
  );

/** One colour, whatever the value. */
export const fixedColor = (color: string) =>
  new FieldColorBuilder().mode(FieldColorModeId.Fixed).fixedColor(color);

/** The colour of the threshold that a value has reached. */
export const thresholdColor = () => new FieldColorBuilder().mode(FieldColorModeId.Thresholds);

export { percent } from './settings';
