import { MappingType, type ValueMapping } from '@grafana/grafana-foundation-sdk/dashboard';
import { onTimeline } from '../fields';
import { linkTo } from '../links';
import {
  backendStates,
  stateCode,
  stateRule,
  stateTimelineSql,
  type BackendState,
} from '../queries/backend-states';
import { stateColors } from '../state-colors';
import { stateTimelinePanel } from './base';

const mapping = (keyOf: (state: BackendState) => string): ValueMapping[] => [
  {
    type: MappingType.ValueToText,
    options: Object.fromEntries(
      backendStates.map((state, index) => [keyOf(state), { text: state, color: stateColors[state], index }]),
    ),
  },
];

/** Word and colour of a state that a query gives as a word. */
export const stateWords = mapping((state) => state);

export const backendStateTimeline = () =>
  stateTimelinePanel(
    {
      title: 'State of each backend',
      description: `The state each backend was in, by hour (by day over more than 8 days), judged by today's knowledge of each job's outcome. ${stateRule()} Overdue and running are known of the end of the range only.`,
      noData: 'no backend registered',
    },
    stateTimelineSql(),
    'backend',
  )
    .mappings(onTimeline(mapping((state) => String(stateCode(state)))))
    .dataLinks([
      linkTo('backend', 'Open ${__field.labels.backend}', { backend: '${__field.labels.backend}' }),
    ]);
