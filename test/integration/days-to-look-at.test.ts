import { loadBackends } from '../../clickhouse/backends';
import { dateTimeOfMs, tables, type WorkflowJobRow } from '../../clickhouse/tables';
import { config } from '../../dashboards/config';
import { silentFrom } from '../../dashboards/queries/alert-backends';
import { silenceAt } from '../../dashboards/queries/backend-results';
import { atEnd, evenly, type Moments } from '../../dashboards/queries/moments';
import { newestAge } from '../../dashboards/queries/pipeline';
import { criterionTrend } from '../../dashboards/queries/readiness';
import type { CriterionColumn } from '../../dashboards/queries/readiness-criteria';
import { startClickHouse, type TestClickHouse } from '../helpers/engines';
import { expandQuery } from '../helpers/grafana';
import { attempt, clearAttempts, insertAttempts } from '../helpers/rows';

/*
 * Queries look for a backend's first and newest attempts and results on the days that oot_activity_day names. What an
 * attempt once was stays there, so a day proves nothing by what was deleted since, or became something else.
 */

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const nowMs = Date.now();
const repo = 'a/b';

let clickHouse: TestClickHouse;
beforeAll(async () => {
  clickHouse = await startClickHouse();
  await loadBackends(clickHouse.client, [{ repo, level: 'L2', device: '', oncalls: [] }], nowMs);
});
afterAll(() => clickHouse.stop());
beforeEach(() => clearAttempts(clickHouse.client));

/** An attempt received so many days ago, whose outcome came an hour later. */
const ago = (days: number, overrides: Partial<WorkflowJobRow> = {}): WorkflowJobRow =>
  attempt({
    dynamoKey: `attempt-${days}`,
    downstream_repo: repo,
    downstream_repo_level: 'L2',
    event_type: 'pull_request',
    pytorch_head_sha: `sha-${days}`,
    received_at: dateTimeOfMs(nowMs - days * dayMs),
    outcome_at: dateTimeOfMs(nowMs - days * dayMs + hourMs),
    ...overrides,
  });
const deleted = (row: WorkflowJobRow): WorkflowJobRow => ({
  ...row,
  revision: row.revision + 1,
  is_deleted: 1,
});
const insert = (...rows: WorkflowJobRow[]) => insertAttempts(clickHouse.client, rows);

const variables = { level: '$__all', backend: '$__all', upstream: '$__all', event_type: '$__all' };
const ask = <T>(sql: string, toMs = nowMs) =>
  clickHouse.rows<T>(expandQuery(sql, { fromMs: toMs - dayMs, toMs, variables }));

describe("a backend's newest result", () => {
  /** Days before now, at the end of the range. */
  const newest = async (daysAgo = 0, moments: Moments = atEnd) => {
    const rows = await ask<{ ms: number; hours: number }>(
      `SELECT toFloat64(last_result_ms) AS ms, silent_hours AS hours FROM (${silenceAt(moments)}) ORDER BY at DESC LIMIT 1`,
      nowMs - daysAgo * dayMs,
    );
    const [{ ms, hours } = { ms: 0, hours: 0 }] = rows;
    // The rule's limit finds the same hours another way.
    const [limit] = await ask<{ value: number }>(silentFrom(), nowMs - daysAgo * dayMs);
    expect(limit!.value).toBe(hours * 3_600);
    return { days: ms === 0 ? null : (nowMs + hourMs - ms) / dayMs, hours };
  };

  it.each([atEnd, evenly])('is the one before an attempt that was deleted', async (moments) => {
    await insert(ago(10), ago(5));
    expect(await newest(0, moments)).toMatchObject({ days: 5 });
    await insert(deleted(ago(5)));
    expect(await newest(0, moments)).toMatchObject({ days: 10 });
    await insert(deleted(ago(10)));
    expect(await newest(0, moments)).toMatchObject({ days: null });
  });

  it('is that of another attempt of the day on which one was deleted', async () => {
    await insert(ago(10), ago(5), ago(5, { dynamoKey: 'other', pytorch_head_sha: 'other' }));
    await insert(deleted(ago(5)));
    expect(await newest()).toMatchObject({ days: 5 });
  });

  it('is that of another attempt of its only day, though one was deleted on it', async () => {
    await insert(ago(5), ago(5, { dynamoKey: 'other', pytorch_head_sha: 'other' }));
    await insert(deleted(ago(5)));
    expect(await newest()).toMatchObject({ days: 5 });
  });

  it('is that of a level to which it came that day, though one was deleted on it', async () => {
    await insert(
      ago(10),
      ...['a', 'b'].map((dynamoKey) => ago(5, { dynamoKey, downstream_repo_level: 'L3' })),
    );
    await insert(deleted(ago(5, { dynamoKey: 'a', downstream_repo_level: 'L3' })));
    expect(await newest()).toMatchObject({ days: 5 });
  });

  it('is the one before an attempt that was given up, when its own report came after the range', async () => {
    const swept = ago(5, { state: 'swept', conclusion: 'timed_out' });
    await insert(ago(10), swept);
    expect(await newest(4)).toMatchObject({ days: 5 });
    await insert({
      ...swept,
      revision: swept.revision + 1,
      state: 'reported',
      conclusion: 'success',
      outcome_at: dateTimeOfMs(nowMs - 2 * dayMs + hourMs),
    });
    expect(await newest(4)).toMatchObject({ days: 10 });
    expect(await newest()).toMatchObject({ days: 2 });
  });

  it('of its scheduled runs does not hide that it tests pull requests', async () => {
    await insert(ago(60), ...[50, 20, 3, 1].map((days) => ago(days, { event_type: 'nightly' })));
    const perPullRequest = await newest();
    await insert(deleted(ago(60)));
    expect(perPullRequest).toMatchObject({ days: 1 });
    expect((await newest()).hours).not.toBe(perPullRequest.hours);
  });

  it('tells that it tests pull requests once one has ended, however it did', async () => {
    const { perPullRequest, nightlyOnly } = config.silentHours;
    const pr = ago(0.2, { status: 'in_progress', state: 'running', conclusion: '', outcome_at: null });
    await insert(ago(3, { event_type: 'nightly' }), pr);
    expect((await newest()).hours).toBe(nightlyOnly.default);
    const ended = { ...pr, status: 'completed', revision: pr.revision + 1, outcome_at: dateTimeOfMs(nowMs) };
    await insert({ ...ended, state: 'swept', conclusion: 'timed_out' });
    expect((await newest()).hours).toBe(perPullRequest.default);
    // Before it ended it was not known.
    expect((await newest(0.1)).hours).toBe(nightlyOnly.default);
  });
});

describe("a backend's first results", () => {
  const first = async (column: CriterionColumn) => {
    const rows = await ask<Record<string, number>>(criterionTrend(column, 'now64(3)'));
    return Math.round(rows.at(-1)?.[column] ?? -1);
  };

  it('are those after one that was deleted', async () => {
    await insert(ago(25), ago(12), ago(3));
    expect(await first('data_days')).toBe(25);
    await insert(deleted(ago(25)));
    expect(await first('data_days')).toBe(12);
  });

  it('are those that are left when a retention has dropped a day of attempts, and not yet that it was there', async () => {
    await insert(ago(25), ago(12), ago(3));
    const [day] = dateTimeOfMs(nowMs - 25 * dayMs).split(' ');
    await clickHouse.client.command({ query: `ALTER TABLE ${tables.workflowJob} DROP PARTITION '${day}'` });
    expect(await first('data_days')).toBe(12);
    expect(await first('level_days')).toBe(12);
  });

  it('are those of the level that an attempt came to', async () => {
    const started = ago(25, { status: 'in_progress', state: 'running', conclusion: '', outcome_at: null });
    await insert(started, ago(12));
    expect(await first('level_days')).toBe(25);
    await insert(ago(25, { revision: started.revision + 1, downstream_repo_level: 'L3' }));
    expect(await first('level_days')).toBe(12);
  });
});

it('the newest attempt is the one before what was deleted', async () => {
  const age = async () => Math.round(((await ask<{ age: number }>(newestAge()))[0]?.age ?? 0) / 86_400);
  await insert(ago(7), ago(2));
  expect(await age()).toBe(2);
  await insert(deleted(ago(2)));
  expect(await age()).toBe(7);
});
