import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/*
 * Imitations, since neither service has an engine that runs here. They speak as much of the documented protocol as our
 * calls use, over real HTTP to the real SDK; that AWS does the same, no test here can say.
 */

export type Imitation = { url: string; stop(): Promise<void> };

/** Secrets Manager: GetSecretValue of what is in `secrets`, which a test may change. `down`: it answers 500. */
export async function imitateSecretsManager(secrets: Map<string, string>) {
  const state = { down: false, reads: 0 };
  const imitation = await serve(async (req, res) => {
    const { SecretId } = JSON.parse(await text(req)) as { SecretId: string };
    state.reads++;
    const secret = secrets.get(SecretId);
    const [status, body] = state.down
      ? [500, { __type: 'InternalServiceError', message: 'down' }]
      : secret === undefined
        ? [400, { __type: 'ResourceNotFoundException', message: "can't find the specified secret" }]
        : [200, { Name: SecretId, SecretString: secret }];
    res.writeHead(status, { 'Content-Type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
  });
  return { ...imitation, state };
}

/** S3, one bucket, path style: ListObjectsV2 in pages of `pageSize`, GetObject, DeleteObject. */
export async function imitateS3(bucket: string, objects: Map<string, string>, pageSize: number) {
  const calls: string[] = [];
  const imitation = await serve((req, res) => {
    const url = new URL(req.url ?? '/', 'http://imitation');
    const [, name, ...rest] = url.pathname.split('/');
    const key = rest.map(decodeURIComponent).join('/');
    const error = (status: number, code: string) =>
      res
        .writeHead(status, { 'Content-Type': 'application/xml' })
        .end(`<Error><Code>${code}</Code><Message>${code} of the imitation</Message></Error>`);
    if (name !== bucket) error(404, 'NoSuchBucket');
    else if (req.method === 'GET' && url.searchParams.get('list-type') === '2') {
      const prefix = url.searchParams.get('prefix') ?? '';
      const after = Buffer.from(url.searchParams.get('continuation-token') ?? '', 'base64').toString();
      const keys = [...objects.keys()].filter((each) => each.startsWith(prefix) && each > after).sort();
      const page = keys.slice(0, pageSize);
      const token = Buffer.from(page.at(-1) ?? '').toString('base64');
      const more = keys.length > page.length;
      calls.push(`LIST ${page.length}`);
      res
        .writeHead(200, { 'Content-Type': 'application/xml' })
        .end(
          `<ListBucketResult><IsTruncated>${more}</IsTruncated>` +
            (more ? `<NextContinuationToken>${token}</NextContinuationToken>` : '') +
            `${page.map((each) => `<Contents><Key>${each}</Key></Contents>`).join('')}</ListBucketResult>`,
        );
    } else if (req.method === 'GET') {
      const body = objects.get(key);
      if (body === undefined) error(404, 'NoSuchKey');
      else res.writeHead(200).end(body);
    } else if (req.method === 'DELETE') {
      calls.push(`DELETE ${key}`);
      objects.delete(key);
      res.writeHead(204).end();
    } else error(501, 'NotImplemented');
    return Promise.resolve();
  });
  return { ...imitation, calls };
}

async function serve(
  answer: (req: IncomingMessage, res: ServerResponse) => Promise<unknown>,
): Promise<Imitation> {
  const server: Server = createServer((req, res) => {
    answer(req, res).catch((error: unknown) => res.writeHead(599).end(String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
