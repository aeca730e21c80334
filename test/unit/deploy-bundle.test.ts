import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleLambda, lambdaEntries, leftOut, type Bundle, type LambdaName } from '../../deploy/bundle';

const root = join(__dirname, '../..');
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, { dev?: boolean; devOptional?: boolean }>;
};

const folder = mkdtempSync(join(tmpdir(), 'oot-bundle-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** `node_modules/a/node_modules/b` of a file in it, as package-lock.json calls it; null for a file of ours. */
function packageOf(input: string): string | null {
  const path = /(?:node_modules\/(?:@[^/]+\/)?[^/]+\/)+/.exec(input.slice(input.indexOf('node_modules/')));
  return input.includes('node_modules/') ? (path?.[0].slice(0, -1) ?? null) : null;
}

describe.each(Object.keys(lambdaEntries) as LambdaName[])('the bundle of %s', (name) => {
  let bundle: Bundle;
  beforeAll(() => {
    bundle = bundleLambda(name, folder);
  });
  const inputs = () => Object.keys(bundle.metafile.inputs);

  it('has packages that npm installs without --dev, and no other', () => {
    const packages = [...new Set(inputs().map(packageOf))].filter((path) => path !== null);
    // Both use these, so an empty list can't pass.
    expect(packages).toEqual(expect.arrayContaining(['node_modules/zod', 'node_modules/pino']));
    const wrong = packages.filter((path) => {
      const locked = lock.packages[path];
      return locked === undefined || locked.dev === true || locked.devOptional === true;
    });
    expect(wrong).toEqual([]);
  });

  it('has nothing of rooms that it has no business in', () => {
    const rooms = new Set(
      inputs()
        .filter((input) => packageOf(input) === null)
        .map((input) => input.split('/')[0]),
    );
    const expected = {
      api: ['api', 'clickhouse', 'dashboards', 'runtime'],
      ingest: ['ingest', 'runtime'],
      replicator: ['clickhouse', 'ingest', 'replicator', 'runtime'],
    };
    expect([...rooms].sort()).toEqual(expected[name]);
    expect(
      inputs().filter(
        (input) => /migrat|embedded|backfill|poller/.test(input) && !input.includes('node_modules'),
      ),
    ).toEqual([]);
  });

  it('needs nothing beside it but Node', () => {
    const imports = Object.values(bundle.metafile.outputs).flatMap((output) => output.imports);
    const external = imports.filter((each) => each.external).map(({ path }) => path.replace(/^node:/, ''));
    expect(external.length).toBeGreaterThan(0);
    expect(external.filter((path) => !isBuiltin(path) && !leftOut.includes(path))).toEqual([]);
  });

  it('is the same bytes each time, so that what did not change is not deployed', () => {
    const hash = () => createHash('sha256').update(readFileSync(bundle.file)).digest('hex');
    const first = hash();
    bundle = bundleLambda(name, folder);
    expect(hash()).toBe(first);
    expect(readFileSync(bundle.file, 'utf8')).not.toContain(root);
  });

  it('is small: a cold start reads all of it', () => {
    // A badge is as wide as its letters, and of those there are 0.9 MB.
    expect(bundle.bytes).toBeLessThan(name === 'api' ? 3_400_000 : 2_500_000);
  });
});
