import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { apiConfigSchema, apiLambdaConfigSchema } from '../../api/config';
import { accessConfigSchema } from '../../clickhouse/access/config';
import { pushConfigSchema } from '../../dashboards/push/config';
import { ingestConfigSchema, ingestLambdaConfigSchema } from '../../ingest/config';
import { localConfigSchema } from '../../local/config';
import { replicatorConfigSchema, replicatorLambdaConfigSchema } from '../../replicator/config';

const root = join(__dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const known = new Set(
  [
    ingestConfigSchema,
    ingestLambdaConfigSchema,
    replicatorConfigSchema,
    replicatorLambdaConfigSchema,
    apiConfigSchema,
    apiLambdaConfigSchema,
    localConfigSchema,
    pushConfigSchema,
    accessConfigSchema,
  ].flatMap((schema) => Object.keys(schema.shape)),
);

describe('.env.example', () => {
  const named = new Set([...read('.env.example').matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name));

  it('names every variable that a process reads, and no other', () => {
    expect([...named].sort()).toEqual([...known].sort());
  });
});

describe('README', () => {
  it('explains every variable that a process reads', () => {
    const table = read('README.md').split('## Configuration')[1]?.split('\n## ')[0] ?? '';
    // `CLICKHOUSE_USER`, `_PASSWORD` stands for two.
    const words = new Set<string>();
    for (const line of table.split('\n').filter((text) => text.startsWith('| `'))) {
      const names = [...(line.split('|')[1] ?? '').matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name ?? '');
      const prefix = names[0]?.replace(/_[A-Z]+$/, '') ?? '';
      for (const name of names) words.add(name.startsWith('_') ? `${prefix}${name}` : name);
    }
    expect([...known].filter((name) => !words.has(name))).toEqual([]);
  });

  it('explains every npm script', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const text = read('README.md');
    const unexplained = Object.keys(scripts).filter(
      (name) =>
        !['test:unit', 'format'].includes(name) &&
        !text.includes(name === 'start' || name === 'test' ? `npm ${name}` : `npm run ${name}`),
    );
    expect(unexplained).toEqual([]);
  });
});
