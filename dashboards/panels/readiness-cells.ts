import {
  MappingType,
  type DynamicConfigValue,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { config } from '../config';
import { steps } from '../fields';
import type { Verdict } from '../queries/readiness';
import type { Criterion } from '../queries/readiness-criteria';
import { displayName, empty, width, wordCell } from './base';

const { colors } = config;

export const verdictColors: Record<Verdict | 'pass' | 'fail', string> = {
  pass: colors.success,
  ready: colors.success,
  'holds level': colors.success,
  fail: colors.failure,
  'demotion signal': colors.failure,
  'not ready': config.warningColor,
  unknown: colors.neutral,
  'not registered': colors.neutral,
  'not a candidate': colors.neutral,
};

const verdictMappings: ValueMapping[] = [
  {
    type: MappingType.ValueToText,
    options: Object.fromEntries(
      Object.entries(verdictColors).map(([verdict, color], index) => [
        verdict,
        { text: verdict, color, index },
      ]),
    ),
  },
];

/** Days as a number: Grafana's own unit would make weeks of them. */
export const days = 'suffix: d';

/** A verdict in its colour. */
export const verdictCell = (name: string): DynamicConfigValue[] => [
  displayName(name),
  width(130),
  ...wordCell(verdictMappings),
];

/** Grafana's steps begin at their value, but a criterion with `>` fails at its limit. */
const justAbove = 1e-9;

/** Green where the criterion passes, red where it does not; by what holds for most backends. */
export const criterionSteps = ({ comparison, limit: { default: limit } }: Criterion) =>
  comparison === '<'
    ? steps([null, colors.success], [limit, colors.failure])
    : steps([null, colors.failure], [comparison === '>' ? limit + justAbove : limit, colors.success]);

const units: Record<Criterion['shown'], string> = {
  share: 'percentunit',
  minutes: 's',
  hours: 's',
  days,
};

export const criterionUnit = ({ shown }: Criterion): string => units[shown];

/** A criterion's value, in the colour of its verdict. */
export const criterionCell = (criterion: Criterion, name: string): DynamicConfigValue[] => [
  displayName(name),
  empty('unknown'),
  width(112),
  { id: 'unit', value: criterionUnit(criterion) },
  { id: 'decimals', value: criterion.shown === 'share' ? 2 : 1 },
  { id: 'thresholds', value: criterionSteps(criterion).build() },
  { id: 'custom.cellOptions', value: { type: 'color-text' } },
];
