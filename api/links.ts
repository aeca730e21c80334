import { config } from '../dashboards/config';

const maxLength = 2_048;

/**
 * The link, encoded so that it means the same wherever it stands (Markdown, HTML, JSON); null where it is empty, is not
 * https, names a user, or is too long. Backends send links, and a link that isn't https may be `javascript:`.
 */
export function httpsLink(link: string): string | null {
  if (!URL.canParse(link)) return null;
  const { protocol, username, password, href } = new URL(link);
  if (protocol !== 'https:' || username !== '' || password !== '') return null;
  const encoded = href.replace(/[^\w\-.~:/?#@!$&*+,;=%]/gu, strictlyEncoded);
  return encoded.length <= maxLength ? encoded : null;
}

const strictlyEncoded = (char: string): string =>
  encodeURIComponent(char.toWellFormed()).replace(
    /[!'()*]/g,
    (left) => `%${left.charCodeAt(0).toString(16).toUpperCase()}`,
  );

type Pr = { upstream: string; pr: number; sha: string };

/** The dashboard of the PR, with the commit chosen; null where nobody said where Grafana is. */
export function dashboardLink(grafanaUrl: string | undefined, { upstream, pr, sha }: Pr): string | null {
  if (grafanaUrl === undefined) return null;
  const variables = { 'var-upstream': upstream, 'var-pr': String(pr), 'var-sha': sha };
  return `${grafanaUrl.replace(/\/+$/, '')}/d/${config.dashboards.pr.uid}?${new URLSearchParams(variables).toString()}`;
}

export const pullRequestLink = ({ upstream, pr }: Pr): string => `${config.github}/${upstream}/pull/${pr}`;
