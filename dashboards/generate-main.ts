import { parseArgs } from 'node:util';
import { z } from 'zod';
import { readConfig } from '../runtime/env';
import { exitWith } from '../runtime/shutdown';
import { allRules } from './alerts/all';
import { allDashboards } from './all';
import { staleFiles, writeFiles } from './generated-files';
import { pushDashboards } from './push';

const usage = 'usage: npm run dashboards [-- --check | --list | --push]\n';
const pushSchema = z.object({
  GRAFANA_URL: z.url({ protocol: /^https?$/, error: 'is required for --push: where Grafana is' }),
  GRAFANA_TOKEN: z.string({ error: 'is required for --push: a service account token that may edit' }),
});

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const flags = readFlags();
  if (flags.check) {
    const stale = await staleFiles(__dirname);
    for (const name of stale) say(`stale: dashboards/${name}`);
    say(stale.length > 0 ? 'Run npm run dashboards and commit the result' : 'Generated files are up to date');
    process.exitCode = stale.length > 0 ? 1 : 0;
  } else if (flags.list) {
    for (const { uid, title, panels = [] } of allDashboards()) {
      say(`${uid ?? ''}\t${title ?? ''}\t${panels.filter(({ type }) => type !== 'row').length} panels`);
    }
    for (const { uid, name, summary } of allRules()) say(`${uid}\t${name}\t${summary}`);
  } else if (flags.push) {
    const { GRAFANA_URL, GRAFANA_TOKEN } = readConfig(pushSchema, process.env);
    await pushDashboards({ url: GRAFANA_URL, token: GRAFANA_TOKEN }, allDashboards(), (title) =>
      say(`pushed ${title}`),
    );
  } else {
    const changed = await writeFiles(__dirname);
    for (const name of changed) say(`wrote dashboards/${name}`);
    if (changed.length === 0) say('Nothing changed');
  }
}

function readFlags() {
  try {
    const { values } = parseArgs({
      options: { check: { type: 'boolean' }, list: { type: 'boolean' }, push: { type: 'boolean' } },
    });
    return values;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}

main().catch(exitWith);
