import fc from 'fast-check';
import { loadBackends } from '../../clickhouse/backends';
import {
  dateTimeOfMs,
  tables,
  type QuarantineRow,
  type ReplicationRow,
  type WorkflowJobRow,
} from '../../clickhouse/tables';
import { pipelineDashboard } from '../../dashboards/pipeline';
import * as queries from '../../dashboards/queries/pipeline';
import { probeRunsSql, probeSummarySql } from '../../dashboards/queries/relay-probe';
import { loadDemo } from '../helpers/demo';
import { startClickHouse, type TestClickHouse } from '../helpers/engines';
import { expandQuery, type VariableValue } from '../helpers/grafana';
import { attempt, insertAttempts } from '../helpers/rows';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const nowMs = Date.now();
const range = { fromMs: nowMs - 7 * dayMs, toMs: nowMs };

let clickHouse: TestClickHouse;
beforeAll(async () => {
  clickHouse = await startClickHouse();
});
afterAll(() => clickHouse.stop());

const clear = async () => {
  for (const table of Object.values(tables))
    await clickHouse.client.command({ query: `TRUNCATE TABLE ${table}` });
};
const put = async (table: string, values: unknown[]) => {
  if (values.length > 0) await clickHouse.client.insert({ table, values, format: 'JSONEachRow' });
};
const ask = <T = Record<string, unknown>>(rawSql: string, backend: VariableValue = '$__all') =>
  clickHouse.rows<T>(expandQuery(rawSql, { ...range, variables: { backend, datasource: 'chosen' } }));

const ago = (ms: number) => dateTimeOfMs(nowMs - ms);
const received = (agoMs: number, overrides: Partial<WorkflowJobRow> = {}) =>
  attempt({
    downstream_repo: 'a/b',
    job_name: `job ${agoMs}`,
    received_at: ago(agoMs),
    updated_at: ago(agoMs),
    ...overrides,
  });
const running = { status: 'in_progress', conclusion: '', state: 'running', completed_at: null } as const;
const swept = { conclusion: 'timed_out', state: 'swept' } as const;

const quarantined = (id: string, overrides: Partial<QuarantineRow> = {}): QuarantineRow => ({
  id,
  dynamoKey: `a/b/${id}`,
  reason: 'invalid_status',
  detail: 'status is not one of the known ones',
  source: 'stream',
  record: '{"secret":"of the record"}',
  quarantined_at: ago(2 * hourMs),
  resolved_at: null,
  version: nowMs,
  ...overrides,
});
const shard = (
  shard_id: string,
  heartbeatAgoMs: number,
  overrides: Partial<ReplicationRow> = {},
): ReplicationRow => ({
  stream_arn: 'arn',
  shard_id,
  replicator: 'poller',
  position: '7',
  newest_record_at: ago(2 * hourMs),
  delay_seconds: 0.4,
  heartbeat_at: ago(heartbeatAgoMs),
  version: nowMs,
  is_deleted: 0,
  ...overrides,
});

describe('pipeline, by hand', () => {
  beforeEach(clear);

  it('shows as unknown, never as 0 s, what it knows nothing about', async () => {
    expect(await ask(queries.newestAge())).toEqual([{ age: null }]);
    expect(await ask(queries.currentDelay())).toEqual([{ p99: null }]);
    expect(await ask(queries.oldestHeartbeat())).toEqual([{ age: null }]);
    expect(await ask(queries.quarantined())).toEqual([{ entries: 0 }]);
    expect(await ask(queries.delayOverTime())).toEqual([]);
  });

  it('measures the age of the newest result and the delay of the stream, of the chosen backends', async () => {
    await insertAttempts(clickHouse.client, [
      received(3 * hourMs, { updated_at: ago(30_000) }),
      received(2 * hourMs, { source: 'backfill', updated_at: ago(45 * minuteMs) }),
      received(hourMs, { downstream_repo: 'c/d', updated_at: ago(90 * minuteMs) }),
    ]);
    const [newest] = await ask<{ age: number }>(queries.newestAge());
    const [own] = await ask<{ age: number }>(queries.newestAge(), ['a/b']);
    expect(newest!.age).toBeCloseTo(3_600, -2);
    expect(own!.age).toBeCloseTo(7_200, -2);
    const [delay] = await ask<{ p99: number }>(queries.currentDelay());
    expect(delay!.p99).toBeGreaterThanOrEqual(30);
    expect(delay!.p99).toBeLessThan(60 + (Date.now() - nowMs) / 1000);
    expect(await ask(queries.currentDelay(), ['c/d'])).toEqual([{ p99: null }]);
    expect(await ask(queries.delayOverTime())).toHaveLength(2);
    expect(await ask(queries.newestAge(), [`it's`])).toEqual([{ age: null }]);
  });

  it('counts jobs that never completed, by their newest attempt, and lists them', async () => {
    await insertAttempts(clickHouse.client, [
      received(8 * hourMs, { ...running, job_name: 'lost' }),
      received(9 * hourMs, { ...swept, job_name: 'swept' }),
      received(10 * hourMs, { ...swept, job_name: 're-run' }),
      received(7 * hourMs, { job_name: 're-run', run_attempt: 2 }),
      received(hourMs, { ...running, job_name: 'still well' }),
      received(8 * dayMs, { ...running, job_name: 'before the time range' }),
      received(9 * hourMs, { conclusion: 'timed_out', job_name: 'said so itself' }),
    ]);
    expect(await ask(queries.neverCompleted())).toEqual([{ overdue: 1, swept: 1 }]);
    expect((await ask(queries.lostJobs())).map(({ how, job_name }) => ({ how, job_name }))).toEqual([
      { how: 'overdue', job_name: 'lost' },
      { how: 'swept', job_name: 'swept' },
    ]);
  });

  describe("the relay's probe", () => {
    const probe = (agoMs: number, overrides: Partial<WorkflowJobRow> = {}) =>
      received(agoMs, { downstream_repo: 'pytorch/crcr-test', workflow_name: 'probe', ...overrides });
    const ofPr = (pr_number: number, agoMs: number, overrides: Partial<WorkflowJobRow> = {}) =>
      probe(agoMs, { pr_number, pytorch_head_sha: `sha-${pr_number}`, job_name: 'pass', ...overrides });
    const nightly = (sha: string, agoMs: number, overrides: Partial<WorkflowJobRow> = {}) =>
      probe(agoMs, {
        event_type: 'nightly',
        pr_number: 0,
        pytorch_head_sha: sha,
        delivery_id: sha,
        job_name: 'pass',
        ...overrides,
      });
    const summary = () => ask(probeSummarySql);
    const runs = () =>
      ask(
        `SELECT event, pr, sha, verdict, jobs, good_jobs AS good, bad_jobs AS bad, overdue_jobs AS overdue, running_jobs AS running FROM (${probeRunsSql})`,
      );

    it('is unknown where it never ran', async () => {
      await insertAttempts(clickHouse.client, [received(hourMs)]);
      expect(await summary()).toEqual([{ prs_off: null, hours_since: null }]);
      expect(await runs()).toEqual([]);
    });

    it('is shown by its last 5 PRs and its last 5 scheduled runs, each job by what its name announces', async () => {
      const history = [
        // The sixth last, which nobody sees any more.
        ofPr(1, 60 * hourMs, { conclusion: 'failure' }),
        ...[2, 3].map((pr) => ofPr(pr, (50 - pr) * hourMs)),
        ofPr(4, 40 * hourMs, { job_name: 'probe xfail', conclusion: 'failure' }),
        ofPr(5, 30 * hourMs, { job_name: 'probe xfail', conclusion: 'success' }),
        ofPr(5, 30 * hourMs, { job_name: 'probe xcancel', conclusion: 'cancelled' }),
        ofPr(6, 20 * hourMs, running),
        // Nothing of this one counts yet.
        ofPr(7, hourMs, running),
        ...[1, 2, 3, 4, 5, 6].map((n) => nightly(`night-${n}`, (200 - 24 * n) * hourMs)),
        // No new run: that of an old night, run again.
        nightly('night-2', hourMs, { run_attempt: 2, conclusion: 'failure' }),
      ];
      await insertAttempts(clickHouse.client, history, { withRuns: true });
      expect(await summary()).toEqual([{ prs_off: 2, hours_since: expect.closeTo(56, 2) as number }]);
      const one = { jobs: 1, good: 0, bad: 0, overdue: 0, running: 0 };
      const pr = (number: number, rest: object) => ({
        event: 'pull_request',
        pr: number,
        sha: `sha-${number}`,
        ...one,
        ...rest,
      });
      const night = (n: number, rest: object) => ({
        event: 'nightly',
        pr: 0,
        sha: `night-${n}`,
        ...one,
        ...rest,
      });
      const good = { verdict: 'success', good: 1 };
      expect(await runs()).toEqual([
        pr(6, { verdict: 'overdue', overdue: 1, running: 1 }),
        pr(5, { verdict: 'failure', jobs: 2, good: 1, bad: 1 }),
        pr(4, good),
        pr(3, good),
        pr(2, good),
        night(6, good),
        night(5, good),
        night(4, good),
        night(3, good),
        night(2, { verdict: 'failure', bad: 1 }),
      ]);
    });
  });

  it('shows each shard, the one that was read longest ago first, and none that was read to its end', async () => {
    await put(tables.replication, [
      shard('fresh', 1_000),
      shard('stale', hourMs, { newest_record_at: null, delay_seconds: null, position: '' }),
      shard('ended', 2 * hourMs, { is_deleted: 1 }),
    ]);
    const rows = await ask(queries.shards());
    expect(
      rows.map(({ shard_id, newest_record_age, delay_seconds, position }) => [
        shard_id,
        newest_record_age === null,
        delay_seconds,
        position,
      ]),
    ).toEqual([
      ['stale', true, null, ''],
      ['fresh', false, 0.4, '7'],
    ]);
    expect(rows[0]!.heartbeat_age).toBeCloseTo(3_600, -2);
    expect((await ask(queries.oldestHeartbeat()))[0]!.age).toBeCloseTo(3_600, -2);
  });

  it('counts what is in quarantine now, and draws what came to it, by reason', async () => {
    await put(tables.quarantine, [
      quarantined('newest', { quarantined_at: ago(hourMs), reason: 'no_time' }),
      quarantined('resolved', { resolved_at: ago(minuteMs) }),
      quarantined('long ago', { quarantined_at: ago(30 * dayMs) }),
    ]);
    expect(await ask(queries.quarantined())).toEqual([{ entries: 2 }]);
    const listed = await ask(queries.newestQuarantined());
    expect(listed.map(({ dynamo_key }) => dynamo_key)).toEqual(['a/b/newest', 'a/b/long ago']);
    expect(JSON.stringify(listed)).not.toContain('secret');
    expect(
      (await ask(queries.quarantineByReason())).map(({ reason, entries }) => [reason, entries]).sort(),
    ).toEqual([
      ['invalid_status', 1],
      ['no_time', 1],
    ]);
  });

  it('lists every registered backend, also without a result, and those that nobody registered', async () => {
    await loadBackends(
      clickHouse.client,
      ['a/b', 'c/d'].map((repo) => ({ repo, level: 'L2' as const, device: '', oncalls: [] })),
      nowMs,
    );
    await insertAttempts(clickHouse.client, [
      received(hourMs),
      received(8 * dayMs, { downstream_repo: 'e/f' }),
    ]);
    const rows = await ask(queries.completeness());
    const none = { attempts: 0, no_start: null, no_queue_time: null, no_tests: null, no_sha: null };
    expect(rows).toEqual([
      { downstream_repo: 'c/d', level: 'L2', ...none, newest_age: null },
      { downstream_repo: 'e/f', level: '', ...none, newest_age: expect.closeTo(8 * 86_400, -2) as number },
      {
        downstream_repo: 'a/b',
        level: 'L2',
        attempts: 1,
        no_start: 0,
        no_queue_time: 0,
        no_tests: 0,
        no_sha: 0,
        newest_age: expect.closeTo(3_600, -2) as number,
      },
    ]);
    expect(await ask(queries.completeness(), ['c/d'])).toHaveLength(1);
  });
});

describe('pipeline, against the same counts in TypeScript', () => {
  const drawn = fc.record({
    downstream_repo: fc.constantFrom('a/b', 'c/d'),
    kind: fc.constantFrom('completed', 'completed', 'running', 'swept'),
    conclusion: fc.constantFrom('success', 'failure', 'cancelled'),
    run_attempt: fc.integer({ min: 1, max: 3 }),
    queue_time: fc.constantFrom(null, 0, 60),
    started_at: fc.constantFrom(null, '2026-11-20 10:00:00.000000000'),
    total_tests: fc.constantFrom(null, 0, 12),
    pytorch_head_sha: fc.constantFrom('', 'sha'),
    agoHours: fc.integer({ min: 0, max: 9 * 24 }),
  });
  const kinds = { completed: {}, running, swept };
  const history = fc.array(drawn, { maxLength: 25 }).map((attempts) =>
    attempts.map(({ kind, agoHours, ...fields }, index) =>
      received(agoHours * hourMs + index * 1000 + 1, {
        ...fields,
        job_name: `job ${index}`,
        ...kinds[kind],
      }),
    ),
  );
  const share = (part: unknown[], whole: unknown[]) =>
    whole.length === 0 ? null : part.length / whole.length;
  const timeOf = (text: string) => Date.parse(`${text.replace(' ', 'T')}Z`);

  it('agrees on what is missing, on attempts by outcome and backend, and on jobs that never completed', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (all) => {
        await clear();
        await insertAttempts(clickHouse.client, all);
        const rows = all.filter((row) => timeOf(row.received_at) >= range.fromMs);
        const isOverdue = (row: WorkflowJobRow) =>
          row.state === 'running' && timeOf(row.received_at) < nowMs - 375 * minuteMs;
        const shown = await ask(queries.completeness());
        for (const repo of new Set(all.map((row) => row.downstream_repo))) {
          const own = rows.filter((row) => row.downstream_repo === repo);
          const first = own.filter((row) => row.run_attempt === 1);
          const completed = own.filter((row) => row.status === 'completed');
          expect(shown.find((row) => row.downstream_repo === repo)).toMatchObject({
            attempts: own.length,
            no_start: share(
              own.filter((row) => row.started_at === null),
              own,
            ),
            no_queue_time: share(
              first.filter((row) => row.queue_time === null),
              first,
            ),
            no_tests: share(
              completed.filter((row) => row.total_tests === null),
              completed,
            ),
            no_sha: share(
              own.filter((row) => row.pytorch_head_sha === ''),
              own,
            ),
          });
        }
        const byOutcome = await ask<Record<string, number>>(queries.attemptsByOutcome());
        const total = (column: string) => byOutcome.reduce((sum, row) => sum + row[column]!, 0);
        expect(Object.fromEntries(queries.shownStates.map((state) => [state, total(state)]))).toEqual({
          failure: rows.filter((row) => row.state === 'reported' && row.conclusion === 'failure').length,
          success: rows.filter((row) => row.state === 'reported' && row.conclusion === 'success').length,
          cancelled: rows.filter((row) => row.state === 'reported' && row.conclusion === 'cancelled').length,
          timed_out: rows.filter((row) => row.state === 'swept').length,
          overdue: rows.filter(isOverdue).length,
          running: rows.filter((row) => row.state === 'running' && !isOverdue(row)).length,
          skipped: 0,
          neutral: 0,
        });
        const byBackend = await ask<{ attempts: number }>(queries.attemptsByBackend());
        expect(byBackend.reduce((sum, row) => sum + row.attempts, 0)).toBe(rows.length);
        expect(await ask(queries.neverCompleted())).toEqual([
          {
            overdue: rows.filter(isOverdue).length,
            swept: rows.filter((row) => row.state === 'swept').length,
          },
        ]);
      }),
      { numRuns: 40 },
    );
  });
});

describe('pipeline, on the demo history', () => {
  beforeAll(async () => {
    await clear();
    // Moved to now: how old the newest result is and how old heartbeats are, the queries ask the engine's clock.
    await loadDemo(clickHouse.client, { endMs: nowMs });
    await put(tables.quarantine, [quarantined('one')]);
    await put(tables.replication, [shard('one', 1_000)]);
  });

  const panels = (pipelineDashboard().panels ?? []).flatMap((panel) =>
    'targets' in panel
      ? [{ title: panel.title ?? '', sql: (panel.targets[0] as unknown as { rawSql: string }).rawSql }]
      : [],
  );

  it.each(panels)('has rows for $title', async ({ sql }) => {
    expect((await ask(sql)).length).toBeGreaterThan(0);
  });

  it('asks something in every panel', () => {
    expect(panels).toHaveLength(15);
  });
});
