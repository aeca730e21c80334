import { dateTimeOfMs, type WorkflowJobRow } from '../../clickhouse/tables';
import type { Labels } from '../../dashboards/alerts/evaluate';
import {
  alerting,
  at,
  days,
  hours,
  job,
  msAt,
  recovering,
  rerun,
  row,
  runbook,
  series,
  useAlertClock,
} from '../helpers/alert-clock';

const { add, breaches, changes, measureReadiness, reset, rows: rowsAt, texts } = useAlertClock();
/** As asked of that minute, which is what Grafana gets when ClickHouse measured then. */
async function rows(name: string, minute = 0) {
  const asked = await rowsAt(name, minute);
  await measureReadiness(minute);
  expect(await rowsAt(name, minute, false)).toEqual(asked);
  return asked;
}

const four: Labels = { backend: 'a/four', level: 'L4', severity: 'warning', oncall: 'ann, bob' };
const three: Labels = { backend: 'b/three', level: 'L3', severity: 'warning', oncall: 'cem' };
const otherThree: Labels = { backend: 'c/three', level: 'L3', severity: 'warning', oncall: 'nobody' };
const everybody = ['a/four', 'b/three', 'd/two', 'e/one', 'not/known'];
const page = 'https://grafana.example/d/oot-readiness?viewPanel=2&var-backend=';

describe.each([
  ['OotQueueTimeHigh', 1_800],
  ['OotTimeoutRateHigh', 0.01],
  ['OotOverrunRateHigh', 0.01],
])('%s', (rule, limit) => {
  it('does not judge when nothing is known, and has no row of an L2, an L1 or a stranger', async () => {
    expect(await rows(rule)).toEqual([four, three, otherThree].map((labels) => row(labels, null, limit)));
    expect(await changes(rule, [0, 60])).toEqual({ 0: [] });
  });

  it('keeps what was measured last while nothing is measured', async () => {
    const slow = { queue_time: 9_000, started_at: at(-hours(10)), completed_at: at(-hours(5)) };
    await add(...series('a/four', 't'.repeat(20), slow));
    const [measured] = await rows(rule);
    expect(measured).toMatchObject({ labels: four, isBreaching: true });
    const later = days(20);
    expect((await rowsAt(rule, later))[0]).toEqual(row(four, null, limit));
    expect((await rowsAt(rule, later, false))[0]).toEqual(measured);
  });

  it('has no row at all when nobody is registered', async () => {
    await reset([]);
    await add(...series('a/four', 't'.repeat(20), { queue_time: 9_000 }));
    expect(await rows(rule)).toEqual([]);
    expect(await changes(rule, [0, 60])).toEqual({ 0: [] });
  });
});

describe('OotQueueTimeHigh', () => {
  const rule = 'OotQueueTimeHigh';
  const waited = (backend: string, count: number, seconds: number, overrides: Partial<WorkflowJobRow> = {}) =>
    series(backend, 's'.repeat(count), { queue_time: seconds, ...overrides });

  it('fires after 30 minutes at the limit, and is kept for 6 hours', async () => {
    await add(
      ...waited('b/three', 19, 1_800),
      job('b/three', 5, 's', { queue_time: 1_800 }),
      job('b/three', 55, 's', { queue_time: 1_590 }),
    );
    expect(await changes(rule, [0, 70], [400, 430])).toEqual({
      0: [],
      40: [alerting(three, 1_800, 1_800)],
      60: [recovering(three, 1_790, 1_800)],
      420: [],
    });
  });

  it('says who, how long, where to look and what to do', async () => {
    await add(...waited('a/four', 20, 2_700));
    expect(await texts(rule)).toEqual([
      {
        summary: 'Jobs of a backend wait 30 minutes or more for a runner.',
        description:
          'a/four (L4, oncall: ann, bob): the mean queue time of its runs is 45m 0s over pull_request events of the last 14 days, its limit is 30m 0s.',
        runbook_url: `${runbook}ootqueuetimehigh`,
        dashboard: `${page}a%2Ffour`,
      },
    ]);
  });

  it('measures L3 and L4, and no other', async () => {
    await add(...everybody.flatMap((repo) => waited(repo, 20, 1_801)));
    expect(await rows(rule)).toEqual([
      row(four, 1_801, 1_800, true),
      row(three, 1_801, 1_800, true),
      row(otherThree, null, 1_800),
    ]);
  });

  it('is fine just under the limit', async () => {
    await add(...waited('a/four', 20, 1_799.5));
    expect((await rows(rule))[0]).toEqual(row(four, 1_799.5, 1_800));
  });

  it('does not judge 19 runs, and counts none without a queue time, re-run, of a nightly or over 14 days old', async () => {
    await add(
      ...waited('a/four', 19, 9_000),
      job('a/four', -5, 's', { queue_time: null }),
      job('a/four', -4, 's', { queue_time: 9_000, run_attempt: 2 }),
      job('a/four', -3, 's', { queue_time: 9_000, event_type: 'nightly' }),
      job('a/four', -days(14) - 1, 's', { queue_time: 9_000 }),
      ...waited('b/three', 20, 9_000, { run_id: 'one run' }),
      // Known from the start: a run counts before its end.
      ...waited('c/three', 19, 9_000),
      job('c/three', -1, 's', { queue_time: 9_000, outcome: 30 }),
    );
    expect(await rows(rule)).toEqual([
      row(four, null, 1_800),
      row(three, null, 1_800),
      row(otherThree, 9_000, 1_800, true),
    ]);
  });
});

describe('OotTimeoutRateHigh', () => {
  const rule = 'OotTimeoutRateHigh';

  it('fires after 30 minutes at the limit, is kept for 6 hours after a re-run healed it', async () => {
    const bad = job('a/four', -100, 't', { outcome: 5 });
    await add(...series('a/four', 's'.repeat(99)), bad, rerun(bad, 45, 's', 55));
    expect(await changes(rule, [0, 70], [390, 430])).toEqual({
      0: [],
      40: [alerting(four, 0.01, 0.01)],
      // While it runs again the job counts no more.
      50: [recovering(four, 0, 0.01)],
      410: [],
    });
  });

  it('says who, how much, where to look and what to do', async () => {
    await add(...series('b/three', `${'s'.repeat(28)}tt`));
    expect(await texts(rule)).toEqual([
      {
        summary: '1 % or more of the jobs of a backend time out.',
        description:
          'b/three (L3, oncall: cem): the share of counted jobs that timed out is 6.667% over pull_request events of the last 14 days, its limit is 1%.',
        runbook_url: `${runbook}oottimeoutratehigh`,
        dashboard: `${page}b%2Fthree`,
      },
    ]);
  });

  it('measures L3 and L4, and no other', async () => {
    await add(...everybody.flatMap((repo) => series(repo, `${'s'.repeat(18)}tt`)));
    expect(await rows(rule)).toEqual([
      row(four, 0.1, 0.01, true),
      row(three, 0.1, 0.01, true),
      row(otherThree, null, 0.01),
    ]);
  });

  it('is fine under the limit, and with failures, which are no timeouts', async () => {
    await add(...series('a/four', `${'s'.repeat(100)}t`), ...series('b/three', 'f'.repeat(20)));
    expect((await rows(rule)).slice(0, 2)).toEqual([row(four, 1 / 101, 0.01), row(three, 0, 0.01)]);
  });

  it('does not judge 19 jobs, and counts none that was cancelled, runs, of a nightly or over 14 days old', async () => {
    await add(
      ...series('a/four', `${'s'.repeat(9)}${'t'.repeat(10)}cr`),
      job('a/four', -5, 't', { outcome: 1 }),
      job('a/four', -5, 't', { event_type: 'nightly' }),
      job('a/four', -days(14) - 1, 't'),
    );
    expect((await rows(rule))[0]).toEqual(row(four, null, 0.01));
    expect((await rows(rule, 1))[0]).toEqual(row(four, 0.55, 0.01, true));
  });
});

describe('OotOverrunRateHigh', () => {
  const rule = 'OotOverrunRateHigh';
  /** A job that started when it was received and took so many minutes. */
  const took = (minutes: number, repo = 'a/four', minute = -hours(10), outcome = minute) =>
    job(repo, minute, 's', {
      started_at: dateTimeOfMs(msAt(minute)),
      completed_at: dateTimeOfMs(msAt(minute + minutes)),
      outcome,
    });

  it('fires after 30 minutes, is kept for 6 hours after a re-run was faster', async () => {
    const slow = took(200, 'b/three', -195, 5);
    await add(...series('b/three', 's'.repeat(19)), slow, rerun(slow, 55, 's', 58));
    expect(await changes(rule, [0, 70], [400, 430])).toEqual({
      0: [],
      40: [alerting(three, 0.05, 0.01)],
      60: [recovering(three, 0, 0.01)],
      420: [],
    });
  });

  it('says who, how much, where to look and what to do', async () => {
    await add(...series('c/three', 's'.repeat(19)), took(181, 'c/three'));
    expect(await texts(rule)).toEqual([
      {
        summary: '1 % or more of the jobs of a backend run for over 3 hours.',
        description:
          'c/three (L3, oncall: nobody): the share of counted jobs that took over 3 h is 5% over pull_request events of the last 14 days, its limit is 1%.',
        runbook_url: `${runbook}ootoverrunratehigh`,
        dashboard: `${page}c%2Fthree`,
      },
    ]);
  });

  it('measures L3 and L4, and no other', async () => {
    await add(...everybody.flatMap((repo) => [...series(repo, 's'.repeat(19)), took(181, repo)]));
    expect(await rows(rule)).toEqual([
      row(four, 0.05, 0.01, true),
      row(three, 0.05, 0.01, true),
      row(otherThree, null, 0.01),
    ]);
  });

  it('is fine with jobs of exactly 3 hours, and at the limit it is not', async () => {
    await add(
      ...Array.from({ length: 20 }, () => took(180)),
      ...series('b/three', 's'.repeat(99)),
      took(181, 'b/three'),
    );
    expect((await rows(rule)).slice(0, 2)).toEqual([row(four, 0, 0.01), row(three, 0.01, 0.01, true)]);
  });

  it('does not judge 20 jobs of which the duration of one is unknown', async () => {
    const unknown = { started_at: null, completed_at: null, execution_time: null };
    await add(...Array.from({ length: 19 }, () => took(181)), job('a/four', -5, 's', unknown));
    expect(await breaches(rule)).toEqual({});
    await add(took(181));
    expect(await breaches(rule)).toEqual({ 'a/four': 1 });
    // Out of the window.
    expect(await breaches(rule, days(14))).toEqual({});
  });
});
