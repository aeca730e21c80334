import fc from 'fast-check';
import type { ClickHouseClient } from '../../clickhouse/client';
import { computeRuns, findStale, rankAttempts, rankEverything, rankUnranked } from '../../clickhouse/rank';
import { dateTimeOfMs, tables, type WorkflowJobRow } from '../../clickhouse/tables';
import { changeOfItem, type Change, type Image } from '../../replicator/change';
import { quarantineRow } from '../../replicator/quarantine';
import { replayQuarantine } from '../../replicator/replay';
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
const rank = async (values: WorkflowJobRow[], formerly: WorkflowJobRow[]) =>
  computeRuns(clickHouse.client, await rankAttempts(clickHouse.client, values, formerly));

/** The client, but for some of what it does. */
const clientWith = (methods: object): ClickHouseClient =>
  Object.assign(Object.create(clickHouse.client) as ClickHouseClient, methods);

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
      'run again, and then by a run that began later: another delivery of the same commit',
      [
        attempt({ dynamoKey: 'a', received_at: received(0) }),
        attempt({ dynamoKey: 'b', received_at: received(5), run_attempt: 2 }),
        attempt({ dynamoKey: 'c', received_at: received(9), delivery_id: 'reopened', run_id: '7' }),
      ],
      { a: [never, received(5)], b: [never, received(9)], c: [never, always] },
    ],
    [
      'of a run that was run again after another one of the same commit',
      [
        attempt({ dynamoKey: 'a', received_at: received(0) }),
        attempt({ dynamoKey: 'b', received_at: received(5), run_id: '7' }),
        attempt({ dynamoKey: 'c', received_at: received(9), run_attempt: 2 }),
      ],
      { a: [never, received(5)], b: [never, received(9)], c: [never, always] },
    ],
    [
      'a first attempt that came after its re-run, and after another run of the same commit',
      [
        attempt({ dynamoKey: 'a', received_at: received(9) }),
        attempt({ dynamoKey: 'b', received_at: received(5), run_attempt: 2 }),
        attempt({ dynamoKey: 'c', received_at: received(7), run_id: '7' }),
      ],
      // That it came last says nothing: it had ended before its re-run began.
      { a: [received(7), always], b: [never, received(7)], c: [never, always] },
    ],
    [
      'of a run whose attempts have no number of their own, after another run of the same commit',
      [
        attempt({ dynamoKey: 'a', received_at: received(0) }),
        attempt({ dynamoKey: 'b', received_at: received(5), run_id: '7' }),
        attempt({ dynamoKey: 'c', received_at: received(9) }),
      ],
      { a: [never, received(5)], b: [never, received(9)], c: [never, always] },
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
        revision: '2',
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

describe('a copy of the table', () => {
  const image = (key: string, overrides: Image = {}): Image => ({
    dynamoKey: { S: key },
    status: { S: 'completed' },
    conclusion: { S: 'success' },
    downstream_repo: { S: 'owner/repo' },
    delivery_id: { S: 'd' },
    workflow_name: { S: 'w' },
    job_name: { S: 'test' },
    check_run_id: { S: key },
    received_at: { N: String(receivedMs) },
    updated_at: { N: String(receivedMs) },
    run_attempt: { N: '1' },
    revision: { N: '1' },
    ...overrides,
  });
  const first = changeOfItem(image('first'));
  const again = changeOfItem(
    image('again', { received_at: { N: String(receivedMs + 5 * hourMs) }, run_attempt: { N: '2' } }),
  );
  const sink = () => createSink({ client: clickHouse.client, now: Date.now });

  it('is ranked in its end, and is then nothing that a replicator would look for', async () => {
    await sink().write([first, again], 'backfill');
    expect((await stale()).attempts).toHaveLength(1);
    expect(await rankUnranked(clickHouse.client, 0)).toEqual([]);
    expect((await stale()).attempts).toHaveLength(1);
    await sink().settleEverything();
    expect(await stale()).toEqual(nothing);
    expect(await ranges()).toEqual({ first: [never, received(5)], again: [never, always] });
    expect(await rankUnranked(clickHouse.client, 0)).toEqual([]);
  });

  it('is ranked as well where a change of it comes out of quarantine', async () => {
    const unreadable = { ...again, image: { ...again.image, status: { S: 'odd' } } };
    await sink().write([first, unreadable], 'backfill');
    await sink().settleEverything();
    // As if a newer replicator could read it.
    const record = quarantineRow({ change: again, reason: 'r', detail: '' }, 'backfill', receivedMs).record;
    await clickHouse.client.command({
      query: `ALTER TABLE ${tables.quarantine} UPDATE record = {record:String} WHERE 1 SETTINGS mutations_sync = 1`,
      query_params: { record },
    });
    expect(await replayQuarantine({ client: clickHouse.client, sink: sink(), now: Date.now })).toEqual({
      resolved: 1,
      refused: 0,
    });
    expect(await stale()).toEqual(nothing);
    expect(await ranges()).toEqual({ first: [never, received(5)], again: [never, always] });
  });

  it('says nothing about how long that took which the stream had brought', async () => {
    const came = () =>
      clickHouse.rows(
        'SELECT dynamoKey, source, _inserted_at FROM oot_workflow_job FINAL ORDER BY dynamoKey',
      );
    await sink().write([first, again], 'stream');
    const before = await came();
    expect(before).toMatchObject([{ source: 'stream' }, { source: 'stream' }]);
    await sink().write([first, again], 'backfill');
    await sink().settleEverything();
    expect(await came()).toEqual(before);
  });
});

describe('as many as a restore brings', () => {
  const jobs = 6_000;
  /** Each job twice: more than are stored with one statement. */
  const rows = Array.from({ length: 2 * jobs }, (_, n) =>
    attempt({
      dynamoKey: `k${n}`,
      job_name: `job ${n >> 1}`,
      run_attempt: 1 + (n % 2),
      received_at: received(n % 2),
    }),
  );

  it.each([
    ['all at once after a copy', () => rankEverything(clickHouse.client)],
    ['as one batch of the stream', () => rankAttempts(clickHouse.client, rows, [])],
    ['as what nobody ranked', () => rankUnranked(clickHouse.client, 0)],
  ])('are ranked %s', async (_case, rankThem) => {
    await put(...rows);
    expect((await stale()).attempts).toHaveLength(jobs);
    await rankThem();
    expect((await stale()).attempts).toEqual([]);
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
    await rankAttempts(clickHouse.client, [row], []);
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

describe('where two write at once', () => {
  /** The client, but the first time that it stores something, this happens before. */
  const delayed = (before: () => Promise<unknown>): ClickHouseClient => {
    let isFirst = true;
    return clientWith({
      command: async (params: Parameters<ClickHouseClient['command']>[0]) => {
        if (isFirst) {
          isFirst = false;
          await before();
        }
        return clickHouse.client.command(params);
      },
    });
  };
  const first = attempt({ dynamoKey: 'first', received_at: received(0) });
  const second = attempt({ dynamoKey: 'second', received_at: received(5), run_attempt: 2, revision: 1 });

  it('an outdated answer, stored after the other found nothing to store, is put right', async () => {
    await put(first, second);
    await rankAttempts(
      // Which deletes what hid the first again: as it is stored so far.
      delayed(() => insertAttempts(clickHouse.client, [{ ...second, revision: 2, is_deleted: 1 }])),
      [second],
      [],
    );
    expect(await ranges()).toEqual({ first: [never, always] });
  });

  it('what was found of an attempt is not stored with what has become of it', async () => {
    const third = attempt({ dynamoKey: 'third', received_at: received(9), run_attempt: 3 });
    await put(first, second, third);
    await rankAttempts(
      delayed(() => insertAttempts(clickHouse.client, [{ ...second, revision: 2, pr_number: 8 }])),
      [third],
      [],
    );
    expect(await ranges()).toEqual({
      first: [never, received(9)],
      second: [never, always],
      third: [never, always],
    });
  });

  it('an attempt that has left the job is looked at among those of its new one only', async () => {
    const third = attempt({ dynamoKey: 'third', received_at: received(9), run_attempt: 3, pr_number: 8 });
    await insertAttempts(clickHouse.client, [first, second, { ...second, revision: 2, pr_number: 8 }, third]);
    expect(await ranges()).toMatchObject({ first: [never, always], second: [never, received(9)] });
    const [left] = await clickHouse.rows<{ job: string }>(
      "SELECT toString(job_id) AS job FROM oot_attempts WHERE dynamoKey = 'first'",
    );
    expect(await clickHouse.rows(`SELECT * FROM oot_newest_ranges(jobs = [${left!.job}])`)).toEqual([]);
  });

  it('ends with an error where ClickHouse does not show what was stored: nothing is confirmed then', async () => {
    await put(first, second);
    const deaf = clientWith({ command: () => Promise.resolve() });
    await expect(rankAttempts(deaf, [first], [])).rejects.toThrow(/talk to the same replica/);
  });
});

describe('what becomes an attempt of another job or run', () => {
  const { image: before } = changeOfItem({
    dynamoKey: { S: 'owner/repo/d/w/test/1' },
    status: { S: 'completed' },
    conclusion: { S: 'success' },
    downstream_repo: { S: 'owner/repo' },
    delivery_id: { S: 'd' },
    workflow_name: { S: 'w' },
    job_name: { S: `test ("910b", 1\\2) 'é'` },
    check_run_id: { S: '1' },
    received_at: { N: String(receivedMs + 5 * hourMs) },
    run_attempt: { N: '2' },
    revision: { N: '1' },
  });
  const first: Image = {
    ...before,
    dynamoKey: { S: 'owner/repo/d/w/test/0' },
    received_at: { N: String(receivedMs) },
    run_attempt: { N: '1' },
  };
  const after: Image = { ...before, revision: { N: '2' }, pr_number: { N: '8' } };

  it('leaves the others of the former one right, though nothing is left of it in ClickHouse', async () => {
    const { client } = clickHouse;
    const sink = (to = client) => createSink({ client: to, now: Date.now });
    await sink().write([changeOfItem(first), changeOfItem(before)], 'stream');
    expect(await ranges()).toEqual({
      'owner/repo/d/w/test/0': [never, received(5)],
      'owner/repo/d/w/test/1': [never, always],
    });
    const merging = clientWith({
      insert: async (params: Parameters<typeof client.insert>[0]) => {
        const result = await client.insert(params);
        await client.command({ query: `OPTIMIZE TABLE ${tables.workflowJob} FINAL` });
        return result;
      },
    });
    await sink(merging).write([{ ...changeOfItem(after), before }], 'stream');
    expect((await stale()).attempts).toEqual([]);
    expect(await ranges()).toEqual({
      'owner/repo/d/w/test/0': [never, always],
      'owner/repo/d/w/test/1': [never, always],
    });
  });

  it('is asked about by what tells it only, however much came with it and however many did so at once', async () => {
    const count = 1_500;
    const failed_tests_json = JSON.stringify([{ name: 'x'.repeat(100_000) }]);
    const changes = Array.from({ length: count }, (_, n): Change => {
      const formerly: Image = {
        ...before,
        dynamoKey: { S: `owner/repo/d/w/test/${n}` },
        job_name: { S: `${n} ${'"'.repeat(500)}` },
        ...(n < 200 && { failed_tests_json: { S: failed_tests_json } }),
      };
      const becomes = { ...formerly, revision: { N: '2' }, pr_number: { N: '8' } };
      return { ...changeOfItem(becomes), before: formerly };
    });
    const sink = createSink({ client: clickHouse.client, now: Date.now });
    await sink.write(
      changes.map(({ before: image }) => changeOfItem(image!)),
      'stream',
    );
    await sink.write(changes, 'stream');
    await sink.settle();
    expect(await clickHouse.rows('SELECT count() AS jobs FROM oot_jobs WHERE pr_number = 8')).toEqual([
      { jobs: count },
    ]);
    expect(await stale()).toEqual(nothing);
  });

  it.each([
    ['run_id', { S: '77' }],
    ['pytorch_head_sha', { S: 'abc' }],
  ])('leaves a former run right, though nobody settled it: %s', async (field, value) => {
    const { client } = clickHouse;
    await createSink({ client, now: Date.now }).write(
      [changeOfItem({ ...before, run_attempt: { N: '1' } })],
      'stream',
    );
    await createSink({ client, now: Date.now }).settle();
    const moved = { ...after, run_attempt: { N: '1' }, [field]: value };
    // A process that is killed before it settles, and one after it.
    await createSink({ client, now: Date.now }).write([{ ...changeOfItem(moved), before }], 'stream');
    await client.command({ query: `OPTIMIZE TABLE ${tables.workflowJob} FINAL` });
    await createSink({ client, now: Date.now }).settle();
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
        const batches: { row: WorkflowJobRow; before?: WorkflowJobRow | undefined }[][] = [[], [], []];
        drawn.forEach(({ hour, job_name, versions, writers }, n) => {
          const rows = versions.map((one, index) =>
            attempt({
              ...one,
              job_name,
              dynamoKey: `k${n}`,
              received_at: received(hour),
              revision: index + 1,
            }),
          );
          rows.forEach((row, index) => batches[writers[index]!]!.push({ row, before: rows[index - 1] }));
        });
        // Each writer inserts and ranks in two steps, and none waits for another.
        await Promise.all(
          batches.map(async (changes) => {
            const half = changes.length >> 1;
            for (const part of [changes.slice(0, half), changes.slice(half)]) {
              if (part.length === 0) continue;
              const rows = part.map(({ row }) => row);
              await put(...rows);
              await rank(
                rows,
                part.flatMap(({ before }) => before ?? []),
              );
            }
          }),
        );
        expect(await stale()).toEqual(nothing);
      }),
      { numRuns: 40 },
    );
    // Engines share the machine with other tests.
  });
});
