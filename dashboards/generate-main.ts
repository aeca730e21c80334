import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readConfig } from '../runtime/env';
import { exitWith } from '../runtime/shutdown';
import { allRules } from './alerts/all';
import { destinationVariables } from './alerts/notifications';
import { allDashboards } from './all';
import { generatedFiles, providerFiles, staleFiles, writeFiles } from './generated-files';
import { createGrafana } from './push/client';
import {
  connectionFrom,
  instanceConfigSchema,
  instanceFrom,
  pushConfigSchema,
  removeConfigSchema,
} from './push/config';
import { push, remove } from './push/push';

const usage = `usage: npm run dashboards [-- ONE OF]
  (nothing)             writes what is generated into dashboards/
  --check               says which of it is stale; exits 1
  --list                one line a dashboard or alert rule
  --out DIR             writes an instance's own files for Grafana's file provisioning
  --push [--dry-run]    makes the Grafana of GRAFANA_URL hold this instance, or says what it would do
  --remove --yes        takes the instance out of it; --remove --dry-run says what it would take
with --out, --push or --remove:
  --prefix NAME         of the instance, as GRAFANA_PREFIX: several can live in one Grafana
  --datasource UID      a data source that is there already, as GRAFANA_DATASOURCE_UID
`;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const flags = readFlags();
  const env = {
    ...process.env,
    ...(flags.prefix !== undefined && { GRAFANA_PREFIX: flags.prefix }),
    ...(flags.datasource !== undefined && { GRAFANA_DATASOURCE_UID: flags.datasource }),
  };
  const options = { isDryRun: flags['dry-run'] ?? false, say };
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
    const config = readConfig(pushConfigSchema, env);
    const kind = config.OOT_ALERTS_TO;
    const to = config[destinationVariables[kind]] ?? '';
    const { secrets, ...connection } = connectionFrom(config);
    const grafana = createGrafana({ ...connection, secrets: [...secrets, to] });
    await push(grafana, instanceFrom(config), { kind, to }, options);
  } else if (flags.remove) {
    const config = readConfig(removeConfigSchema, env);
    await remove(createGrafana(connectionFrom(config)), instanceFrom(config), options);
  } else if (flags.out !== undefined) {
    await writeInstance(resolve(flags.out), instanceFrom(readConfig(instanceConfigSchema, env)));
  } else {
    sayChanged(await writeFiles(__dirname), 'dashboards');
  }
}

/** Into a directory that may hold files of others, which stay. */
async function writeInstance(root: string, instance: ReturnType<typeof instanceFrom>): Promise<void> {
  const files = [...generatedFiles(instance), ...(await providerFiles(__dirname, instance))];
  const own = instance.uid('oot');
  const isOwn = (name: string) => name.startsWith(`${own}-`) || name.startsWith(`${own}.`);
  sayChanged(await writeFiles(root, files, isOwn), root);
}

function sayChanged(changed: string[], root: string): void {
  for (const name of changed) say(`wrote ${join(root, name)}`);
  if (changed.length === 0) say('Nothing changed');
}

function readFlags() {
  try {
    const { values } = parseArgs({
      options: {
        check: { type: 'boolean' },
        list: { type: 'boolean' },
        out: { type: 'string' },
        push: { type: 'boolean' },
        remove: { type: 'boolean' },
        'dry-run': { type: 'boolean' },
        yes: { type: 'boolean' },
        prefix: { type: 'string' },
        datasource: { type: 'string' },
      },
    });
    const modes = (['check', 'list', 'out', 'push', 'remove'] as const).filter(
      (name) => values[name] !== undefined,
    );
    if (modes.length > 1) throw new Error(`--${modes.join(' and --')} don't go together`);
    const [mode] = modes;
    const isInstance = mode === 'out' || mode === 'push' || mode === 'remove';
    for (const name of ['prefix', 'datasource'] as const) {
      if (values[name] === '') throw new Error(`--${name} is empty`);
      if (values[name] !== undefined && !isInstance)
        throw new Error(`--${name} needs --out, --push or --remove: what is committed has none`);
    }
    if (values.out === '') throw new Error('--out is empty');
    if (values.out !== undefined && resolve(values.out) === __dirname)
      throw new Error('--out has to be another directory than that of the committed files');
    if (values['dry-run'] && mode !== 'push' && mode !== 'remove')
      throw new Error('--dry-run needs --push or --remove');
    if (values.yes && mode !== 'remove') throw new Error('--yes needs --remove');
    if (mode === 'remove' && !values.yes && !values['dry-run'])
      throw new Error('--remove needs --yes; with --dry-run it says what it would remove');
    return values;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}

main().catch(exitWith);
