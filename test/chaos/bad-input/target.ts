import { completed, type WireCallback } from '../../helpers/callbacks';

/** Its own secret, so that finding it in an output means that it leaked. */
export const token = 'chaos-relay-token-1c0ffee5eed';
export const resultsPath = '/api/crcr/results';

/** Items that are there before the first bad request, and that no refused one may change. */
export const victims = 200;

const identity = { name: 'chaos-ci', job_name: 'test (cpu, 1, 2)' };

/** The callback that made a victim. */
export const victimCallback = (index: number): WireCallback =>
  completed({ workflow: { ...identity, check_run_id: `victim-${index}` } });

/** A callback that would change that item if it got in: another outcome, other tests. */
export const callbackAgainst = (checkRunId: string): WireCallback =>
  completed({
    workflow: {
      ...identity,
      check_run_id: checkRunId,
      conclusion: 'failure',
      completed_at: '2026-11-20T11:11:11.111111Z',
      test_results: { passed: 1, failed: 2, skipped: 3 },
      failed_tests: [{ name: 'test_bad_input', message: 'from a refused callback' }],
      environment: { from: 'a refused callback' },
    },
  });

/** Headers of an ordinary callback. */
export const relayHeaders = (over: Record<string, string> = {}): Record<string, string> => ({
  'content-type': 'application/json',
  'x-hud-internal-bot': token,
  ...over,
});

/** The head of a request as text, for a connection of its own. */
export function head(
  headers: Record<string, string | number>,
  { method = 'POST', path = resultsPath, version = '1.1' } = {},
): string {
  const lines = Object.entries({ host: 'ingest', ...headers }).map(([name, value]) => `${name}: ${value}`);
  return `${method} ${path} HTTP/${version}\r\n${lines.join('\r\n')}\r\n\r\n`;
}

/** A whole request as text, with the length that its body has. */
export const wholeRequest = (body: string, headers: Record<string, string> = relayHeaders()): string =>
  head({ ...headers, 'content-length': Buffer.byteLength(body) }) + body;
