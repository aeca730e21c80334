import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { config } from './config';

/** Grafana refused something, or is not there. `message` says what and why. */
export class PushError extends Error {
  override readonly name = 'PushError';
  readonly code = 'PUSH';
}

/**
 * Sends the folder and the dashboards to a Grafana by its HTTP API, for those who can't put files there. What
 * is there under the same uid is replaced; nothing else is touched. Throws {@link PushError}.
 */
export async function pushDashboards(
  target: { url: string; token: string },
  dashboards: Dashboard[],
  onPushed: (title: string) => void,
): Promise<void> {
  const send = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(new URL(path, target.url.endsWith('/') ? target.url : `${target.url}/`), {
      method,
      headers: { authorization: `Bearer ${target.token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    }).catch((error: unknown) => {
      throw new PushError(`${target.url} does not answer: ${(error as Error).message}`);
    });
    return { status: response.status, text: await response.text() };
  };
  const { uid, title } = config.folder;
  const folder = await send('GET', `api/folders/${uid}`);
  if (folder.status === 404) {
    const made = await send('POST', 'api/folders', { uid, title });
    if (made.status !== 200)
      throw new PushError(`folder ${title}: ${made.status} ${made.text.slice(0, 300)}`);
  } else if (folder.status !== 200) {
    throw new PushError(`folder ${title}: ${folder.status} ${folder.text.slice(0, 300)}`);
  }
  for (const dashboard of dashboards) {
    const pushed = await send('POST', 'api/dashboards/db', {
      dashboard: { ...dashboard, id: null },
      folderUid: uid,
      overwrite: true,
      message: 'npm run dashboards -- --push',
    });
    if (pushed.status !== 200) {
      throw new PushError(`${dashboard.title ?? ''}: ${pushed.status} ${pushed.text.slice(0, 300)}`);
    }
    onPushed(dashboard.title ?? '');
  }
}
