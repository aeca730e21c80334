import type { ContactPointKind } from '../alerts/notifications';
import type { Instance } from '../instance';
import { GrafanaApiError, printable, type Grafana } from './client';
import { find } from './found';
import { planPush } from './plan-push';
import { planRemoval } from './plan-removal';
import type { Plan, Step } from './steps';
import { wantedOf } from './wanted';

/** Something is in the way that is not ours. `message` names each; nothing was changed. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';
  readonly code = 'CONFLICT';
}

/** `isDryRun`: says what it would do. `say` gets a line for each thing. */
export type PushOptions = { isDryRun: boolean; say: (line: string) => void };

/**
 * Makes a Grafana hold exactly this instance: folder, dashboards, rules, and what rules name. Reads everything first,
 * and changes nothing where something of others is in the way ({@link ConflictError}). Throws {@link GrafanaApiError}.
 */
export async function push(
  grafana: Grafana,
  instance: Instance,
  { kind, to }: { kind: ContactPointKind; to: string },
  options: PushOptions,
): Promise<Plan> {
  const wanted = wantedOf(instance, kind, to);
  const uids = wanted.dashboards.map(({ uid }) => uid);
  const found = await find(grafana, instance, uids);
  if (found.datasource === 'hidden')
    options.say(`note: may not look whether the data source ${instance.datasource.uid} is there`);
  return await carryOut(grafana, planPush(wanted, found, instance), options);
}

/** Takes exactly this instance out of a Grafana. Throws {@link GrafanaApiError}. */
export async function remove(grafana: Grafana, instance: Instance, options: PushOptions): Promise<Plan> {
  const found = await find(grafana, instance, []);
  return await carryOut(grafana, planRemoval(found, instance), options);
}

async function carryOut(grafana: Grafana, plan: Plan, { isDryRun, say }: PushOptions): Promise<Plan> {
  for (const { kind, name, why } of plan.kept) say(line('kept', kind, name, why));
  if (plan.conflicts.length > 0)
    throw new ConflictError(
      ['Nothing was changed: something is in the way', ...plan.conflicts.map(printable)].join('\n  '),
    );
  const changes = plan.steps.filter(({ action }) => action !== 'same').length;
  let done = 0;
  for (const step of plan.steps) {
    if (step.request && !isDryRun) {
      await grafana.send(step.request).catch((error: unknown) => {
        if (!(error instanceof GrafanaApiError)) throw error;
        const { message, status } = error;
        throw new GrafanaApiError(
          `${message}\n${done} of ${changes} changes were made; the same command again goes on from there`,
          status,
          { cause: error },
        );
      });
    }
    if (step.action !== 'same') done++;
    say(line(words[step.action], step.kind, step.name, step.note));
  }
  say(summaryOf(plan, isDryRun));
  return plan;
}

const words = { create: 'create', update: 'update', delete: 'delete', same: 'same' } as const;

const line = (word: string, kind: string, name: string, note?: string): string =>
  `${word.padEnd(7)} ${kind.padEnd(14)} ${printable(name)}${note === undefined ? '' : `: ${printable(note)}`}`;

function summaryOf({ steps, kept }: Plan, isDryRun: boolean): string {
  const count = (wanted: Step['action']) => steps.filter(({ action }) => action === wanted).length;
  return (
    `${isDryRun ? 'would be: ' : ''}${count('create')} created, ${count('update')} updated, ` +
    `${count('delete')} deleted, ${count('same')} unchanged, ${kept.length} of others kept`
  );
}
