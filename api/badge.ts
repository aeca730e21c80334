import { makeBadge } from 'badge-maker';
import { stateColors } from '../dashboards/state-colors';
import type { BackendState } from './backend-state';

/** Grafana's names of colours, as its dark theme shows them; badges know no dark-red, and other reds. */
const colors: Record<string, string> = {
  green: '#73bf69',
  yellow: '#fade2a',
  orange: '#ff9830',
  red: '#f2495c',
  'dark-red': '#c4162a',
  blue: '#5794f2',
  purple: '#b877d9',
  'dark-purple': '#8f3bb8',
};
const grey = '#9f9f9f';

/** The badge's text: the state, and the success rate with one decimal, as the panels show them. */
export function badgeMessage(shown: BackendState | 'unavailable'): string {
  if (shown === 'unavailable') return 'unavailable';
  const { state, successRate } = shown;
  if (state === null) return 'unknown';
  return successRate === null ? state : `${state} ${(successRate * 100).toFixed(1)} %`;
}

/** A badge as SVG, in the colour that the state has on dashboards; grey where nothing is known. */
export function renderBadge(label: string, shown: BackendState | 'unavailable'): string {
  const state = shown === 'unavailable' ? null : shown.state;
  const named = state === null ? grey : stateColors[state];
  const color = named.startsWith('#') ? named : (colors[named] ?? grey);
  return makeBadge({ label, message: badgeMessage(shown), color });
}
