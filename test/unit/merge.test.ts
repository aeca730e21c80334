import fc from 'fast-check';
import { mergeRecord, type StoredItem } from '../../ingest/merge';
import { completed, inProgress, swept, recordOf, type WireCallback } from '../helpers/callbacks';

function apply(item: StoredItem | undefined, input: WireCallback, nowMs = 1_800_000_000_000) {
  const changes = mergeRecord(item, recordOf(input), nowMs);
  const removed = new Set<string>(changes.remove);
  const next = Object.entries({ ...item, ...changes.set }).filter(([field]) => !removed.has(field));
  return { item: Object.fromEntries(next) as StoredItem, kind: changes.kind };
}

const fold = (inputs: WireCallback[]) =>
  inputs.reduce<StoredItem | undefined>((item, input) => apply(item, input).item, undefined);

/** Those of the completion. */
const artifacts = 'https://github.com/pytorch-labs/ascend-pytorch/actions/runs/16123456789/artifacts/7';

describe('mergeRecord', () => {
  const cast = {
    inProgress: inProgress(),
    inProgressWithoutPayload: inProgress({
      payload: { payload: null },
      workflow: { url: null, run_attempt: null },
    }),
    inProgressWithArtifacts: inProgress({ workflow: { artifact_url: artifacts } }),
    swept: swept(),
    completed: completed({ workflow: { conclusion: 'failure' } }),
    completedWithoutTests: completed({
      workflow: { conclusion: 'failure', test_results: null, artifact_url: null },
    }),
  };

  it('ends at the same item for any order and repetition of the callbacks', () => {
    const names = Object.keys(cast) as (keyof typeof cast)[];
    fc.assert(
      fc.property(
        fc.subarray(names, { minLength: 1 }).chain((chosen) =>
          fc
            .record({
              chosen: fc.constant(chosen),
              repeats: fc.array(fc.constantFrom(...chosen), { maxLength: 6 }),
            })
            .chain(({ chosen, repeats }) =>
              fc
                .shuffledSubarray([...chosen, ...repeats], { minLength: chosen.length + repeats.length })
                .map((order) => ({ chosen, order })),
            ),
        ),
        ({ chosen, order }) => {
          expect(fold(order.map((name) => cast[name]))).toEqual(fold(chosen.map((name) => cast[name])));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it.each<[string, (keyof typeof cast)[], string, Record<string, unknown>]>([
    ['a first callback', ['inProgress'], 'new', { status: 'in_progress', state: 'running' }],
    [
      'its completion',
      ['inProgress', 'completed'],
      'advanced',
      { conclusion: 'failure', started_at: '2026-11-20T10:00:00.123456Z', queue_time: 41.207 },
    ],
    [
      'a late start',
      ['completed', 'inProgress'],
      'filled',
      { status: 'completed', conclusion: 'failure', queue_time: 41.207 },
    ],
    ['a start again', ['inProgress', 'inProgress'], 'unchanged', { status: 'in_progress' }],
    [
      'an outcome after the sweeper',
      ['inProgress', 'swept', 'completed'],
      'advanced',
      { conclusion: 'failure', completed_at: '2026-11-20T10:30:22.654321Z', execution_time: 1822.5 },
    ],
    [
      'the sweeper after an outcome',
      ['completed', 'swept'],
      'filled',
      { conclusion: 'failure', completed_at: '2026-11-20T10:30:22.654321Z', execution_time: 1822.5 },
    ],
    ['tests that come later', ['completedWithoutTests', 'completed'], 'filled', { passed_tests: 4120 }],
    [
      'artifacts that only the start brought, through sweeper and completion',
      ['inProgressWithArtifacts', 'swept', 'completedWithoutTests'],
      'advanced',
      { conclusion: 'failure', artifact_url: artifacts },
    ],
    [
      'the same of a late start',
      ['completedWithoutTests', 'inProgressWithArtifacts'],
      'filled',
      { conclusion: 'failure', artifact_url: artifacts },
    ],
    [
      'a pull request that comes later',
      ['inProgressWithoutPayload', 'completed'],
      'advanced',
      { pr_number: 179565 },
    ],
  ])('takes %s', (_name, order, kind, expected) => {
    const inputs = order.map((name) => cast[name]);
    const last = apply(fold(inputs.slice(0, -1)), ...(inputs.slice(-1) as [WireCallback]));
    expect(last.kind).toBe(kind);
    expect(last.item).toMatchObject(expected);
  });

  it('keeps the first reported outcome, but fills in context from the second', () => {
    const first = fold([completed({ workflow: { conclusion: 'success', url: null } })]);
    const { kind, item } = apply(
      first,
      completed({ workflow: { conclusion: 'failure', test_results: { failed: 3 } } }),
    );
    expect({
      kind,
      conclusion: item.conclusion,
      failed: item.failed_tests,
      url: item.workflow_run_url,
    }).toEqual({
      kind: 'conflicting',
      conclusion: 'success',
      failed: 0,
      url: 'https://github.com/pytorch-labs/ascend-pytorch/actions/runs/16123456789',
    });
  });

  it("drops the sweeper's completion time when the outcome that follows has none", () => {
    const item = fold([swept(), completed({ workflow: { completed_at: null } })]);
    expect(item).not.toHaveProperty('completed_at');
  });

  it('sets received_at once, updated_at at each change, outcome_at with the outcome', () => {
    const a = apply(undefined, inProgress(), 1_000);
    const b = apply(a.item, completed(), 2_000);
    const c = apply(b.item, completed(), 3_000);
    expect([a, b, c].map(({ item }) => [item.received_at, item.updated_at, item.outcome_at])).toEqual([
      [1_000, 1_000, undefined],
      [1_000, 2_000, 2_000],
      [1_000, 2_000, 2_000],
    ]);
  });

  it("moves an item of HUD's own code on, keeping its place in time", () => {
    const hud = {
      dynamoKey: 'k',
      status: 'in_progress',
      conclusion: '',
      started_at: '2026-11-20T10:00:00.123456Z',
      pr_number: 0,
    };
    const { kind, item } = apply(hud, completed(), 1_800_000_000_000);
    expect(kind).toBe('advanced');
    expect(item).toMatchObject({
      state: 'reported',
      received_at: Date.parse('2026-11-20T10:00:00.123Z'),
      pr_number: 179565,
    });
  });
});
