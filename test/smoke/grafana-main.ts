import { connectionFrom, removeConfigSchema } from '../../dashboards/push/config';
import { readConfig } from '../../runtime/env';
import { smokeGrafana } from './grafana';

/*
 * npm run test:grafana: --push and --remove against the Grafana of GRAFANA_URL (11.6 to 13) with GRAFANA_TOKEN, or with
 * GRAFANA_USER and GRAFANA_PASSWORD. Makes two instances of its own, and two data sources that lead nowhere.
 */
smokeGrafana(
  connectionFrom(readConfig(removeConfigSchema, process.env)),
  // A prefix has at most 14 characters.
  (Date.now() % 36 ** 5).toString(36).padStart(5, '0'),
  (line) => void process.stdout.write(`${line}\n`),
).then(
  () => process.stdout.write('Everything holds\n'),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = 1;
  },
);
