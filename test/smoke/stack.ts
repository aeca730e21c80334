import { deepStrictEqual, ok } from 'node:assert';
import { z } from 'zod';
import { allRules } from '../../dashboards/alerts/all';
import { committedInstance } from '../../dashboards/instance';
import type { Grafana } from '../../dashboards/push/client';
import { bringToFiring, type Ingest, type Subject } from './alert';
import { askPanels } from './panels';
import { rulesOf } from './rules';

/** A bundle that runs, with the demo in it, and how long its parts may take. */
export type Stack = {
  grafana: Grafana;
  ingest: Ingest;
  say: (line: string) => void;
  /** Between two looks at what takes time; milliseconds. */
  pollMs: number;
  timeoutsMs: {
    /** For the demo's three weeks to be loaded and copied. */
    data: number;
    /** For a rule to be evaluated the first time. */
    evaluated: number;
    /** From the callbacks to the alert. */
    firing: number;
  };
};

/**
 * Asks a real Grafana, with everything behind it, whether it shows and says what it should: health, data source, the
 * query of every panel of every provisioned dashboard, all rules, and one alert that callbacks bring to firing. Throws
 * what does not hold. The callbacks stay: for a stack that is thrown away.
 */
export async function smokeStack(stack: Stack, subject: Subject): Promise<void> {
  const { grafana, say } = stack;
  const step = (text: string) => say(`--- ${text}`);

  step('health');
  const { version } = await healthOf(grafana);
  await expectDatasource(grafana);
  say(`Grafana ${version} is well, and reaches ClickHouse`);

  step('what is provisioned');
  const dashboards = await provisionedDashboards(grafana);
  const provisioned = await rulesOf(grafana);
  deepStrictEqual(
    provisioned.map(({ name }) => name).toSorted(),
    allRules()
      .map(({ name }) => name)
      .toSorted(),
    'the alert rules are not those of the bundle',
  );
  say(`${dashboards.length} dashboards, ${provisioned.length} alert rules`);

  // The rule waits some minutes; the panels are asked meanwhile.
  const expectAlert = await bringToFiring(stack, subject);
  await askPanels(stack, dashboards);
  step('the alert');
  await expectAlert();

  step('the rules');
  const rules = await rulesOf(grafana);
  const failed = rules.filter(({ health }) => health === 'error');
  deepStrictEqual(
    failed.map(({ name, lastError }) => `${name}: ${lastError}`),
    [],
    'alert rules can not be evaluated',
  );
  const evaluated = rules.filter(({ isEvaluated }) => isEvaluated).length;
  say(`${evaluated} of ${rules.length} alert rules were evaluated, none with an error`);
}

const healthSchema = z.object({ database: z.string(), version: z.string().default('(of unknown version)') });

async function healthOf(grafana: Grafana) {
  const health = healthSchema.parse(await grafana.get('api/health'));
  deepStrictEqual(health.database, 'ok', "Grafana's database is not well");
  return health;
}

/** The plugin is there, and ClickHouse takes its user. A refusal throws, with what the plugin said. */
async function expectDatasource(grafana: Grafana): Promise<void> {
  const { uid } = committedInstance.datasource;
  const answer = await grafana.get(`api/datasources/uid/${uid}/health`);
  ok(answer !== null, `the data source ${uid} is not there`);
  deepStrictEqual(z.object({ status: z.string() }).parse(answer).status, 'OK');
}

const dashboardSchema = z.object({
  dashboard: z.looseObject({ uid: z.string(), title: z.string() }),
  meta: z.object({ provisioned: z.boolean() }),
});

/** As Grafana has them, which is what people get. */
async function provisionedDashboards(grafana: Grafana) {
  return Promise.all(
    Object.values(committedInstance.dashboards).map(async ({ uid }) => {
      const found = await grafana.get(`api/dashboards/uid/${uid}`);
      ok(found !== null, `the dashboard ${uid} is not there`);
      const { dashboard, meta } = dashboardSchema.parse(found);
      ok(meta.provisioned, `the dashboard ${uid} does not come from a file`);
      return dashboard;
    }),
  );
}
