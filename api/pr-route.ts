import type { Request, RequestHandler, Response } from 'express';
import { refuse, refuseIssues, send } from './answers';
import type { Cache } from './cache';
import { dashboardLink, pullRequestLink } from './links';
import { renderMarkdown } from './markdown';
import type { ApiMetrics } from './metrics';
import { readPrResults, type PrLookup } from './pr-results';
import type { PrResults } from './pr-rows';
import type { StartReading } from './read';
import { readPrRequest, type PrRequest } from './requests';

type PrRouteDeps = {
  cache: Cache<PrLookup>;
  startReading: StartReading;
  metrics: ApiMetrics;
  isPublic: boolean;
  cacheSeconds: number;
  grafanaUrl: string | undefined;
  now: () => number;
};

/** Answers a PR's results as JSON or Markdown. */
export function createPrHandler(deps: PrRouteDeps): RequestHandler {
  return async (req, res) => {
    const asked = readPrRequest(req.params, req.query);
    if (!asked.ok) {
      refuseIssues(res, asked.issues);
      return;
    }
    const { owner, repo, number, sha } = asked.value;
    const upstream = `${owner}/${repo}`;
    const { value, loadedAtMs, origin } = await deps.cache.get(JSON.stringify([upstream, number, sha]), () =>
      readPrResults(deps.startReading(), { upstream, pr: Number(number), sha }),
    );
    deps.metrics.lookups.inc({ route: 'pr', origin });
    const refuseUnknown = (error: string, more = {}) =>
      refuse(res, { status: 404, reason: 'unknown', error, more });
    switch (value.kind) {
      case 'found':
        sendResults(deps, req, res, asked.value, value.results, loadedAtMs);
        return;
      case 'unknown_pr':
        refuseUnknown(`No backend has reported on ${upstream}#${number}`);
        return;
      case 'unknown_sha':
        refuseUnknown(`No backend has reported on this commit of ${upstream}#${number}`, {
          shas: value.shas,
        });
        return;
      case 'ambiguous_sha':
        refuseIssues(res, [{ path: 'sha', message: 'is the beginning of several commits: send more of it' }]);
    }
  };
}

function sendResults(
  { isPublic, cacheSeconds, grafanaUrl, now }: PrRouteDeps,
  req: Request,
  res: Response,
  { format }: PrRequest,
  results: PrResults,
  loadedAtMs: number,
): void {
  const dashboard = dashboardLink(grafanaUrl, results);
  const shared = { isPublic, maxAgeSeconds: cacheSeconds };
  res.set('Age', String(Math.max(0, Math.floor((now() - loadedAtMs) / 1_000))));
  if (format === 'markdown') {
    send(req, res, { ...shared, type: 'text/markdown', body: renderMarkdown(results, dashboard) });
    return;
  }
  const links = { pull_request: pullRequestLink(results), dashboard };
  const body = JSON.stringify({ ...results, links });
  const generatedAt = JSON.stringify(new Date(loadedAtMs).toISOString());
  const shown = `{"generated_at":${generatedAt},${body.slice(1)}`;
  send(req, res, { ...shared, type: 'application/json', body, shown });
}
