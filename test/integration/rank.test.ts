import fc from 'fast-check';
import { computeRuns, findStale, rankAttempts, rankUnranked } from '../../clickhouse/rank';
import { dateTimeOfMs, tables, type WorkflowJobRow } from '../../clickhouse/tables';
import { createSink } from '../../replicator/sink';
import { startClickHouse, type TestClickHouse } from '../helpers/engines';
import { attempt, clearAttempts, insertAttempts, receivedMs } from '../helpers/rows';

/*
 * Which attempt is newest, and what a run comes to, is stored. Here it is compared with the views that define it, which
 * look at all attempts anew: oot_stale_ranges and oot_stale_runs are empty when both say the same.
 */

let clickHouse: TestClickHouse;
beforeAll(async () => {
  clickHouse = await startClickHouse();
});
afterAll(() => clickHouse.stop());
beforeEach(() => clearAttempts(clickHouse.client));

const hourMs = 3_600_000;
const received = (hours: number) => dateTimeOfMs(receivedMs + hours * hourMs);

const put = (...values: WorkflowJobRow[]) =>
  clickHouse.client.insert({ table: tables.workflowJob, values, format: 'JSONEachRow' });
const rank = async (...values: WorkflowJobRow[]) =>
  computeRuns(clickHouse.client, await rankAttempts(clickHouse.client, values));

type Ranges = Record<string, [after: string, until: string]>;
const ranges = async (): Promise<Ranges> => {
  const rows = await clickHouse.rows<{ dynamoKey: string; after: string; until: string }>(
    'SELECT dynamoKey, toString(newest_after) AS after, toString(newest_until) AS until FROM oot_attempts',
  );
  return Object.fromEntries(rows.map(({ dynamoKey, after, until }) => [dynamoKey, [after, until]]));
};
const ever = ['1900-01-01 00:00:00.000', '2262-01-01 00:00:00.000'] as const;
const [never, always] = ever;
const stale = () => findStale(clickHouse.client);
const nothing = { attempts: [], runs: [] };

describe('the ranges in which an attempt is its job newest', () => {
  it.each<[string, WorkflowJobRow[], Ranges]>([
    ['alone', [attempt({ dynamoKey: 'a' })], { a: [never, always] }],
    [
      'run again',
      [
        attempt({ dynamoKey: 'a', received_at: received(0) }),
        attempt({ dynamoKey: 'b', received_at: received(5), run_attempt: 2 }),
      ],
      { a: [never, received(5)], b: [never, always] },
    ],
    [
      'run again twice: hidden by the first that is newer',
      [
        attempt({ dynamoKey: 'a', received_at: received(0) }),
        attempt({ dynamoKey: 'b', received_at: received(5), run_attempt: 2 }),
        attempt({ dynamoKey: 'c', received_at: received(9), run_attempt: 3 }),
      ],
      { a: [never, received(5)], b: [never, received(9)], c: [never, always] },
    ],
    [
      'a first attempt that came after its re-run',
      [
        attempt({ dynamoKey: 'a', received_at: received(9) }),
        attempt({ dynamoKey: 'b', received_at: received(5), run_attempt: 2 }),
      ],
      { a: [received(5), always], b: [never, always] },
    ],
    [
      'between two that are newer',
      [
        attempt({ dynamoKey: 'a', received_at: received(5) }),
        attempt({ dynamoKey: 'b', received_at: received(2), run_attempt: 2 }),
        attempt({ dynamoKey: 'c', received_at: received(9), run_attempt: 2 }),
      ],
      { a: [received(2), received(9)], b: [never, received(9)], c: [never, always] },
    ],
    [
      'one whose re-run was deleted',
      [
        attempt({ dynamoKey: 'a', received_at: received(0) }),
        attempt({ dynamoKey: 'b', received_at: received(5), run_attempt: 2, revision: 1 }),
        attempt({ dynamoKey: 'b', received_at: received(5), run_attempt: 2, revision: 2, is_deleted: 1 }),
      ],
      { a: [never, always] },
    ],
  ])('are these of an attempt: %s', async (_case, rows, expected) => {
    // One by one, as they come, and the last first.
    for (const order of [rows, [...rows].reverse()]) {
      await clearAttempts(clickHouse.client);
      for (const row of order) await insertAttempts(clickHouse.client, [row]);
      expect(await ranges()).toEqual(expected);
    }
  });

  it('change with the job that an attempt belongs to: a later callback can name another commit', async () => {
    const [first, again] = [
      attempt({ dynamoKey: 'first', received_at: received(0) }),
      attempt({ dynamoKey: 'again', received_at: received(5), run_attempt: 2, revision: 1 }),
    ];
    await insertAttempts(clickHouse.client, [first, again]);
    expect(await ranges()).toEqual({ first: [never, received(5)], again: [never, always] });
    await insertAttempts(clickHouse.client, [{ ...again, revision: 2, pr_number: 8 }]);
    expect(await ranges()).toEqual({ first: [never, always], again: [never, always] });
  });

  it('survive what comes later of the same attempt', async () => {
    const first = attempt({ dynamoKey: 'first', received_at: received(0), revision: 1 });
    await insertAttempts(clickHouse.client, [
      first,
      attempt({ dynamoKey: 'again', received_at: received(5), run_attempt: 2 }),
    ]);
    await insertAttempts(clickHouse.client, [{ ...first, revision: 2, conclusion: 'failure' }]);
    // A copy of the table, which brings what is there already, and ranks nothing by itself.
    await put({ ...first, revision: 2, conclusion: 'failure' });
    expect(await ranges()).toEqual({ first: [never, received(5)], again: [never, always] });
  });

  it('leave everything else of an attempt as it was, when it came included', async () => {
    const first = attempt({ dynamoKey: 'first', received_at: received(0), environment: '{"torch":"2.9"}' });
    await put(first);
    const look = () =>
      clickHouse.rows(
        `SELECT * EXCEPT (newest_after, newest_until, ranking), job_id, run_key FROM oot_workflow_job FINAL WHERE dynamoKey = 'first'`,
      );
    const before = await look();
    await insertAttempts(clickHouse.client, [
      attempt({ dynamoKey: 'again', received_at: received(5), run_attempt: 2 }),
    ]);
    expect(await ranges()).toMatchObject({ first: [never, received(5)] });
    expect(await look()).toEqual(before);
  });

  it('are exact for a job with more attempts than are looked at, where they come in their order', async () => {
    const rows = Array.from({ length: 250 }, (_, n) =>
      attempt({
        dynamoKey: `k${String(n).padStart(3, '0')}`,
        received_at: received(n / 10),
        run_attempt: 1 + (n % 2 === 0 ? n : n - 1),
      }),
    );
    await insertAttempts(clickHouse.client, rows);
    const found = await ranges();
    rows.forEach(({ dynamoKey }, n) => {
      expect([dynamoKey, found[dynamoKey]]).toEqual([
        dynamoKey,
        [never, n === 249 ? always : rows[n + 1]!.received_at],
      ]);
    });
  });
});

describe('what was inserted by somebody who ranks nothing', () => {
  const rows = () => [
    attempt({ dynamoKey: 'first', received_at: received(0) }),
    attempt({ dynamoKey: 'again', received_at: received(5), run_attempt: 2 }),
  ];

  it('is what oot_stale_ranges and oot_stale_runs show', async () => {
    await put(...rows());
    const { attempts, runs } = await stale();
    expect(attempts).toEqual([
      {
        day: '2026-11-20',
        attempt: expect.stringMatching(/^\d+$/) as string,
        found_after: never,
        found_until: received(5),
      },
    ]);
    expect(runs).toHaveLength(1);
  });

  it('is ranked by the replicator when it settles, and by it alone', async () => {
    await put(...rows());
    expect(await rankUnranked(clickHouse.client, Date.now() + hourMs)).toEqual([]);
    expect((await stale()).attempts).toHaveLength(1);
    await createSink({ client: clickHouse.client, now: Date.now }).settle();
    expect(await stale()).toEqual(nothing);
    expect(await ranges()).toEqual({ first: [never, received(5)], again: [never, always] });
  });
});

describe('workflow runs', () => {
  const runs = () =>
    clickHouse.rows(
      'SELECT run_id, jobs, is_complete, toString(received_at) AS received_at FROM oot_workflow_run FINAL ORDER BY received_at, run_id',
    );

  it('are worked out for what a process before this one wrote and did not settle', async () => {
    const row = attempt({ run_id: '7' });
    await put({ ...row, ranking: 1 });
    await rankAttempts(clickHouse.client, [row]);
    expect(await runs()).toEqual([]);
    await createSink({ client: clickHouse.client, now: Date.now }).settle();
    expect(await runs()).toEqual([{ run_id: '7', jobs: 1, is_complete: 1, received_at: received(0) }]);
  });

  it('begin on another day when an attempt comes that was received on the day before', async () => {
    await insertAttempts(clickHouse.client, [attempt({ received_at: received(0) })], { withRuns: true });
    expect(await runs()).toMatchObject([{ jobs: 1, received_at: received(0) }]);
    await insertAttempts(clickHouse.client, [attempt({ received_at: received(-20), job_name: 'lint' })], {
      withRuns: true,
    });
    expect(await runs()).toMatchObject([{ jobs: 2, received_at: received(-20) }]);
  });

  it('are gone with their last attempt', async () => {
    const row = attempt({ revision: 1 });
    await insertAttempts(clickHouse.client, [row], { withRuns: true });
    await insertAttempts(clickHouse.client, [{ ...row, revision: 2, is_deleted: 1 }], { withRuns: true });
    expect(await runs()).toEqual([]);
    expect(await stale()).toEqual(nothing);
  });
});

describe('whatever is written, by however many at once', () => {
  const version = fc.record({
    pr_number: fc.constantFrom(7, 7, 7, 8),
    run_attempt: fc.integer({ min: 1, max: 3 }),
    run_id: fc.constantFrom('1', '1', '2', ''),
    status: fc.constantFrom('completed', 'completed', 'in_progress'),
    is_deleted: fc.constantFrom(0 as const, 0 as const, 0 as const, 1 as const),
  });
  const history = fc.array(
    fc.record({
      hour: fc.integer({ min: 0, max: 60 }),
      job_name: fc.constantFrom('a', 'a', 'b'),
      versions: fc.array(version, { minLength: 1, maxLength: 3 }),
      /** Which of three writers brings each version. */
      writers: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 3, maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 8 },
  );

  it('is stored as the views define it', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (drawn) => {
        await clearAttempts(clickHouse.client);
        const batches: WorkflowJobRow[][] = [[], [], []];
        drawn.forEach(({ hour, job_name, versions, writers }, n) =>
          versions.forEach((one, index) =>
            batches[writers[index]!]!.push(
              attempt({
                ...one,
                job_name,
                dynamoKey: `k${n}`,
                received_at: received(hour),
                revision: index + 1,
              }),
            ),
          ),
        );
        // Each writer inserts and ranks in two steps, and none waits for another.
        await Promise.all(
          batches.map(async (rows) => {
            const half = rows.length >> 1;
            for (const part of [rows.slice(0, half), rows.slice(half)]) {
              if (part.length === 0) continue;
              await put(...part);
              await rank(...part);
            }
          }),
        );
        expect(await stale()).toEqual(nothing);
      }),
      { numRuns: 40 },
    );
    // Engines share the machine with other tests.
  }, 240_000);
});
