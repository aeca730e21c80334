import { config } from '../../dashboards/config';
import { generatedFiles } from '../../dashboards/generated-files';
import { committedInstance } from '../../dashboards/instance';
import { durationMs, type AlertRule } from '../../dashboards/alerts/rule';
import { allRuleGroups } from '../../dashboards/alerts/all';
import { trackRule, type TrackedInstance } from '../../dashboards/alerts/states';
import { renderAnnotations, type Evaluation } from '../../dashboards/alerts/evaluate';
import type { Answer, GrafanaImitation } from './grafana-api';

/*
 * More of the imitation: what a Grafana whose files are provisioned answers to the smoke test, since none can run in a
 * test of ours. It proves no more than that our side keeps to what was read in the sources; `npm run test:smoke` asks
 * a real one. Below `pkg/` of github.com/grafana/grafana:
 *
 * - api/ds_query.go: 200, and 400 as soon as one query has an error; `results` by refId, each with frames or an error.
 * - api/datasources.go (checkDatasourceHealth): status and message of the plugin; 400 unless the status is OK.
 * - services/ngalert/api/prometheus: groups with the folder's title as `file`, rules with health and lastError, and
 *   every instance of a rule with its labels and state, also those that are well; a rule that has not been evaluated
 *   is `ok`, its lastEvaluation is in the year 1.
 * - github.com/grafana/alerting, notify/alerts.go: what is in alert now, with the receivers that its route names.
 * - Labels of an alert: those of its row, those of its rule, alertname, grafana_folder.
 */
export type StackImitation = {
  /** Columns and rows of a query in which the backend's macros still stand. Throws what ClickHouse says. */
  ask: (rawSql: string, range: { fromMs: number; toMs: number; intervalMs: number }) => Promise<unknown[][]>;
  /** What a rule's queries say at a moment. */
  evaluate: (rule: AlertRule, atMs: number) => Promise<Evaluation>;
  /** By name: what Grafana says of a rule that it can't evaluate. */
  brokenRules?: Record<string, string>;
};

type Tracked = {
  rule: AlertRule;
  track: (evaluation: Evaluation) => TrackedInstance[];
  now: TrackedInstance[];
};

/**
 * Makes the imitation one that has all of the committed files and a ClickHouse behind its data source. Its ruler goes
 * by a clock of its own: each time somebody asks for rules or alerts, a minute has passed.
 */
export function imitateStack(
  grafana: GrafanaImitation,
  { ask, evaluate, brokenRules = {} }: StackImitation,
): void {
  const { folder, rulesFolder, datasource, receiver } = committedInstance;
  grafana.state.folders.set(folder.uid, { title: folder.title });
  grafana.state.datasources.set(datasource.uid, { type: config.datasource.type });
  for (const { path, text } of generatedFiles()) {
    if (!path.startsWith('generated/')) continue;
    const model = JSON.parse(text) as { uid: string };
    grafana.state.dashboards.set(model.uid, {
      model,
      folderUid: folder.uid,
      provisioned: true,
      messages: [],
    });
  }

  const tracked: Tracked[] = allRuleGroups().flatMap(({ rules }) =>
    rules.map((rule) => ({ rule, track: trackRule(rule), now: [] })),
  );
  let minutes = 0;
  async function evaluateAll(): Promise<void> {
    const atMs = Date.now() + minutes++ * durationMs('1m');
    for (const one of tracked) {
      if (one.rule.name in brokenRules) continue;
      // The state goes by the clock of the imitation, what the queries see by the real one: no callback is old.
      const { instances } = await evaluate(one.rule, Date.now());
      one.now = one.track({ atMs, instances });
    }
  }
  const labelsOf = ({ name, severity }: AlertRule, own: Record<string, string>) => ({
    ...own,
    ...(severity !== undefined && { severity }),
    alertname: name,
    grafana_folder: rulesFolder.title,
  });

  Object.assign(grafana.more, {
    'GET api/health': () => ({ status: 200, body: { database: 'ok', version: '12.2.1' } }),
    [`GET api/datasources/uid/${datasource.uid}/health`]: () => ({
      status: 200,
      body: { status: 'OK', message: 'Data source is working' },
    }),
    'POST api/ds/query': async ({ from, to, queries }: QueryBody): Promise<Answer> => {
      const results = await Promise.all(
        queries.map(async ({ refId, rawSql, intervalMs, datasource: { uid } }) => {
          const range = { fromMs: Number(from), toMs: Number(to), intervalMs };
          if (uid !== datasource.uid)
            return [refId, { status: 404, error: 'data source not found' }] as const;
          return await ask(rawSql, range).then(
            (values) => [refId, { status: 200, frames: [{ schema: {}, data: { values } }] }] as const,
            (error: unknown) =>
              [refId, { status: 400, error: (error as Error).message, frames: [] }] as const,
          );
        }),
      );
      const isRefused = results.some(([, result]) => 'error' in result);
      return { status: isRefused ? 400 : 200, body: { results: Object.fromEntries<object>(results) } };
    },
    'GET api/prometheus/grafana/api/v1/rules': async (): Promise<Answer> => {
      await evaluateAll();
      const rules = tracked.map(({ rule, now }) => ({
        name: rule.name,
        health: rule.name in brokenRules ? 'error' : 'ok',
        lastEvaluation: new Date().toISOString(),
        ...(rule.name in brokenRules && { lastError: brokenRules[rule.name] }),
        alerts: now.map(({ labels, state }) => ({ labels: labelsOf(rule, labels), state })),
      }));
      const others = [{ name: 'SomebodyElses', health: 'error', lastEvaluation: '0001-01-01T00:00:00Z' }];
      return {
        status: 200,
        body: {
          status: 'success',
          data: {
            groups: [
              { name: 'theirs', file: 'Their folder', rules: others },
              { name: 'ours', file: rulesFolder.title, rules },
            ],
          },
        },
      };
    },
    'GET api/alertmanager/grafana/api/v2/alerts': async (): Promise<Answer> => {
      await evaluateAll();
      const alerts = tracked.flatMap(({ rule, now }) =>
        now
          .filter(({ state }) => state === 'Alerting' || state === 'Recovering')
          .map((instance) => ({
            labels: labelsOf(rule, instance.labels),
            annotations: renderAnnotations(rule, instance),
            receivers: [{ name: receiver.name }],
            status: { state: 'active', inhibitedBy: [], silencedBy: [] },
          })),
      );
      return { status: 200, body: alerts };
    },
  });
}

type QueryBody = {
  from: string;
  to: string;
  queries: { refId: string; rawSql: string; intervalMs: number; datasource: { uid: string } }[];
};
