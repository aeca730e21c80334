import { badgeMessage, renderBadge } from '../../api/badge';
import { lengthOfRangeMs } from '../../api/backend-state';
import { config } from '../../dashboards/config';
import { stateColors } from '../../dashboards/state-colors';
import { backendStates } from '../../dashboards/queries/backend-states';

const colorOf = (svg: string) =>
  [...svg.matchAll(/<rect [^>]*fill="(#[0-9a-f]{3,6})"/g)].map(([, color]) => color)[1];

describe('a badge', () => {
  it.each(backendStates)('has a colour and a text for %s', (state) => {
    const svg = renderBadge('OOT CI', { state, successRate: 0.97349 });
    expect(svg).toContain(`aria-label="OOT CI: ${state} 97.3 %"`);
    expect(colorOf(svg)).toMatch(/^#[0-9a-f]{6}$/);
  });

  it('has other colours for what is bad, for what is well and for what is unknown', () => {
    const color = (state: (typeof backendStates)[number] | null) =>
      colorOf(renderBadge('x', { state, successRate: null }));
    const distinct = ['broken', 'failing', 'silent', 'overdue', 'unstable', 'running', 'healthy'] as const;
    expect(new Set(distinct.map(color)).size).toBe(distinct.length);
    expect([color('no data'), color(null)]).toEqual(['#9f9f9f', '#9f9f9f']);
    // A colour of its own in the config is taken as it is.
    expect(color('too few jobs')).toBe(stateColors['too few jobs']);
  });

  it.each([
    [{ state: 'healthy', successRate: 1 }, 'healthy 100.0 %'],
    [{ state: 'broken', successRate: 0 }, 'broken 0.0 %'],
    [{ state: 'no data', successRate: null }, 'no data'],
    [{ state: null, successRate: null }, 'unknown'],
    [{ state: null, successRate: 0.5 }, 'unknown'],
    ['unavailable', 'unavailable'],
  ] as const)('says of %j: %s', (shown, message) => {
    expect(badgeMessage(shown)).toBe(message);
  });

  it('is SVG whatever its label is', () => {
    const svg = renderBadge('"><script>alert(1)</script>&<', { state: 'healthy', successRate: null });
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    expect(svg).toContain('&lt;script&gt;');
    expect(svg).not.toMatch(/<script|on\w+=|href/);
  });
});

it('reads the range of the dashboards, and no other form of it', () => {
  expect(lengthOfRangeMs(config.time)).toBe(7 * 86_400_000);
  expect(() => lengthOfRangeMs({ from: 'now-7d/d', to: 'now' })).toThrow('now-7d/d');
  expect(() => lengthOfRangeMs({ from: 'now-7d', to: 'now/d' })).toThrow('now/d');
});
