import type { ApiRequest } from './client';

export type Kind =
  'folder' | 'dashboard' | 'rule group' | 'rule' | 'template' | 'mute timing' | 'contact point';

/** One thing of ours, and what is done about it: nothing, without a request. */
export type Step = {
  action: 'create' | 'update' | 'delete' | 'same';
  kind: Kind;
  name: string;
  note?: string;
  request?: ApiRequest;
};

/** A thing that is not touched although it is near ours, and why. */
export type Kept = { kind: Kind; name: string; why: string };

/** What is to be done, in this order. With a conflict, nothing at all. */
export type Plan = { steps: Step[]; kept: Kept[]; conflicts: string[] };

export const noPlan = (): Plan => ({ steps: [], kept: [], conflicts: [] });

export const joinPlans = (plans: Plan[]): Plan => ({
  steps: plans.flatMap(({ steps }) => steps),
  kept: plans.flatMap(({ kept }) => kept),
  conflicts: plans.flatMap(({ conflicts }) => conflicts),
});

/** For a name or uid in a path of the API. */
export const inPath = encodeURIComponent;

/** Whose it is, in words, by Grafana's `provenance`. */
export const origin = (provenance: string): string =>
  ({ '': 'made in the UI', api: 'made through the API', file: 'provisioned from a file' })[provenance] ??
  `of the origin ${provenance}`;
