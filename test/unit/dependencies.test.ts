import { existsSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative } from 'node:path';

/* The image has what is in `dependencies`, and the rooms that the Dockerfile copies: nothing else may be imported. */

const root = join(__dirname, '../..');
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
};
const copied = [...readFileSync(join(root, 'Dockerfile'), 'utf8').matchAll(/^COPY (\w+) \w+$/gm)].map(
  ([, room]) => room,
);

/** Every file and package that a file needs to run; imports of types alone are gone by then. */
function needs(file: string, seen = new Set<string>()): { files: Set<string>; packages: Set<string> } {
  const packages = new Set<string>();
  const visit = (path: string) => {
    if (seen.has(path)) return;
    seen.add(path);
    const imports = readFileSync(path, 'utf8').matchAll(
      /^(?:import|export) (?!type )(?:[^'";]*? from )?'([^']+)';|\bimport\('([^']+)'\)|\brequire\('([^']+)'\)/gm,
    );
    for (const [, ...found] of imports as Iterable<(string | undefined)[]>) {
      const name = found.find((one) => one !== undefined) ?? '';
      if (name.startsWith('.')) {
        const target = join(dirname(path), name);
        visit([`${target}.ts`, target, join(target, 'index.ts')].find(existsSync) ?? `${target}.ts`);
      } else if (!name.startsWith('node:') && !builtinModules.includes(name)) {
        packages.add(/^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name);
      }
    }
  };
  visit(join(root, file));
  return { files: seen, packages };
}

it.each(['ingest/main.ts', 'replicator/main.ts', 'replicator/lambda-main.ts', 'api/main.ts'])(
  '%s runs where only dependencies are installed, from what the image has',
  (entry) => {
    const { files, packages } = needs(entry);
    expect([...packages].filter((name) => !(name in dependencies))).toEqual([]);
    expect(packages.size).toBeGreaterThan(2);
    const rooms = new Set([...files].map((path) => relative(root, path).split('/')[0]));
    expect([...rooms].filter((room) => !copied.includes(room))).toEqual([]);
  },
);
