import { deepStrictEqual, ok } from 'node:assert';
import { instanceOf } from '../../dashboards/instance';
import { createGrafana } from '../../dashboards/push/client';
import type { Connection } from '../../dashboards/push/config';
import { ConflictError, push, remove } from '../../dashboards/push/push';
import { config } from '../../dashboards/config';
import type { Plan } from '../../dashboards/push/steps';
import { pushedCount, removedCount } from '../helpers/bundle-size';

const destination = { kind: 'email', to: 'nobody@example.org' } as const;
const other = { kind: 'email', to: 'nobody-else@example.org' } as const;

/**
 * Asks a Grafana whether `--push` and `--remove` do what they say: two instances with prefixes of their own, pushed,
 * pushed again, changed, in conflict, removed. Touches nothing else, and takes everything away at its end, also when it
 * fails. `suffix` keeps two runs apart. Throws what does not hold.
 */
export async function smokeGrafana(
  connection: Connection,
  suffix: string,
  say: (line: string) => void,
  /** The search of newer versions is behind by some seconds. */
  settleMs = 5_000,
): Promise<void> {
  const grafana = createGrafana(connection);
  const names = [`smoke-a-${suffix}`, `smoke-b-${suffix}`];
  const [one, two] = names.map((prefix) => instanceOf({ prefix })) as [
    ReturnType<typeof instanceOf>,
    ReturnType<typeof instanceOf>,
  ];
  const options = { isDryRun: false, say };
  const step = (text: string) => say(`--- ${text}`);
  const settle = () => new Promise((resolve) => setTimeout(resolve, settleMs));
  const foreign = { uid: `${names[0]}-by-hand`, title: 'By hand', tags: [], panels: [] };
  const before = await policiesOf(grafana);
  try {
    for (const { datasource } of [one, two])
      await grafana.send({
        method: 'POST',
        path: 'api/datasources',
        body: { uid: datasource.uid, name: datasource.name, type: config.datasource.type, access: 'proxy' },
      });

    step('a dry run changes nothing');
    expectCounts(await push(grafana, one, destination, { isDryRun: true, say }), { create: pushedCount });
    deepStrictEqual(await grafana.get(`api/folders/${one.folder.uid}`), null);

    step('two instances, each from nothing');
    expectCounts(await push(grafana, one, destination, options), { create: pushedCount });
    expectCounts(await push(grafana, two, destination, options), { create: pushedCount });
    await settle();

    step('pushed again: all unchanged');
    expectCounts(await push(grafana, one, destination, options), { same: pushedCount });
    expectCounts(await push(grafana, two, destination, options), { same: pushedCount });

    step('another address: one change');
    expectCounts(await push(grafana, one, other, options), { update: 1, same: pushedCount - 1 });
    expectCounts(await push(grafana, one, other, options), { same: pushedCount });

    step('somebody saves a dashboard of ours, and puts one of theirs beside it');
    const { uid } = one.dashboards.pr;
    const saved = (await grafana.get(`api/dashboards/uid/${uid}`)) as { dashboard: object };
    await save(grafana, one.folder.uid, { ...saved.dashboard, title: 'Changed by hand' });
    await save(grafana, one.folder.uid, foreign);
    await settle();
    const repaired = await push(grafana, one, other, options);
    expectCounts(repaired, { update: 1, same: pushedCount - 1 });
    ok(
      repaired.kept.some(({ name }) => name.includes(foreign.uid)),
      'the dashboard of others is not named',
    );

    step('a rule that is not ours any more is in the way');
    const rule = `api/v1/provisioning/alert-rules/${one.uid('oot-quarantine')}`;
    const body = (await grafana.get(rule)) as { annotations: Record<string, string> };
    const { __oot_bundle__: _mark, ...annotations } = body.annotations;
    await grafana.send({ method: 'PUT', path: rule, body: { ...body, annotations } });
    await push(grafana, one, destination, options).then(
      () => ok(false, 'a rule of others was overwritten'),
      (error: unknown) => ok(error instanceof ConflictError, String(error)),
    );
    await grafana.send({ method: 'PUT', path: rule, body });

    step('removed: one leaves its folder to the dashboard of others, the other is gone');
    const removal = await remove(grafana, one, options);
    deepStrictEqual(
      removal.kept.map(({ kind }) => kind),
      ['dashboard', 'folder'],
    );
    expectCounts(await push(grafana, two, destination, options), { same: pushedCount });
    await grafana.send({ method: 'DELETE', path: `api/dashboards/uid/${foreign.uid}` });
    await settle();
    expectCounts(await remove(grafana, one, options), { delete: 1 });
    expectCounts(await remove(grafana, two, options), { delete: removedCount });
    deepStrictEqual(await grafana.get(`api/folders/${two.folder.uid}`), null);
    deepStrictEqual(await policiesOf(grafana), before, 'the notification policies are not as they were');
  } finally {
    step('cleaning up');
    // What fails here must not hide what failed before.
    const tidy = (work: Promise<unknown>) => work.catch((error: unknown) => say(String(error)));
    await tidy(grafana.send({ method: 'DELETE', path: `api/dashboards/uid/${foreign.uid}` }));
    for (const instance of [one, two]) {
      await tidy(remove(grafana, instance, options));
      const { uid } = instance.datasource;
      await tidy(grafana.send({ method: 'DELETE', path: `api/datasources/uid/${uid}` }));
    }
  }
}

const policiesOf = (grafana: ReturnType<typeof createGrafana>) => grafana.get('api/v1/provisioning/policies');

const save = (grafana: ReturnType<typeof createGrafana>, folderUid: string, dashboard: object) =>
  grafana.send({
    method: 'POST',
    path: 'api/dashboards/db',
    body: { dashboard, folderUid, overwrite: true, message: 'by hand' },
  });

function expectCounts({ steps }: Plan, expected: Partial<Record<string, number>>): void {
  const counts: Record<string, number> = {};
  for (const { action } of steps) counts[action] = (counts[action] ?? 0) + 1;
  deepStrictEqual(counts, expected);
}
