import { z } from 'zod';
import { config } from '../../dashboards/config';
import { committedInstance } from '../../dashboards/instance';
import type { Grafana } from '../../dashboards/push/client';
import { backends } from '../../local/demo/backends';
import { sleep } from '../../runtime/retry';
import {
  annotationQueries,
  interpolateQuery,
  panelsOf,
  variablesOf,
  type DashboardJson,
  type Target,
} from '../helpers/grafana';
import { chooseVariables, type Choice, type Chosen } from '../helpers/grafana-variables';
import type { Stack } from './stack';

/** Panels that are empty on the demo although nothing is wrong, `uid: title`, with the reason. Keep it short. */
export const mayBeEmpty: Record<string, string> = {
  'oot-pipeline: Put into quarantine, by reason': 'nothing of the demo is bad',
  'oot-pipeline: In quarantine, newest first': 'nothing of the demo is bad',
  'oot-backend: Nothing as expected since':
    'at some hours the newest job of the broken backend happens to have succeeded',
};

const dayMs = 86_400_000;
/** What Grafana makes of the default time range on a wide screen. */
const rangeMs = 7 * dayMs;
const intervalMs = 600_000;
const maxDataPoints = 1_000;

/** A page opens with the first; the others are for panels that are empty on it, such as one of a backend that is well. */
const choices: Choice[] = ['default', 'all', 'several', 'one'];

type Question = { name: string; target: Target; needsData: boolean };

const answerSchema = z.object({
  results: z.record(
    z.string(),
    z.object({
      error: z.string().optional(),
      frames: z.array(z.object({ data: z.object({ values: z.array(z.array(z.unknown())) }) })).default([]),
    }),
  ),
});

/**
 * Asks the query of every panel and annotation as the front end sends it, with every variable as a page opens. An
 * error is final; a panel without data is asked again until the demo is loaded. Throws with all that fail, by name.
 */
export async function askPanels(stack: Stack, dashboards: DashboardJson[]): Promise<void> {
  const { grafana, say, pollMs, timeoutsMs } = stack;
  const deadlineMs = Date.now() + timeoutsMs.data;
  let waiting = dashboards.map((dashboard) => ({ dashboard, questions: questionsOf(dashboard) }));
  const total = waiting.reduce((sum, { questions }) => sum + questions.length, 0);
  say(`--- ${total} queries of panels and annotations`);
  for (;;) {
    const failed: string[] = [];
    for (const one of waiting) one.questions = await askPage(grafana, one.dashboard, one.questions, failed);
    if (failed.length > 0) throw new Error(`${failed.length} queries fail:\n${failed.join('\n')}`);
    waiting = waiting.filter(({ questions }) => questions.length > 0);
    if (waiting.length === 0) break;
    const empty = waiting.flatMap(({ questions }) => questions.map(({ name }) => name));
    if (Date.now() >= deadlineMs)
      throw new Error(
        `panels without data after ${Math.round(timeoutsMs.data / 1_000)} s:\n${empty.join('\n')}`,
      );
    say(`${empty.length} without data yet, among them ${empty[0]}`);
    await sleep(pollMs);
  }
  say(`${total} queries answered, and what should have data has some`);
}

function questionsOf(dashboard: DashboardJson): Question[] {
  const panels = panelsOf(dashboard).flatMap(({ title = '', targets = [] }) => {
    const name = `${dashboard.uid}: ${title}`;
    return targets.map((target) => ({ name, target, needsData: !(name in mayBeEmpty) }));
  });
  const annotations = annotationQueries(dashboard).map(({ name, target }) => ({
    name: `${dashboard.uid}: annotation ${name}`,
    target,
    needsData: false,
  }));
  return [...panels, ...annotations];
}

/** Those that have no data yet. What is refused goes to `failed`. */
async function askPage(
  grafana: Grafana,
  dashboard: DashboardJson,
  questions: Question[],
  failed: string[],
): Promise<Question[]> {
  const ofOne = variablesOf(dashboard).filter(({ includeAll }) => includeAll !== true);
  let waiting = questions;
  // Then each commit, PR or backend that is offered: which of them has a failed test depends on the hour.
  let offered = 0;
  for (let tried = 0; waiting.length > 0 && tried < choices.length + offered; tried++) {
    const choice = choices[tried] ?? tried - choices.length;
    const toMs = Date.now();
    const range = { fromMs: toMs - rangeMs, toMs, intervalMs };
    const ask = (target: Target, chosen: Chosen) =>
      query(grafana, target, interpolateQuery(target.rawSql ?? '', { ...range, ...chosen }), range);
    const chosen = await chooseVariables(dashboard, choice, {
      offered: async (rawSql, others) =>
        ((await ask({ refId: 'variable', format: 1, queryType: 'table', rawSql }, others))[0] ?? []).map(
          String,
        ),
      fullest: backends.find(({ fate }) => fate === 'broken')?.repo,
    });
    offered = Math.max(0, ...ofOne.map(({ name }) => chosen.allOptions[name]?.length ?? 0));
    // All at once, as a browser does.
    const answered = await Promise.all(
      waiting.map(async (question) => {
        const columns = await ask(question.target, chosen).catch((error: unknown) => {
          failed.push(`${question.name}: ${(error as Error).message}`);
          return null;
        });
        const hasData = (columns?.[0] ?? []).length > 0;
        return columns === null || hasData || !question.needsData ? [] : [question];
      }),
    );
    waiting = answered.flat();
  }
  return waiting;
}

/** The columns of the answer. Throws what Grafana or ClickHouse says. */
async function query(
  grafana: Grafana,
  target: Target,
  rawSql: string,
  { fromMs, toMs }: { fromMs: number; toMs: number },
): Promise<unknown[][]> {
  const { refId = 'A' } = target;
  // The dashboard's variable `datasource`, which the front end has filled in by then.
  const datasource = { type: config.datasource.type, uid: committedInstance.datasource.uid };
  const queries = [
    { ...target, refId, rawSql, datasource, meta: { timezone: 'UTC' }, intervalMs, maxDataPoints },
  ];
  const answer = answerSchema.parse(
    await grafana.send({
      method: 'POST',
      path: 'api/ds/query',
      body: { from: String(fromMs), to: String(toMs), queries },
    }),
  );
  const result = answer.results[refId];
  if (!result) throw new Error(`no answer to ${refId}`);
  if (result.error !== undefined) throw new Error(result.error);
  return result.frames.flatMap(({ data }) => data.values);
}
