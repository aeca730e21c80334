import type { Connection } from './config';

/** A request of Grafana's HTTP API: a path below its address, without a slash in front. */
export type ApiRequest = { method: 'GET' | 'POST' | 'PUT' | 'DELETE'; path: string; body?: unknown };

/** Grafana refused something, or is not there. `message` names the endpoint and what Grafana said. */
export class GrafanaApiError extends Error {
  override readonly name = 'GrafanaApiError';
  readonly code = 'GRAFANA_API';
  constructor(
    message: string,
    /** Null where there was no answer. */
    readonly status: number | null = null,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export type Grafana = {
  url: string;
  /** The answer, or null for 404. Throws {@link GrafanaApiError}. */
  get: (path: string) => Promise<unknown>;
  /** For changes; the answer. What is to be deleted and is gone already is fine. Throws {@link GrafanaApiError}. */
  send: (request: ApiRequest) => Promise<unknown>;
};

/**
 * Grafana's HTTP API. What is sent through it has the provenance `api`: nobody can edit it in the UI, where a change
 * would be lost at the next push (so `X-Disable-Provenance` is never sent).
 */
export function createGrafana({ url, authorization, secrets }: Connection, timeoutMs = 30_000): Grafana {
  const base = url.endsWith('/') ? url : `${url}/`;
  const hide = (text: string): string =>
    secrets.filter((secret) => secret !== '').reduce((done, secret) => done.replaceAll(secret, '***'), text);

  async function request({ method, path, body }: ApiRequest) {
    const response = await fetch(new URL(path, base), {
      method,
      headers: { authorization, accept: 'application/json', 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      // A redirect is a login page, or plain HTTP on its way to TLS: neither takes what is sent.
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { response, text: await response.text() };
  }

  async function call({ method, path, body }: ApiRequest) {
    const failed = (what: string, status: number | null, cause?: unknown) =>
      new GrafanaApiError(hide(`${method} /${path}: ${what}`), status, cause === undefined ? {} : { cause });
    const { response, text } = await request({ method, path, body }).catch((error: unknown) => {
      const { message, cause } = error as Error;
      throw failed(`${url} does not answer: ${cause instanceof Error ? cause.message : message}`, null);
    });
    if (response.status >= 300 && response.status < 400)
      throw failed(
        `${response.status}, sent on to ${response.headers.get('location') ?? 'nowhere'}: GRAFANA_URL has to be Grafana's own address`,
        response.status,
      );
    if (!response.ok)
      return {
        status: response.status,
        failure: failed(`${response.status} ${said(text)}`, response.status),
      };
    try {
      return { status: response.status, answer: text === '' ? null : (JSON.parse(text) as unknown) };
    } catch (error) {
      throw failed('the answer is no JSON. Is GRAFANA_URL that of a Grafana?', response.status, error);
    }
  }

  return {
    url,
    async get(path) {
      const { status, answer, failure } = await call({ method: 'GET', path });
      if (failure && status !== 404) throw failure;
      return failure ? null : answer;
    },
    async send(request) {
      const { status, answer, failure } = await call(request);
      if (failure && !(request.method === 'DELETE' && status === 404)) throw failure;
      return answer;
    },
  };
}

/** What Grafana says in an error, on one line. */
function said(text: string): string {
  let said = text;
  try {
    const { message, error } = JSON.parse(text) as { message?: unknown; error?: unknown };
    const parts = [message, error].filter((part) => typeof part === 'string' && part !== '');
    if (parts.length > 0) said = [...new Set(parts)].join(': ');
  } catch {
    // No JSON: a proxy's page, say.
  }
  return printable(said).slice(0, 300);
}

/** What others wrote, fit for a terminal. */
export const printable = (text: string): string => text.replace(/\p{Cc}+/gu, ' ').trim();
