import {
  MappingType,
  type DynamicConfigValue,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { config } from '../config';
import { field, linkOut, linkTo } from '../links';
import { cellLinks, ownUrl } from './cell-links';
import { displayName, unknownGrey, width } from './base';

/** Colours a text by the first pattern that it matches whole. */
export const textColors = (...rules: [pattern: string, color: string][]): ValueMapping[] => [
  ...rules.map(([pattern, color], index) => ({
    type: MappingType.RegexToText as const,
    options: { pattern, result: { color, index } },
  })),
  unknownGrey,
];

/** Empty where there is no link, else a word to click on. The column holds the URL. */
export const urlCell = (header: string, word: string): DynamicConfigValue[] => [
  displayName(header),
  width(Math.max(70, header.length * 9 + 16)),
  {
    id: 'mappings',
    value: [{ type: MappingType.RegexToText, options: { pattern: '.+', result: { text: word, index: 0 } } }],
  },
  cellLinks(linkOut(`Open the ${word}`, ownUrl)),
];

/** A backend's name, with a link to its dashboard. */
export const backendCell: DynamicConfigValue[] = [
  displayName('Backend'),
  width(250),
  cellLinks(linkTo('backend', 'Show the backend', { backend: field('backend') })),
];

/** When something happened, as time ago. */
export const agoCell = (header: string): DynamicConfigValue[] => [
  displayName(header),
  width(125),
  { id: 'unit', value: 'dateTimeFromNow' },
];

/** The text in the colour that its words have. */
export const coloredText = (...rules: [pattern: string, color: string][]): DynamicConfigValue[] => [
  { id: 'mappings', value: textColors(...rules) },
  { id: 'custom.cellOptions', value: { type: 'color-text' } },
];

/** A number that is red from 1 on. */
export const badCountCell = (header: string): DynamicConfigValue[] => [
  displayName(header),
  width(80),
  {
    id: 'thresholds',
    value: {
      mode: 'absolute',
      steps: [
        { value: null, color: config.colors.none },
        { value: 1, color: config.colors.failure },
      ],
    },
  },
  { id: 'color', value: { mode: 'thresholds' } },
  { id: 'custom.cellOptions', value: { type: 'color-text' } },
];

/** A number, narrow. */
export const countCell = (header: string): DynamicConfigValue[] => [displayName(header), width(80)];

/** Seconds as a duration. */
export const secondsCell = (header: string): DynamicConfigValue[] => [
  displayName(header),
  width(105),
  { id: 'unit', value: 's' },
  { id: 'decimals', value: 1 },
];
