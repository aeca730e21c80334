import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const root = join(__dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

const skipped = new Set(['node_modules', '.git', '.data', 'cdk.out', 'coverage']);
const markdownIn = (directory: string): string[] =>
  readdirSync(join(root, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (skipped.has(entry.name)) return [];
    return entry.isDirectory() ? markdownIn(path) : path.endsWith('.md') ? [path] : [];
  });
const documents = markdownIn('.');

/** Without what stands in code. */
const prose = (text: string): string => text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, 'code');

/** As GitHub makes them of headings. */
const anchorsOf = (text: string): string[] => {
  const seen = new Map<string, number>();
  const headings = text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#{1,6} (.+)$/gm);
  return [...headings].map(([, heading = '']) => {
    const anchor = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
    const times = seen.get(anchor) ?? 0;
    seen.set(anchor, times + 1);
    return times === 0 ? anchor : `${anchor}-${times}`;
  });
};

const links = documents.flatMap((document) =>
  [...prose(read(document)).matchAll(/!?\[[^\]]*\]\(([^)\s]+)\)/g)].map(([, target = '']) => ({
    document,
    target,
  })),
);
const ownLinks = links.filter(({ target }) => !/^[a-z]+:/.test(target));

describe('links of the documents', () => {
  it('are looked for in all of them', () => {
    expect(documents).toEqual(
      expect.arrayContaining([
        'README.md',
        'CONTRIBUTING.md',
        'docs/operations.md',
        'docs/decisions/README.md',
        'dashboards/README.md',
      ]),
    );
    expect(ownLinks.length).toBeGreaterThan(25);
  });

  it.each(ownLinks)('$document: $target is there', ({ document, target }) => {
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? document : join(dirname(document), path);
    expect(relative(root, join(root, file))).not.toMatch(/^\.\./);
    expect(existsSync(join(root, file))).toBe(true);
    if (anchor === undefined) return;
    expect(statSync(join(root, file)).isFile()).toBe(true);
    expect(anchorsOf(read(file))).toContain(decodeURIComponent(anchor));
  });

  it('go out over TLS', () => {
    expect(links.filter(({ target }) => target.startsWith('http:'))).toEqual([]);
  });
});

describe('anchors', () => {
  it('are those of GitHub', () => {
    const text = "# A `code` & it's [link](x)\n```\n# no heading\n```\n## Two\n## Two\n";
    expect(anchorsOf(text)).toEqual(['a-code--its-link', 'two', 'two-1']);
  });
});

describe('docs/decisions', () => {
  const files = readdirSync(join(root, 'docs/decisions')).filter((file) => file !== 'README.md');

  it('are numbered without a gap, short, and of one form', () => {
    expect(files.map((file) => Number(/^(\d{4})-[a-z0-9-]+\.md$/.exec(file)?.[1]))).toEqual(
      files.map((_, at) => at + 1),
    );
    for (const file of files) {
      const text = read(`docs/decisions/${file}`);
      expect([file, text.split('\n').length <= 25]).toEqual([file, true]);
      expect(text).toMatch(new RegExp(`^# ${Number(file.slice(0, 4))}\\. `));
      expect([...text.matchAll(/^\*\*(.+?)\.\*\*/gm)].map(([, part]) => part)).toEqual([
        'Context',
        'Decision',
        'Why',
        'What it costs',
      ]);
    }
  });

  it('are all in their list, by their titles', () => {
    const list = read('docs/decisions/README.md');
    const listed = [...list.matchAll(/^- \[(.+)\]\((.+)\)$/gm)].map(([, title, file]) => [file, title]);
    const titles = files.map((file) => [file, /^# (.+)$/m.exec(read(`docs/decisions/${file}`))?.[1]]);
    expect(listed).toEqual(titles);
  });
});

describe('docs/architecture.svg', () => {
  const svg = read('docs/architecture.svg');
  const pathsIn = [...svg.matchAll(/class="path"[^>]*>([^<]+)</g)].map(([, path = '']) => path);

  it('has a title and a description, and dark colours', () => {
    expect(svg).toMatch(/role="img" aria-labelledby="title desc"/);
    expect(svg).toMatch(/<title id="title">[^<]+<\/title>\s*<desc id="desc">[^<]{200,}<\/desc>/);
    const [light = '', dark = ''] = svg.split('@media (prefers-color-scheme: dark)');
    const coloured = [...light.matchAll(/^ +(\.[\w-]+) \{.*#[0-9a-f]{6}/gm)].map(([, name]) => name);
    expect(coloured.length).toBeGreaterThan(5);
    expect(coloured.filter((name) => !dark.includes(`${name} {`))).toEqual([]);
  });

  it('asks nothing of the network and runs nothing', () => {
    expect(svg).not.toMatch(/<script|href=|url\((?!#)|\son\w+=/);
  });

  it('names rooms that are there', () => {
    expect(pathsIn).toEqual(['ingest/', 'replicator/', 'clickhouse/migrations/', 'api/', 'dashboards/']);
    expect(pathsIn.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});
