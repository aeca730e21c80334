import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { generatedFiles } from '../../dashboards/generated-files';
import { allDashboards } from '../../dashboards/all';
import { config } from '../../dashboards/config';
import { pushDashboards, PushError } from '../../dashboards/push';

type Received = { method: string; path: string; authorization: string; body: unknown };

/** A stand-in for Grafana's HTTP API; `status` by method and path, 200 unless said otherwise. */
let server: Server;
let url: string;
let received: Received[];
let statuses: Record<string, number>;

beforeEach(async () => {
  received = [];
  statuses = {};
  server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      const body: unknown = text === '' ? undefined : JSON.parse(text);
      received.push({ method, path, authorization: headers.authorization ?? '', body });
      response.statusCode = statuses[`${method} ${path}`] ?? 200;
      response.end(JSON.stringify({ message: 'why' }));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

const push = async (target = url) => {
  const pushed: string[] = [];
  await pushDashboards({ url: target, token: 'secret-token' }, allDashboards(), (title) =>
    pushed.push(title),
  );
  return pushed;
};

describe('pushDashboards', () => {
  it('makes the folder where it is missing, then replaces every dashboard in it', async () => {
    statuses['GET /api/folders/oot'] = 404;
    const titles = Object.values(config.dashboards).map(({ title }) => title);
    expect(await push()).toEqual(titles);
    expect(received.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /api/folders/oot',
      'POST /api/folders',
      ...titles.map(() => 'POST /api/dashboards/db'),
    ]);
    expect(received[1]?.body).toEqual(config.folder);
    expect(new Set(received.map(({ authorization }) => authorization))).toEqual(
      new Set(['Bearer secret-token']),
    );
  });

  it('sends what the files say, without an id of another Grafana', async () => {
    await push();
    const sent = received.slice(1).map(({ body }) => body as { dashboard: object });
    expect(sent.map(({ dashboard }) => dashboard)).toEqual(
      generatedFiles()
        .filter(({ path }) => path.startsWith('generated/'))
        .map(({ text }) => ({ ...(JSON.parse(text) as object), id: null })),
    );
    for (const body of sent) expect(body).toMatchObject({ folderUid: config.folder.uid, overwrite: true });
  });

  it.each(['/grafana', '/grafana/'])('finds a Grafana below %s', async (path) => {
    await push(`${url}${path}`);
    expect(received[0]?.path).toBe('/grafana/api/folders/oot');
  });

  it.each([
    ['the folder may not be read', 'GET /api/folders/oot', 403, 'folder OOT CI: 403 {"message":"why"}'],
    ['a dashboard is refused', 'POST /api/dashboards/db', 412, 'OOT backends: 412 {"message":"why"}'],
  ])('says what Grafana answered when %s, and stops', async (_name, call, status, message) => {
    statuses[call] = status;
    const failure = await push().catch((error: unknown) => error);
    expect(failure).toEqual(new PushError(message));
    expect(received.at(-1)).toMatchObject({ method: call.split(' ')[0], path: call.split(' ')[1] });
  });

  it('says where nobody answers, and not the token', async () => {
    const failure = await push('http://127.0.0.1:1').catch((error: unknown) => error as Error);
    expect(failure).toBeInstanceOf(PushError);
    expect((failure as Error).message).toMatch(/^http:\/\/127\.0\.0\.1:1 does not answer/);
    expect(JSON.stringify(failure)).not.toContain('secret-token');
  });
});
