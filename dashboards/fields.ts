import {
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  SpecialValueMatch,
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

/**
 * The colour of what is not known, which has no verdict: Grafana would give it that of the lowest step, mostly green.
 * The text stays that of `noValue`.
 */
export const unknownIn = (color: string): ValueMapping => ({
  type: MappingType.SpecialValue,
  options: { match: SpecialValueMatch.NullAndNan, result: { color } },
});

/** The same on a background: what stands for nothing known has the colour of text, and would be a bright block. */
export const onBackground = (mappings: readonly ValueMapping[], nothing = 'transparent'): ValueMapping[] =>
  mappings.map((mapping) =>
    mapping.type === MappingType.ValueToText
      ? {
          ...mapping,
          options: Object.fromEntries(
            Object.entries(mapping.options).map(([value, result]) => [
              value,
              result.color === config.colors.none ? { ...result, color: nothing } : result,
            ]),
          ),
        }
      : mapping,
  );

/** On a timeline, which makes colours less opaque, but those that say themselves how opaque they are. */
export const onTimeline = (mappings: readonly ValueMapping[]): ValueMapping[] =>
  onBackground(mappings, '#00000000');

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
