import type { Registry } from 'prom-client';

/**
 * The metrics as text, made anew at most once a second: that takes a millisecond of everybody's time, and whoever
 * asks needs no token.
 */
export function createMetricsReader(registry: Registry): () => Promise<string> {
  let made: { text: Promise<string>; untilMs: number } | undefined;
  return () => {
    if (!made || made.untilMs <= Date.now()) made = { text: registry.metrics(), untilMs: Date.now() + 1_000 };
    return made.text;
  };
}
