import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { dateTimeOfMs, tables, type WorkflowJobRow } from '../../clickhouse/tables';
import { startClickHouse, type TestClickHouse } from '../helpers/engines';
import { newestAttempt } from '../helpers/newest';
import { attempt, clearAttempts, insertAttempts, receivedMs } from '../helpers/rows';

let clickHouse: TestClickHouse;
beforeAll(async () => {
  clickHouse = await startClickHouse();
});
afterAll(() => clickHouse.stop());

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const received = (minutes: number) => dateTimeOfMs(receivedMs + minutes * minuteMs);

const insert = (...values: WorkflowJobRow[]) => insertAttempts(clickHouse.client, values, { withRuns: true });
const clear = () => clearAttempts(clickHouse.client);

/** What a view says of one attempt that is alone in the table. */
async function look(columns: string, overrides: Partial<WorkflowJobRow>, view = 'oot_attempts') {
  await insert(attempt(overrides));
  return clickHouse.rows<Record<string, unknown>>(`SELECT ${columns} FROM ${view}`);
}
const running = { status: 'in_progress', conclusion: '', state: 'running', completed_at: null } as const;

const keysOf = async (view: string) =>
  (
    await clickHouse.rows<{ dynamoKey: string }>(
      `SELECT dynamoKey FROM ${view} ORDER BY received_at, dynamoKey`,
    )
  ).map(({ dynamoKey }) => dynamoKey);
const between = (fromMinutes: number, toMinutes: number) =>
  `oot_jobs_between(from = '${received(fromMinutes)}', to = '${received(toMinutes)}')`;

describe('oot_attempts', () => {
  beforeEach(clear);

  it.each<[conclusion: string, outcome: string, counted: 0 | 1, asExpected: 0 | 1]>([
    ['success', 'success', 1, 1],
    ['failure', 'failure', 1, 0],
    ['timed_out', 'timed_out', 1, 0],
    ['cancelled', 'cancelled', 0, 0],
    ['skipped', 'skipped', 0, 0],
    ['neutral', 'neutral', 0, 0],
    ['startup_failure', 'failure', 1, 0],
    ['stale', 'cancelled', 0, 0],
    ['action_required', 'neutral', 0, 0],
  ])(
    'says of the conclusion %s: outcome %s, counted %d, as expected %d',
    async (conclusion, outcome, is_counted, is_as_expected) => {
      expect(
        await look('conclusion, outcome, expected_outcome, is_counted, is_as_expected, is_overdue', {
          conclusion,
        }),
      ).toEqual([
        { conclusion, outcome, expected_outcome: 'success', is_counted, is_as_expected, is_overdue: 0 },
      ]);
    },
  );

  it.each([
    [374, 0],
    [376, 1],
  ])('says of a job that has been running for %d minutes: overdue %d', async (minutes, is_overdue) => {
    const received_at = dateTimeOfMs(Date.now() - minutes * minuteMs);
    expect(
      await look('outcome, is_overdue, is_counted, is_as_expected', { ...running, received_at }),
    ).toEqual([{ outcome: 'running', is_overdue, is_counted: 0, is_as_expected: 0 }]);
  });

  it('never calls a completed job overdue, however old', async () => {
    expect(await look('is_overdue', { received_at: '2020-01-01 00:00:00.000' })).toEqual([{ is_overdue: 0 }]);
  });

  it('calls a job running by its status, whatever stands in its conclusion', async () => {
    expect(await look('outcome, is_counted', { ...running, conclusion: 'failure' })).toEqual([
      { outcome: 'running', is_counted: 0 },
    ]);
  });

  it.each<[jobName: string, conclusion: string, expected: string, counted: 0 | 1, asExpected: 0 | 1]>([
    ['l4 xfail test', 'failure', 'failure', 1, 1],
    ['l4 xfail test', 'success', 'failure', 1, 0],
    ['l4 xfail test', 'timed_out', 'failure', 1, 0],
    ['l4 xfail test', 'cancelled', 'failure', 0, 0],
    ['l4 xfail test', 'skipped', 'failure', 0, 0],
    ['xcancel', 'cancelled', 'cancelled', 1, 1],
    ['xcancel', 'success', 'cancelled', 1, 0],
    ['xcancel', 'failure', 'cancelled', 1, 0],
    ['xcancel', 'neutral', 'cancelled', 0, 0],
    ['test-xtimeout', 'timed_out', 'timed_out', 1, 1],
    ['test-xtimeout', 'failure', 'timed_out', 1, 0],
    ['test-xtimeout', 'success', 'timed_out', 1, 0],
    ['plain', 'success', 'success', 1, 1],
    ['plain', 'failure', 'success', 1, 0],
    ['plain', 'cancelled', 'success', 0, 0],
    ['l4 XFAIL test', 'failure', 'success', 1, 0],
    ['xCancel', 'cancelled', 'success', 0, 0],
    ['XTimeout', 'success', 'success', 1, 1],
  ])(
    'says of the probe job "%s" that concludes %s: %s is expected, counted %d, as expected %d',
    async (job_name, conclusion, expected_outcome, is_counted, is_as_expected) => {
      expect(
        await look('outcome, expected_outcome, is_counted, is_as_expected', {
          downstream_repo: 'pytorch/crcr-test',
          job_name,
          conclusion,
        }),
      ).toEqual([{ outcome: conclusion, expected_outcome, is_counted, is_as_expected }]);
    },
  );

  it('does not count a probe job that is still running', async () => {
    const probe = { ...running, downstream_repo: 'pytorch/crcr-test', job_name: 'xfail' };
    expect(await look('outcome, expected_outcome, is_counted, is_as_expected', probe)).toEqual([
      { outcome: 'running', expected_outcome: 'failure', is_counted: 0, is_as_expected: 0 },
    ]);
  });

  it.each(['xfail', 'xcancel', 'xtimeout'])(
    'expects success of an ordinary backend, though its job is named %s',
    async (job_name) => {
      expect(
        await look('expected_outcome, is_counted, is_as_expected', { job_name, conclusion: 'failure' }),
      ).toEqual([{ expected_outcome: 'success', is_counted: 1, is_as_expected: 0 }]);
    },
  );

  const start = '2026-11-20 10:00:00.000000000';
  it.each<[string, Partial<WorkflowJobRow>, number | null]>([
    ['both times are there', {}, 1_800],
    [
      'they have microseconds',
      { started_at: '2026-11-20 10:00:00.123456000', completed_at: '2026-11-20 10:30:22.654321000' },
      1_822.530865,
    ],
    ['both times are there and the relay measured nothing', { execution_time: null }, 1_800],
    ['they are 7 days apart', { completed_at: '2026-11-27 10:00:00.000000000' }, 604_800],
    ['they are more than 7 days apart', { completed_at: '2026-11-27 10:00:00.000000001' }, 1_790.5],
    ['the start is in 1970', { started_at: '1970-01-01 00:00:00.000000000' }, 1_790.5],
    ['the end is the start', { completed_at: start }, 1_790.5],
    ['the end is before the start', { completed_at: '2026-11-20 09:59:59.000000000' }, 1_790.5],
    ['the start is missing', { started_at: null }, 1_790.5],
    ['the end is missing', { completed_at: null }, 1_790.5],
    ['the times are insane and the relay measured 0', { completed_at: start, execution_time: 0 }, null],
    ['the times are insane and the relay measured less', { completed_at: start, execution_time: -2 }, null],
    [
      'the times are insane and the relay measured nothing',
      { completed_at: start, execution_time: null },
      null,
    ],
    ['the start is missing and the relay measured nothing', { started_at: null, execution_time: null }, null],
    ['nothing is there', { started_at: null, completed_at: null, execution_time: null }, null],
    ['the job is running', { ...running, execution_time: null }, null],
    [
      'the times are less than a millisecond apart',
      { completed_at: '2026-11-20 10:00:00.000900000', execution_time: null },
      0.0009,
    ],
  ])('takes the duration, where %s', async (_case, overrides, duration_seconds) => {
    expect(await look('duration_seconds', overrides)).toEqual([{ duration_seconds }]);
  });

  it.each<[string, Partial<WorkflowJobRow>, number | null]>([
    ['a first attempt', {}, 41.25],
    ['an attempt without a number', { run_attempt: 0 }, 41.25],
    ['a first attempt that started at once', { queue_time: 0 }, 0],
    ['a first attempt whose queue time is unknown', { queue_time: null }, null],
    ['a second attempt', { run_attempt: 2 }, null],
  ])('takes as queue time of %s', async (_case, overrides, queue_seconds) => {
    const queue_time = overrides.queue_time === undefined ? 41.25 : overrides.queue_time;
    expect(await look('queue_time, queue_seconds', overrides)).toEqual([{ queue_time, queue_seconds }]);
  });
});

describe('delay_seconds of oot_attempts', () => {
  beforeEach(clear);
  const ago = (seconds: number) => dateTimeOfMs(Date.now() - seconds * 1_000);

  it('is the time from the write of the item to its row, where the row came by the stream', async () => {
    const startMs = Date.now();
    const [row] = await look('delay_seconds', {
      source: 'stream',
      updated_at: dateTimeOfMs(startMs - 5_000),
    });
    expect(row!.delay_seconds).toBeGreaterThanOrEqual(5);
    // However long that took. The engine's clock may be read a millisecond apart from ours.
    expect(row!.delay_seconds).toBeLessThan(5.1 + (Date.now() - startMs) / 1_000);
  });

  it.each<[string, Partial<WorkflowJobRow>, number | null]>([
    ['0 where the clocks disagree and the item seems to be written later', { updated_at: ago(-600) }, 0],
    ['NULL for a row that was copied', { source: 'backfill', updated_at: ago(5) }, null],
    ['NULL for an item that nobody says when it was written', { updated_at: null }, null],
  ])('is %s', async (_case, overrides, delay_seconds) => {
    expect(await look('delay_seconds', overrides)).toEqual([{ delay_seconds }]);
  });
});

describe('oot_jobs', () => {
  beforeEach(clear);

  it('shows the highest run_attempt of a job, though a lower one was received later', async () => {
    await insert(
      attempt({ dynamoKey: 'second', run_attempt: 2, received_at: received(1) }),
      attempt({ dynamoKey: 'first', run_attempt: 1, received_at: received(9) }),
    );
    expect(await keysOf('oot_jobs')).toEqual(['second']);
  });

  it('compares run_attempt as a number: 10 is newer than 9', async () => {
    await insert(
      attempt({ dynamoKey: 'ninth', run_attempt: 9 }),
      attempt({ dynamoKey: 'tenth', run_attempt: 10 }),
    );
    expect(await keysOf('oot_jobs')).toEqual(['tenth']);
  });

  it('shows the attempt that was received last where run_attempt is the same', async () => {
    await insert(
      attempt({ dynamoKey: 'a', received_at: received(1) }),
      attempt({ dynamoKey: 'b', received_at: received(3) }),
      attempt({ dynamoKey: 'c', received_at: received(2) }),
    );
    expect(await keysOf('oot_jobs')).toEqual(['b']);
  });

  it.each<Partial<WorkflowJobRow>>([
    { upstream_repo: 'pytorch/vision' },
    { pr_number: 179566 },
    { pr_number: 0 },
    { pytorch_head_sha: '0cc175b9c0f1b6a831c399e269772661aa0b1c2d' },
    { event_type: 'push' },
    { downstream_repo: 'pytorch-labs/cambricon-pytorch' },
    { workflow_name: 'ascend-nightly' },
    { job_name: 'test (910b, 2, 4)' },
  ])('keeps jobs apart that differ in %j, and a re-run of one does not hide the other', async (other) => {
    await insert(
      attempt({ dynamoKey: 'one', received_at: received(1) }),
      attempt({ dynamoKey: 'one again', run_attempt: 2, received_at: received(2) }),
      attempt({ dynamoKey: 'other', received_at: received(3), ...other }),
    );
    expect(await keysOf('oot_jobs')).toEqual(['one again', 'other']);
  });

  it.each<Partial<WorkflowJobRow>>([
    { delivery_id: 'redelivered' },
    { check_run_id: '1' },
    { run_id: '2' },
    { downstream_repo_level: 'L2' },
    { workflow_run_url: 'https://github.com/a/b/actions/runs/1' },
  ])('takes attempts for one job that differ in %j', async (other) => {
    await insert(
      attempt({ dynamoKey: 'first', received_at: received(1) }),
      attempt({ dynamoKey: 'later', received_at: received(2), ...other }),
    );
    expect(await keysOf('oot_jobs')).toEqual(['later']);
  });

  it('keeps deliveries apart where nobody named the commit', async () => {
    const unnamed = { pytorch_head_sha: '', pr_number: 0, event_type: 'push' };
    await insert(
      attempt({ ...unnamed, dynamoKey: 'monday', delivery_id: 'd1', received_at: received(1) }),
      attempt({ ...unnamed, dynamoKey: 'tuesday', delivery_id: 'd2', received_at: received(2) }),
      attempt({
        ...unnamed,
        dynamoKey: 'tuesday again',
        delivery_id: 'd2',
        run_attempt: 2,
        received_at: received(3),
      }),
    );
    expect(await keysOf('oot_jobs')).toEqual(['monday', 'tuesday again']);
  });

  it('takes everything it says of a job from the newest attempt', async () => {
    await insert(
      attempt({ conclusion: 'failure' }),
      attempt({ dynamoKey: 'second', run_attempt: 2, received_at: received(60) }),
    );
    expect(
      await clickHouse.rows(
        'SELECT dynamoKey, outcome, is_counted, is_as_expected, run_attempt, duration_seconds, queue_seconds FROM oot_jobs',
      ),
    ).toEqual([
      {
        dynamoKey: 'second',
        outcome: 'success',
        is_counted: 1,
        is_as_expected: 1,
        run_attempt: 2,
        duration_seconds: 1_800,
        queue_seconds: null,
      },
    ]);
  });

  it('has the columns of oot_attempts, in their order', async () => {
    const columnsOf = (table: string) =>
      clickHouse.rows<{ name: string; type: string }>(
        `SELECT name, type FROM system.columns WHERE database = 'default' AND table = '${table}' ORDER BY position`,
      );
    const columns = await columnsOf('oot_jobs');
    expect(columns).toEqual(await columnsOf('oot_attempts'));
    expect(columns.length).toBeGreaterThan(40);
  });
});

describe('oot_jobs_between', () => {
  beforeEach(async () => {
    await clear();
    await insert(
      attempt({ dynamoKey: 'first', received_at: received(0), conclusion: 'failure' }),
      attempt({ dynamoKey: 're-run', run_attempt: 2, received_at: received(60) }),
      attempt({ dynamoKey: 'other', job_name: 'lint', received_at: received(120) }),
    );
  });

  it.each<[string, number, number, string[]]>([
    ['that hold everything', -1, 1_000, ['re-run', 'other']],
    ['that begin after the first attempt', 30, 1_000, ['re-run', 'other']],
    ['that end before the re-run: as it was then', -1, 30, ['first']],
    ['that begin when an attempt was received: it is in', 60, 90, ['re-run']],
    ['that end when an attempt was received: it is out', 0, 60, ['first']],
    ['in which nothing was received', 61, 120, []],
    ['that hold one instant', 0, 0, []],
  ])('shows, for bounds %s, the newest attempt within them', async (_bounds, from, to, keys) => {
    expect(await keysOf(between(from, to))).toEqual(keys);
  });

  it('takes bounds to the millisecond', async () => {
    const at = (ms: number) => dateTimeOfMs(receivedMs + ms);
    expect(await keysOf(`oot_jobs_between(from = '${at(0)}', to = '${at(1)}')`)).toEqual(['first']);
    expect(await keysOf(`oot_jobs_between(from = '${at(1)}', to = '${at(2)}')`)).toEqual([]);
  });

  it('gives the outcome as of the upper bound', async () => {
    const outcomes = (view: string) =>
      clickHouse.rows(`SELECT job_name, outcome FROM ${view} ORDER BY job_name`);
    expect(await outcomes(between(-1, 30))).toEqual([{ job_name: 'test (910b, 1, 4)', outcome: 'failure' }]);
    expect(await outcomes(between(-1, 61))).toEqual([{ job_name: 'test (910b, 1, 4)', outcome: 'success' }]);
  });
});

describe('what was known at a moment', () => {
  const at = (minutes: number) => `at = '${received(minutes)}'`;
  const columns = 'dynamoKey, outcome, is_counted, is_as_expected, is_overdue, duration_seconds';
  const known = { dynamoKey: 'one', outcome: 'failure', is_counted: 1, is_as_expected: 0, is_overdue: 0 };
  const unknown = { dynamoKey: 'one', outcome: 'running', is_counted: 0, is_as_expected: 0 };
  beforeEach(async () => {
    await clear();
    await insert(
      attempt({
        dynamoKey: 'one',
        conclusion: 'failure',
        failed_tests: 3,
        artifact_url: 'https://example.org/a',
        outcome_at: received(500),
      }),
    );
  });
  const look = (minutes: number) =>
    clickHouse.rows(`SELECT ${columns} FROM oot_attempts_as_of(${at(minutes)})`);

  it('is nothing before the attempt was received', async () => {
    expect(await look(0)).toEqual([]);
  });

  it('is a running attempt until its outcome came, overdue after 375 minutes', async () => {
    const running = { ...unknown, duration_seconds: null };
    expect(await look(375)).toEqual([{ ...running, is_overdue: 0 }]);
    expect(await look(376)).toEqual([{ ...running, is_overdue: 1 }]);
    expect(await look(499)).toEqual([{ ...running, is_overdue: 1 }]);
    expect(await look(500)).toEqual([{ ...known, duration_seconds: 1_800 }]);
    expect(await clickHouse.rows(`SELECT ${columns} FROM oot_attempts`)).toEqual(await look(500));
  });

  it('is none of the fields that came with the outcome', async () => {
    const fields = 'conclusion, status, state, completed_at, outcome_at, failed_tests, artifact_url';
    expect(await clickHouse.rows(`SELECT ${fields} FROM oot_attempts_as_of(${at(499)})`)).toEqual([
      {
        conclusion: '',
        status: 'in_progress',
        state: 'running',
        completed_at: null,
        outcome_at: null,
        failed_tests: null,
        artifact_url: '',
      },
    ]);
  });

  it('is the attempt before a re-run that had not come yet, in oot_jobs_as_of', async () => {
    await insert(attempt({ dynamoKey: 'two', run_attempt: 2, received_at: received(600) }));
    const outcomes = (minutes: number) =>
      clickHouse.rows(
        `SELECT dynamoKey, outcome FROM oot_jobs_as_of(from = '${received(-1)}', to = '${received(9_000)}', ${at(minutes)})`,
      );
    expect(await outcomes(499)).toEqual([{ dynamoKey: 'one', outcome: 'running' }]);
    expect(await outcomes(600)).toEqual([{ dynamoKey: 'one', outcome: 'failure' }]);
    expect(await outcomes(601)).toEqual([{ dynamoKey: 'two', outcome: 'success' }]);
  });

  it('is an incomplete run while a job of it had no outcome, in oot_runs_as_of', async () => {
    const runs = (minutes: number) =>
      clickHouse.rows(
        `SELECT jobs, is_complete, end_to_end_seconds FROM oot_runs_as_of(from = '${received(-1)}', to = '${received(1)}', ${at(minutes)})`,
      );
    expect(await runs(499)).toEqual([{ jobs: 1, is_complete: 0, end_to_end_seconds: null }]);
    expect(await runs(500)).toEqual([{ jobs: 1, is_complete: 1, end_to_end_seconds: 1_841.25 }]);
  });

  it('is known at once of what the HUD wrote, which does not say when', async () => {
    await clear();
    await insert(attempt({ outcome_at: null }));
    expect(await clickHouse.rows(`SELECT outcome FROM oot_attempts_as_of(${at(1)})`)).toEqual([
      { outcome: 'success' },
    ]);
  });

  it('costs the views of today nothing: when the outcome came is not read', async () => {
    const plan = async (from: string) =>
      (
        await clickHouse.rows<{ explain: string }>(
          `EXPLAIN header = 1 SELECT count() FROM ${from} WHERE outcome = 'failure'`,
        )
      )
        .map(({ explain }) => explain)
        .join('\n');
    expect(await plan('oot_attempts')).not.toContain('settled_at');
    expect(await plan(between(0, 1))).not.toContain('settled_at');
    expect(await plan(`oot_attempts_as_of(${at(1)})`)).toContain('settled_at');
  });
});

describe('the bounds of views with parameters', () => {
  beforeEach(clear);

  it.each(['America/New_York', 'Asia/Tokyo', 'UTC'])(
    'mean the same moments in a session in %s',
    async (zone) => {
      await insert(attempt({ received_at: dateTimeOfMs(Date.now() - 60_000) }));
      const count = async (view: string) => {
        const result = await clickHouse.client.query({
          query: `SELECT toUInt32(count()) AS count FROM ${view}`,
          format: 'JSONEachRow',
          clickhouse_settings: { session_timezone: zone },
        });
        return (await result.json<{ count: number }>())[0]?.count;
      };
      const lastHour = 'from = now64(3) - INTERVAL 1 HOUR, to = now64(3)';
      expect(await count(`oot_jobs_between(${lastHour})`)).toBe(1);
      expect(await count(`oot_runs_between(${lastHour})`)).toBe(1);
      expect(
        await count('oot_jobs_between(from = now64(3) - INTERVAL 1 DAY, to = now64(3) - INTERVAL 1 HOUR)'),
      ).toBe(0);
      expect(
        await count(
          // By its number: just after midnight the day's own end is a minute ago, too.
          'oot_window_ends(to = now64(3), days = 2) WHERE days_ago = 0 AND window_end > now64(3) - INTERVAL 1 MINUTE',
        ),
      ).toBe(1);
    },
  );
});

describe('versions of a row', () => {
  beforeEach(clear);
  const version = (overrides: Partial<WorkflowJobRow>) => attempt({ dynamoKey: 'k', ...overrides });
  const seen = () => clickHouse.rows('SELECT dynamoKey, conclusion, revision FROM oot_jobs');

  it('keeps the higher revision, though a lower one is inserted later', async () => {
    await insert(version({ revision: 3, conclusion: 'failure' }));
    await insert(version({ revision: 2, conclusion: 'timed_out' }));
    expect(await seen()).toEqual([{ dynamoKey: 'k', conclusion: 'failure', revision: 3 }]);
  });

  it('keeps the higher revision within one insert', async () => {
    await insert(
      version({ revision: 12, conclusion: 'failure' }),
      version({ revision: 9, ...running }),
      version({ revision: 11, conclusion: 'timed_out' }),
    );
    expect(await seen()).toEqual([{ dynamoKey: 'k', conclusion: 'failure', revision: 12 }]);
  });

  it('hides an item behind its tombstone, also from a revision that comes late', async () => {
    await insert(version({ revision: 2 }));
    await insert(version({ revision: 3, is_deleted: 1 }));
    expect(await seen()).toEqual([]);
    await insert(version({ revision: 1 }));
    expect(await seen()).toEqual([]);
    expect(await keysOf('oot_attempts')).toEqual([]);
  });

  it('shows an item that was made again after its tombstone', async () => {
    await insert(version({ revision: 2 }));
    await insert(version({ revision: 3, is_deleted: 1 }));
    await insert(version({ revision: 4, conclusion: 'failure' }));
    expect(await seen()).toEqual([{ dynamoKey: 'k', conclusion: 'failure', revision: 4 }]);
  });

  it('shows the first attempt again when the newest one is deleted', async () => {
    await insert(
      attempt({ dynamoKey: 'first' }),
      version({ run_attempt: 2, revision: 1 }),
      version({ run_attempt: 2, revision: 2, is_deleted: 1 }),
    );
    expect(await keysOf('oot_jobs')).toEqual(['first']);
  });

  it('counts rows once that are inserted twice', async () => {
    const rows = Array.from({ length: 50 }, (_, n) => attempt({ job_name: `job ${n}` }));
    await insert(...rows);
    await insert(...rows.slice(20), ...rows.slice(0, 20));
    for (const view of ['oot_attempts', 'oot_jobs', 'crcr_workflow_job FINAL']) {
      expect(
        await clickHouse.rows(`SELECT count() AS rows, uniqExact(dynamoKey) AS keys FROM ${view}`),
      ).toEqual([{ rows: 50, keys: 50 }]);
    }
  });
});

describe('the definitions, against the same rules in TypeScript', () => {
  const probe = 'pytorch/crcr-test';
  type Version = Pick<WorkflowJobRow, 'status' | 'conclusion' | 'revision' | 'is_deleted'>;
  type History = { row: WorkflowJobRow; versions: Version[] }[];

  const version: fc.Arbitrary<Version> = fc.record({
    status: fc.constantFrom('completed', 'completed', 'completed', 'in_progress'),
    conclusion: fc.constantFrom(
      'success',
      'failure',
      'timed_out',
      'cancelled',
      'skipped',
      'neutral',
      'stale',
      'startup_failure',
      'action_required',
    ),
    revision: fc.integer({ min: 1, max: 20 }),
    is_deleted: fc.constantFrom(0, 0, 0, 0, 1),
  });
  const history: fc.Arbitrary<History> = fc
    .array(
      fc.record({
        downstream_repo: fc.constantFrom('a/b', probe, probe),
        workflow_name: fc.constantFrom('ci', 'ci', 'ci', 'ci', 'nightly'),
        job_name: fc.constantFrom('j', 'j xfail', 'xcancel'),
        pytorch_head_sha: fc.constantFrom('5ha', '5ha', '5ha', '5ha', '07h', ''),
        delivery_id: fc.constantFrom('d1', 'd2'),
        pr_number: fc.constantFrom(7, 7, 7, 7, 0),
        run_attempt: fc.integer({ min: 1, max: 3 }),
        // Bounds are drawn from the same hours; the index keeps two attempts from arriving at once.
        receivedHour: fc.integer({ min: 0, max: 72 }),
        versions: fc.uniqueArray(version, {
          minLength: 1,
          maxLength: 3,
          selector: ({ revision }) => revision,
        }),
      }),
      { maxLength: 14, size: 'max' },
    )
    .map((drawn) =>
      drawn.map(({ versions, receivedHour, ...fields }, index) => ({
        row: attempt({
          ...fields,
          dynamoKey: `k${index}`,
          received_at: dateTimeOfMs(receivedMs + receivedHour * 60 * minuteMs + index),
        }),
        versions,
      })),
    );

  type Verdict = { dynamoKey: string; outcome: string; is_counted: number; is_as_expected: number };
  type Rate = { repo: string; rate: number | null };

  function judge(row: WorkflowJobRow): Verdict {
    const rare: Record<string, string> = {
      startup_failure: 'failure',
      stale: 'cancelled',
      action_required: 'neutral',
    };
    const outcome = row.status === 'in_progress' ? 'running' : (rare[row.conclusion] ?? row.conclusion);
    const announced = /xfail|xcancel|xtimeout/.exec(row.job_name)?.[0] ?? 'plain';
    const expected =
      row.downstream_repo === probe
        ? { xfail: 'failure', xcancel: 'cancelled', xtimeout: 'timed_out', plain: 'success' }[announced]
        : 'success';
    const asExpected = outcome === expected;
    return {
      dynamoKey: row.dynamoKey,
      outcome,
      is_counted: Number(asExpected || ['success', 'failure', 'timed_out'].includes(outcome)),
      is_as_expected: Number(asExpected),
    };
  }

  function oracle(attempts: History, from: string, to: string): { jobs: Verdict[]; rates: Rate[] } {
    const jobs = new Map<string, WorkflowJobRow[]>();
    for (const { row, versions } of attempts) {
      const latest = [...versions].sort((a, b) => b.revision - a.revision)[0]!;
      const now = { ...row, ...latest };
      if (now.is_deleted === 1) continue;
      const job = JSON.stringify([
        now.pr_number,
        now.pytorch_head_sha === '' ? { delivery: now.delivery_id } : now.pytorch_head_sha,
        now.downstream_repo,
        now.workflow_name,
        now.job_name,
      ]);
      jobs.set(job, [...(jobs.get(job) ?? []), now]);
    }
    const newest = [...jobs.values()].flatMap((all) => {
      const received = all.filter(({ received_at }) => received_at >= from && received_at < to);
      return received.length === 0 ? [] : [newestAttempt(received, all)];
    });
    const shown = newest.sort((a, b) => (a.dynamoKey < b.dynamoKey ? -1 : 1));
    const rates = ['a/b', probe].flatMap((repo) => {
      const verdicts = shown.filter(({ downstream_repo }) => downstream_repo === repo).map(judge);
      if (verdicts.length === 0) return [];
      const counted = verdicts.filter(({ is_counted }) => is_counted === 1);
      const good = counted.filter(({ is_as_expected }) => is_as_expected === 1).length;
      return [{ repo, rate: counted.length === 0 ? null : good / counted.length }];
    });
    return { jobs: shown.map(judge), rates };
  }

  async function ask(view: string): Promise<{ jobs: Verdict[]; rates: Rate[] }> {
    const [jobs, rates] = await Promise.all([
      clickHouse.rows<Verdict>(
        `SELECT dynamoKey, outcome, is_counted, is_as_expected FROM ${view} ORDER BY dynamoKey`,
      ),
      clickHouse.rows<Rate>(
        `SELECT downstream_repo AS repo, sum(is_as_expected) / nullIf(sum(is_counted), 0) AS rate
         FROM ${view} GROUP BY repo ORDER BY repo`,
      ),
    ]);
    return { jobs, rates };
  }

  it('take, of attempts received in the same millisecond, the one with the highest number', async () => {
    await clear();
    const keys = Array.from({ length: 8 }, (_, index) => `attempt-${index}`);
    await insert(...keys.map((dynamoKey) => attempt({ dynamoKey })));
    const numberOf = (key: string) => createHash('md5').update(key).digest().readBigUInt64BE();
    const [newest] = [...keys].sort((a, b) => (numberOf(a) < numberOf(b) ? 1 : -1));
    expect(await keysOf('oot_jobs')).toEqual([newest]);
    const numbers = await clickHouse.rows<{ dynamoKey: string; number: string }>(
      'SELECT dynamoKey, toString(attempt_id) AS number FROM oot_attempts',
    );
    expect(new Map(numbers.map(({ dynamoKey, number }) => [dynamoKey, BigInt(number)]))).toEqual(
      new Map(keys.map((key) => [key, numberOf(key)])),
    );
  });

  it('agree on which attempt counts, on its outcome and on the success rate, for any history', async () => {
    const bounds = fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 30, max: 73 }));
    await fc.assert(
      fc.asyncProperty(history, bounds, fc.boolean(), async (attempts, [fromHour, toHour], backwards) => {
        await clear();
        const rows = attempts.flatMap(({ row, versions }) => versions.map((one) => ({ ...row, ...one })));
        // Two inserts make two parts: which version wins is decided while reading.
        const order = backwards ? [...rows].reverse() : rows;
        const half = Math.ceil(order.length / 2);
        for (const part of [order.slice(0, half), order.slice(half), order.slice(0, 2)]) {
          if (part.length > 0) await insert(...part);
        }
        const [from, to] = [received(fromHour * 60), received(toHour * 60)];
        expect(await ask('oot_jobs')).toEqual(oracle(attempts, '1970', '2262'));
        expect(await ask(between(fromHour * 60, toHour * 60))).toEqual(oracle(attempts, from, to));
      }),
      { numRuns: 50 },
    );
  });
});

describe('what a filter reads', () => {
  type Index = {
    Type: string;
    Name?: string;
    Keys?: string[];
    'Initial Granules': number;
    'Selected Granules': number;
  };
  type Plan = { Indexes?: Index[]; Plans?: Plan[] };

  /** 50,000 attempts a day, ten backends, a pull request every 50 attempts, their numbers mixed. */
  beforeAll(async () => {
    await clear();
    await clickHouse.client.command({
      query: `INSERT INTO ${tables.workflowJob}
        (dynamoKey, status, conclusion, downstream_repo, pr_number, pytorch_head_sha, delivery_id,
         workflow_name, job_name, run_id, received_at, revision)
      SELECT concat('k', toString(number)), 'completed', 'success', concat('org/backend-', toString(number % 10)),
         1000 + intDiv(number, 50) * 7919 % 4000, hex(number), toString(number), 'ci', 'build', toString(number),
         toDateTime64('2026-09-01 00:00:00', 3, 'UTC') + toIntervalMillisecond(number * 1728), 1
      FROM numbers(200000)`,
    });
    await clickHouse.client.command({ query: `OPTIMIZE TABLE ${tables.workflowJob} FINAL` });
  });

  /** The steps of the index analysis, by their type. */
  async function indexesOf(query: string): Promise<Map<string, Index>> {
    const rows = await clickHouse.rows<{ explain: string }>(`EXPLAIN json = 1, indexes = 1 ${query}`);
    const [root] = JSON.parse(rows.map(({ explain }) => explain).join('\n')) as [{ Plan: Plan }];
    const walk = (plan: Plan): Index[] => [...(plan.Indexes ?? []), ...(plan.Plans ?? []).flatMap(walk)];
    return new Map(walk(root.Plan).map((index) => [index.Type, index]));
  }
  const from = `'2026-09-03 00:00:00'`;
  const to = `'2026-09-03 12:00:00'`;

  it.each<[string, string, string[]]>([
    [
      'a filter on received_at, through oot_attempts',
      `SELECT * FROM oot_attempts WHERE received_at >= ${from} AND received_at < ${to}`,
      ['toDate(received_at)'],
    ],
    [
      'the bounds of oot_jobs_between',
      `SELECT * FROM oot_jobs_between(from = ${from}, to = ${to})`,
      ['toDate(received_at)'],
    ],
    [
      'a filter on downstream_repo, through oot_attempts',
      `SELECT * FROM oot_attempts WHERE downstream_repo = 'org/backend-3'`,
      ['downstream_repo'],
    ],
    [
      'a filter on downstream_repo, through oot_jobs',
      `SELECT * FROM oot_jobs WHERE downstream_repo = 'org/backend-3'`,
      ['downstream_repo'],
    ],
    [
      'the bounds of oot_jobs_between and a filter on downstream_repo',
      `SELECT * FROM oot_jobs_between(from = ${from}, to = ${to}) WHERE downstream_repo = 'org/backend-3'`,
      ['toDate(received_at)', 'downstream_repo'],
    ],
  ])('%s: reads by day and primary key, less than half of the table', async (_filter, query, keys) => {
    const indexes = await indexesOf(query);
    const primaryKey = indexes.get('PrimaryKey')!;
    expect(primaryKey.Keys).toEqual(keys);
    // Whole days may have been left out before the primary key is looked at.
    const all = (await indexesOf('SELECT * FROM oot_attempts WHERE 1')).get('PrimaryKey')![
      'Initial Granules'
    ];
    expect(all).toBeGreaterThan(20);
    expect(primaryKey['Selected Granules']).toBeGreaterThan(0);
    expect(primaryKey['Selected Granules']).toBeLessThan(all / 2);
  });

  it('reads the whole table without a filter', async () => {
    const primaryKey = (await indexesOf('SELECT * FROM oot_attempts WHERE 1')).get('PrimaryKey');
    expect(primaryKey?.['Selected Granules']).toBe(primaryKey?.['Initial Granules']);
  });

  it.each([
    'SELECT * FROM oot_attempts WHERE pr_number = 3000',
    'SELECT * FROM oot_jobs WHERE pr_number = 3000',
    'SELECT * FROM oot_jobs WHERE pr_number IN (3000, 2919)',
    `SELECT * FROM oot_jobs WHERE pr_number = 3000 AND downstream_repo = 'org/backend-3'`,
    'SELECT * FROM default.crcr_workflow_job FINAL WHERE pr_number = 3000',
  ])('%s: reads by the index on pr_number, less than half of the table', async (query) => {
    const indexes = await indexesOf(query);
    const skip = indexes.get('Skip')!;
    expect(skip.Name).toBe('pr_number_index');
    expect(skip['Selected Granules']).toBeGreaterThan(0);
    expect(skip['Selected Granules']).toBeLessThan(indexes.get('PrimaryKey')!['Initial Granules'] / 2);
  });

  it('finds the same rows by an index as without', async () => {
    const where = `pr_number = 3000 AND downstream_repo = 'org/backend-3'`;
    const [byIndex, byScan] = await Promise.all([
      keysOf(`oot_jobs WHERE ${where}`),
      keysOf(`(SELECT * FROM oot_jobs ORDER BY dynamoKey LIMIT 1000000) WHERE ${where}`),
    ]);
    expect(byIndex).toEqual(byScan);
    expect(byIndex).toHaveLength(5);
  });
});

describe('the columns', () => {
  type Column = { table: string; name: string; type: string; comment: string };
  const columns = () =>
    clickHouse.rows<Column>(
      `SELECT table, name, type, comment FROM system.columns WHERE database = 'default' AND table IN
         (SELECT name FROM system.tables WHERE database = 'default' AND engine NOT LIKE '%View' AND name NOT LIKE '.tmp.%')
       ORDER BY table, position`,
    );

  it('are those of these tables', async () => {
    expect([...new Set((await columns()).map(({ table }) => table))]).toEqual([
      'crcr_workflow_job',
      'oot_activity_day',
      'oot_attempt_index',
      'oot_backend_registry',
      'oot_commit_day',
      'oot_migrations',
      'oot_pr_day',
      'oot_quarantine_log',
      'oot_readiness',
      'oot_replication_log',
      'oot_workflow_job',
      'oot_workflow_run',
    ]);
  });

  it('say what they hold', async () => {
    expect((await columns()).filter(({ comment }) => comment.trim() === '')).toEqual([]);
  });

  it('say UTC where they hold a time, in their type too', async () => {
    const times = (await columns()).filter(({ type }) => type.includes('Date'));
    expect(times.length).toBeGreaterThan(10);
    const saysUtc = ({ type, comment }: Column) =>
      (type === 'Date' || type.includes(`'UTC'`)) && /\bUTC\b/.test(comment);
    expect(times.filter((column) => !saysUtc(column))).toEqual([]);
  });

  it('say seconds where they hold a length of time', async () => {
    const lengths = (await columns()).filter(({ type }) => type.includes('Float'));
    expect(lengths.map(({ table, name }) => `${table}.${name}`)).toEqual([
      'crcr_workflow_job.queue_time',
      'crcr_workflow_job.execution_time',
      'crcr_workflow_job.duration_seconds',
      'oot_readiness.all_queue_seconds',
      'oot_readiness.median_end_to_end_seconds',
      'oot_replication_log.delay_seconds',
      'oot_workflow_job.queue_time',
      'oot_workflow_job.execution_time',
      'oot_workflow_job.duration_seconds',
      'oot_workflow_run.queue_seconds',
      'oot_workflow_run.span_seconds',
      'oot_workflow_run.end_to_end_seconds',
    ]);
    expect(lengths.filter(({ comment }) => !/^Seconds\b/.test(comment))).toEqual([]);
  });
});

// Queries as people have them: other tables' names, FINAL, started_at against now, typed parameters.
describe.each(['default.oot_workflow_job', 'default.crcr_workflow_job'])('queries on %s', (table) => {
  const todayMs = Math.floor(Date.now() / dayMs) * dayMs;
  /** Noon of a day in the past and some minutes, as nine digits of a second. */
  const at = (daysAgo: number, minutes = 0) =>
    `${dateTimeOfMs(todayMs - daysAgo * dayMs + dayMs / 2 + minutes * minuteMs)}000000`;
  const ran = (daysAgo: number, minutes: number, tookMinutes: number): Partial<WorkflowJobRow> => ({
    started_at: at(daysAgo, minutes),
    completed_at: at(daysAgo, minutes + tookMinutes),
    received_at: at(daysAgo, minutes).slice(0, 23),
  });
  const ascend = 'pytorch-labs/ascend-pytorch';
  const nightly = { event_type: 'nightly', pr_number: 0, job_name: 'nightly' } as const;

  async function ask(query: string, query_params: Record<string, unknown> = {}) {
    const result = await clickHouse.client.query({ query, query_params, format: 'JSONEachRow' });
    return result.json();
  }

  beforeAll(async () => {
    await clear();
    const superseded = attempt({ ...ran(1, 0, 30), dynamoKey: 'superseded', job_name: 'a', pr_number: 11 });
    const deleted = attempt({ ...ran(1, 1, 30), dynamoKey: 'deleted', pr_number: 11 });
    await insert({ ...superseded, conclusion: 'failure', revision: 1 }, { ...deleted, revision: 1 });
    await insert(
      { ...superseded, revision: 2 },
      { ...deleted, revision: 2, is_deleted: 1 },
      attempt({ ...ran(1, 5, 10), dynamoKey: 'b', job_name: 'b', pr_number: 11, conclusion: 'failure' }),
      attempt({ ...ran(2, 0, 20), dynamoKey: 'c', job_name: 'a', pr_number: 12 }),
      attempt({ ...ran(2, 9, 60), dynamoKey: 'd', job_name: 'b', pr_number: 12, conclusion: 'timed_out' }),
      attempt({ ...ran(3, 0, 30), dynamoKey: 'e', job_name: 'a', pr_number: 13 }),
      attempt({ ...ran(1, 7, 0), ...running, dynamoKey: 'f', job_name: 'c', pr_number: 11 }),
      attempt({ ...ran(40, 0, 30), dynamoKey: 'old', pr_number: 10 }),
      attempt({
        ...ran(1, 20, 30),
        dynamoKey: 'unstarted',
        started_at: null,
        execution_time: null,
        pr_number: 14,
      }),
      attempt({ ...ran(1, 30, 5), ...nightly, dynamoKey: 'n1', run_id: '91', conclusion: 'failure' }),
      attempt({ ...ran(1, 40, 5), ...nightly, dynamoKey: 'n2', run_id: '91', run_attempt: 2 }),
      attempt({ ...ran(2, 30, 5), ...nightly, dynamoKey: 'n3', run_id: '90', conclusion: 'failure' }),
      attempt({
        ...ran(1, 50, 15),
        dynamoKey: 'mlu',
        downstream_repo: 'pytorch-labs/cambricon-pytorch',
        pr_number: 11,
      }),
    );
  });

  it('sum up each repository: successes, failures, rate, average duration, last run', async () => {
    const summary = await ask(
      `SELECT repository_full_name AS repo,
         countIf(conclusion = 'success') AS successes, countIf(conclusion = 'failure') AS failures,
         countIf(conclusion = 'timed_out') AS timed_out, toUInt32(count()) AS total,
         if(total > 0, successes / total, 0) AS pass_rate,
         avg(duration_seconds) AS avg_duration_s, max(started_at) AS last_run
       FROM ${table} FINAL
       WHERE pr_number > 0 AND status = 'completed' AND started_at > now() - INTERVAL {days: UInt64} DAY
       GROUP BY repo ORDER BY pass_rate`,
      { days: 14 },
    );
    expect(summary).toEqual([
      {
        repo: ascend,
        successes: 3,
        failures: 1,
        timed_out: 1,
        total: 5,
        pass_rate: 0.6,
        avg_duration_s: 1_800,
        last_run: at(1, 5),
      },
      {
        repo: 'pytorch-labs/cambricon-pytorch',
        successes: 1,
        failures: 0,
        timed_out: 0,
        total: 1,
        pass_rate: 1,
        avg_duration_s: 900,
        last_run: at(1, 50),
      },
    ]);
  });

  it.each([
    [0, ['f', 'b', 'superseded', 'd', 'c']],
    [2, ['e']],
  ])('show a page of a backend, by its latest pull requests, from offset %d', async (offset, keys) => {
    const page = await ask(
      `SELECT dynamoKey FROM ${table} FINAL
       WHERE downstream_repo = {repo: String} AND started_at > now() - INTERVAL {days: UInt64} DAY
         AND pr_number IN (
           SELECT pr_number FROM ${table} FINAL
           WHERE downstream_repo = {repo: String} AND pr_number > 0
             AND started_at > now() - INTERVAL {days: UInt64} DAY
           GROUP BY pr_number ORDER BY max(started_at) DESC
           LIMIT {per_page: UInt64} OFFSET {offset: UInt64})
       ORDER BY started_at DESC`,
      { repo: ascend, days: 14, per_page: 2, offset },
    );
    expect(page).toEqual(keys.map((dynamoKey) => ({ dynamoKey })));
  });

  it('show the jobs of a pull request', async () => {
    const rows = await ask(
      `SELECT downstream_repo, job_name, status, conclusion, duration_seconds, queue_time, execution_time,
         run_attempt, started_at
       FROM ${table} FINAL WHERE pr_number = {pr: UInt64} ORDER BY downstream_repo, started_at DESC LIMIT 100`,
      { pr: 11 },
    );
    const row = (job_name: string, conclusion: string, duration_seconds: number, started_at: string) => ({
      downstream_repo: ascend,
      job_name,
      status: conclusion === '' ? 'in_progress' : 'completed',
      conclusion,
      duration_seconds,
      queue_time: 41.25,
      execution_time: 1_790.5,
      run_attempt: 1,
      started_at,
    });
    expect(rows).toEqual([
      row('c', '', 1_790.5, at(1, 7)),
      row('b', 'failure', 600, at(1, 5)),
      row('a', 'success', 1_800, at(1, 0)),
      {
        ...row('test (910b, 1, 4)', 'success', 900, at(1, 50)),
        downstream_repo: 'pytorch-labs/cambricon-pytorch',
      },
    ]);
  });

  it('show the jobs of several pull requests, given as an array', async () => {
    const rows = await ask(
      `SELECT pr_number, dynamoKey FROM ${table} FINAL
       WHERE pr_number IN {prs: Array(Int64)} AND downstream_repo_level IN ('L3', 'L4')
       ORDER BY pr_number, dynamoKey`,
      { prs: [12, 13] },
    );
    expect(rows.map((row) => (row as { dynamoKey: string }).dynamoKey)).toEqual(['c', 'd', 'e']);
  });

  it('show the last attempt of each nightly job', async () => {
    const rows = await ask(
      `SELECT dynamoKey, run_id, run_attempt, conclusion FROM ${table} FINAL
       WHERE downstream_repo = {repo: String} AND event_type = 'nightly'
         AND (run_id, job_name, run_attempt) IN (
           SELECT run_id, job_name, max(run_attempt) FROM ${table} FINAL
           WHERE downstream_repo = {repo: String} AND event_type = 'nightly'
           GROUP BY run_id, job_name)
       ORDER BY started_at DESC LIMIT 500`,
      { repo: ascend },
    );
    expect(rows).toEqual([
      { dynamoKey: 'n2', run_id: '91', run_attempt: 2, conclusion: 'success' },
      { dynamoKey: 'n3', run_id: '90', run_attempt: 1, conclusion: 'failure' },
    ]);
  });

  it('give the rate of each day', async () => {
    const days = await ask(
      `SELECT toDate(started_at) AS day, downstream_repo AS repo,
         countIf(conclusion = 'success') AS successes, toUInt32(count()) AS total,
         if(total > 0, successes / total, 0) AS pass_rate
       FROM ${table} FINAL
       WHERE status = 'completed' AND event_type = {event: String} AND downstream_repo = {repo: String}
         AND started_at > now() - INTERVAL {days: UInt64} DAY
       GROUP BY day, repo ORDER BY day, repo`,
      { days: 30, event: 'pull_request', repo: ascend },
    );
    const day = (daysAgo: number, successes: number, total: number) => ({
      day: at(daysAgo).slice(0, 10),
      repo: ascend,
      successes,
      total,
      pass_rate: successes / total,
    });
    expect(days).toEqual([day(3, 1, 1), day(2, 1, 2), day(1, 1, 2)]);
  });

  it('never show 1970 for a job whose start is unknown', async () => {
    const rows = await ask(`SELECT started_at, duration_seconds FROM ${table} FINAL WHERE pr_number = 14`);
    expect(rows).toEqual([{ started_at: null, duration_seconds: null }]);
  });
});
