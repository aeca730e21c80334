import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { allDashboards } from './all';

export type GeneratedFile = { name: string; text: string };

/** Everything that is generated, in memory. The same code gives the same bytes. */
export const generatedFiles = (): GeneratedFile[] =>
  allDashboards().map((dashboard) => ({
    name: `${dashboard.uid ?? ''}.json`,
    text: `${JSON.stringify(sortKeys(dashboard), null, 2)}\n`,
  }));

/** Names of files that differ from what the code generates, are missing, or should not be there. */
export async function staleFiles(directory: string, files = generatedFiles()): Promise<string[]> {
  const present = await readdir(directory).catch(() => [] as string[]);
  const wanted = new Map(files.map(({ name, text }) => [name, text]));
  const stale = present.filter((name) => !wanted.has(name));
  for (const [name, text] of wanted) {
    const current = present.includes(name) ? await readFile(join(directory, name), 'utf8') : null;
    if (current !== text) stale.push(name);
  }
  return stale.sort();
}

/** Makes the directory hold exactly the generated files; returns what it changed. The only writer of it. */
export async function writeFiles(directory: string): Promise<string[]> {
  const files = generatedFiles();
  const stale = await staleFiles(directory, files);
  for (const name of stale) {
    const text = files.find((file) => file.name === name)?.text;
    if (text === undefined) await rm(join(directory, name));
    else await writeFile(join(directory, name), text);
  }
  return stale;
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined && typeof inner !== 'function')
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sortKeys(inner)]),
  );
}
