import type { WorkflowJobRow } from '../../clickhouse/tables';
import type { Labels } from '../../dashboards/alerts/evaluate';
import {
  nightlyHoursSql,
  nightlyLateSql,
  nightlyStandingSql,
  nightlyTimelineSql,
  nightlyUnexpectedCountSql,
} from '../../dashboards/queries/nightly';
import {
  alerting,
  days,
  hours,
  job,
  type Mark,
  msAt,
  probe,
  recovering,
  rerun,
  row,
  runbook,
  useAlertClock,
} from '../helpers/alert-clock';
import { expandQuery } from '../helpers/grafana';

const { add, breaches, changes, engine, rows, texts } = useAlertClock();

/** What a panel of the nightly page shows at a minute, nothing chosen. */
const panel = (query: string, minute: number) =>
  engine().rows<Record<string, number>>(
    expandQuery(query, {
      fromMs: msAt(minute - days(7)),
      toMs: msAt(minute),
      intervalMs: 600_000,
      variables: { level: '$__all', backend: '$__all', event: '$__all', upstream: '$__all' },
    }),
  );

/** A job of a night. */
const night = (
  backend: string,
  minute: number,
  mark: Mark,
  overrides: Parameters<typeof job>[3] = {},
): WorkflowJobRow => job(backend, minute, mark, { event_type: 'nightly', pr_number: 0, ...overrides });

const four: Labels = { backend: 'a/four', level: 'L4', severity: 'warning', oncall: 'ann, bob' };
const three: Labels = { backend: 'b/three', level: 'L3', severity: 'warning', oncall: 'cem' };
const otherThree: Labels = { backend: 'c/three', level: 'L3', severity: 'warning', oncall: 'nobody' };
const two: Labels = { backend: 'd/two', level: 'L2', severity: 'info', oncall: 'dee' };
const ofProbe: Labels = { backend: probe, level: 'L2', severity: 'info', oncall: 'nobody' };
const nightly = { event: 'nightly', upstream: 'pytorch/pytorch' };
const nightlyPage = 'https://grafana.example/d/oot-nightly';

describe('OotNightlyLate', () => {
  const rule = 'OotNightlyLate';

  it('fires 30 minutes after a night is 30 hours ago, and ends with the first job of the next one', async () => {
    await add(night('b/three', -hours(30), 's'), night('b/three', 50, 'r'));
    expect(await changes(rule, [-5, 60])).toEqual({
      [-5]: [],
      35: [alerting({ ...three, ...nightly }, expect.closeTo(30.58, 2) as never, 30)],
      55: [],
    });
  });

  it('says who, which run, how long, where to look and what to do', async () => {
    await add(night('b/three', -hours(50), 's', { event_type: 'periodic', upstream_repo: 'other/up' }));
    expect(await texts(rule)).toEqual([
      {
        summary: 'A scheduled run of a backend did not come.',
        description:
          'b/three (L3, oncall: cem): its last periodic run for other/up began 50 h ago, 30 h are too long. Looked for: 30 days back.',
        runbook_url: `${runbook}ootnightlylate`,
        dashboard: `${nightlyPage}?viewPanel=9&var-backend=b%2Fthree&var-event=periodic&var-upstream=other%2Fup`,
      },
    ]);
  });

  it('has a row for each event and upstream repository, and none of an L1, a stranger or who never ran by the clock', async () => {
    await add(
      night('a/four', -hours(31), 's'),
      night('a/four', -hours(2), 's', { event_type: 'periodic' }),
      night('a/four', -hours(3), 's', { upstream_repo: 'other/up' }),
      night('d/two', -hours(29), 'f'),
      job('b/three', -hours(40), 's'),
      night('e/one', -hours(40), 's'),
      night('not/known', -hours(40), 's'),
    );
    expect(await rows(rule)).toEqual(
      [
        row({ ...four, ...nightly }, 31, 30, true),
        row({ ...four, event: 'nightly', upstream: 'other/up' }, 3, 30),
        row({ ...four, ...nightly, event: 'periodic' }, 2, 30),
        row({ ...two, ...nightly }, 29, 30),
      ].sort((a, b) => (JSON.stringify(a.labels) < JSON.stringify(b.labels) ? -1 : 1)),
    );
    // As the page beside it has it, which shows who is not registered, too.
    const shown = (await panel(nightlyHoursSql, 0)).map(({ hours_since }) => hours_since);
    expect(shown).toEqual([40, 40, 31, 29, 3, 2]);
  });

  it('takes no re-run and no pull request for a night', async () => {
    const first = night('a/four', -hours(40), 'f', { pytorch_head_sha: 'n1' });
    await add(first, rerun(first, -hours(1), 's'), job('a/four', -10, 's'));
    expect(await breaches(rule)).toEqual({ 'a/four': 40 });
    // Nor where the night itself is older than all that is looked at: then it is as if there had been none.
    expect(await breaches(rule, days(30) - hours(40))).toEqual({ 'a/four': days(30) / 60 });
    expect(await rows(rule, days(30) - hours(40) + 1)).toEqual([]);
  });

  it('takes another run on the same commit for a night: it stays the newest for days', async () => {
    const ofCommit = { pytorch_head_sha: 'n1', delivery_id: 'n1', workflow_name: 'w', job_name: 'j' };
    const nights = [-50, -26, -2].map((hour) => night('a/four', hours(hour), 's', ofCommit));
    await add(...nights, rerun(nights[1]!, -hours(1), 's'));
    expect((await rows(rule)).map(({ value }) => value)).toEqual([2]);
    expect(await rows(rule, -hours(3))).toEqual([row({ ...four, ...nightly }, 23, 30)]);
    expect((await panel(nightlyStandingSql, 0)).map(({ hours_since }) => hours_since)).toContain(2);
    expect((await panel(nightlyHoursSql, 0)).map(({ hours_since }) => hours_since)).toEqual([2]);
    expect(await panel(nightlyLateSql, 0)).toEqual([{ late: 0 }]);
    const timeline = await panel(nightlyTimelineSql, 0);
    expect(timeline.map(({ verdict }) => verdict)).toEqual(['success']);
  });

  it('is fine when nothing is known', async () => {
    expect(await rows(rule)).toEqual([]);
    expect(await changes(rule, [0, 40])).toEqual({ 0: [] });
  });
});

describe('OotNightlyUnexpected', () => {
  const rule = 'OotNightlyUnexpected';

  it('fires 10 minutes after a scheduled job failed, is kept for an hour after a re-run healed it', async () => {
    const bad = night('b/three', -30, 'f', { outcome: 5, pytorch_head_sha: 'n1' });
    await add(bad, night('b/three', -30, 's', { job_name: 'other' }), rerun(bad, 29, 's', 45));
    expect(await changes(rule, [0, 50], [85, 95])).toEqual({
      0: [],
      15: [alerting(three, 1, 0)],
      30: [recovering(three, 0, 0)],
      90: [],
    });
  });

  it('says who, how many, where to look and what to do', async () => {
    await add(night('a/four', -hours(3), 'f'), night('a/four', -hours(2), 't', { event_type: 'periodic' }));
    expect(await texts(rule)).toEqual([
      {
        summary: 'Scheduled jobs of a backend did not end as expected.',
        description:
          'a/four (L4, oncall: ann, bob): 2 nightly or periodic jobs of the last 24 h did not end as expected, limit 0.',
        runbook_url: `${runbook}ootnightlyunexpected`,
        dashboard: `${nightlyPage}?viewPanel=12&var-backend=a%2Ffour`,
      },
    ]);
  });

  it('counts what counts: no pull request, nothing cancelled, what a probe announced is fine', async () => {
    await add(
      night('a/four', -60, 'f'),
      ...(['s', 'c', 'r'] as const).map((mark) => night('b/three', -60, mark)),
      job('c/three', -60, 'f'),
      job('c/three', -60, 'f', { event_type: 'push', pr_number: 0 }),
      night('d/two', -60, 't'),
      night('d/two', -60, 'f'),
      night(probe, -60, 'f', { job_name: 'xfail' }),
      night(probe, -60, 's', { job_name: 'xcancel' }),
      night('e/one', -60, 'f'),
      night('not/known', -60, 'f'),
    );
    expect(await rows(rule)).toEqual([
      row(four, 1, 0, true),
      row(three, 0, 0),
      row(otherThree, 0, 0),
      row(two, 2, 0, true),
      row(ofProbe, 1, 0, true),
    ]);
    // The page counts an L1 and a stranger, too.
    expect(await panel(nightlyUnexpectedCountSql, 0)).toEqual([{ unexpected: 6 }]);
  });

  it('forgets what was received more than 24 hours ago', async () => {
    await add(night('a/four', -60, 'f'));
    expect(await breaches(rule, hours(23))).toEqual({ 'a/four': 1 });
    expect(await breaches(rule, hours(23) + 1)).toEqual({});
  });

  it('is fine when nothing is known', async () => {
    expect(await rows(rule)).toEqual(
      [four, three, otherThree, two, ofProbe].map((labels) => row(labels, 0, 0)),
    );
    expect(await changes(rule, [0, 15])).toEqual({ 0: [] });
  });
});
