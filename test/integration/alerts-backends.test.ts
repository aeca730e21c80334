import type { Labels } from '../../dashboards/alerts/evaluate';
import {
  alerting,
  days,
  hours,
  job,
  probe,
  recovering,
  rerun,
  row,
  runbook,
  series,
  useAlertClock,
} from '../helpers/alert-clock';

const { add, breaches, changes, reset, rows, texts } = useAlertClock();
const four: Labels = { backend: 'a/four', level: 'L4', severity: 'critical', oncall: 'ann, bob' };
const three: Labels = { backend: 'b/three', level: 'L3', severity: 'warning', oncall: 'cem' };
const otherThree: Labels = { backend: 'c/three', level: 'L3', severity: 'warning', oncall: 'nobody' };
const two: Labels = { backend: 'd/two', level: 'L2', severity: 'info', oncall: 'dee' };
const ofProbe: Labels = { backend: probe, level: 'L2', severity: 'info', oncall: 'nobody' };
const notJudged = (labels: Labels, limit: number) => row(labels, null, limit);
const backendPage = 'https://grafana.example/d/oot-backend';

describe('OotBackendFailing', () => {
  const rule = 'OotBackendFailing';

  it('fires after 10 minutes under the limit, is kept for an hour after a re-run healed it', async () => {
    // 18 of 20 is the limit of an L4, which is still fine.
    const bad = job('a/four', -5, 'f', { outcome: 5 });
    await add(...series('a/four', `${'s'.repeat(10)}ff${'s'.repeat(8)}`), bad, rerun(bad, 29, 's', 30));
    expect(await changes(rule, [0, 31], [88, 91])).toEqual({
      0: [],
      15: [alerting(four, 0.85, 0.9)],
      30: [recovering(four, 0.9, 0.9)],
      90: [],
    });
  });

  it('does not fire when it is over within 10 minutes', async () => {
    const bad = job('a/four', -5, 'f', { outcome: 5 });
    await add(...series('a/four', `${'s'.repeat(10)}ff${'s'.repeat(8)}`), bad, rerun(bad, 13, 's', 14));
    expect(await changes(rule, [4, 30])).toEqual({ 4: [] });
  });

  it('says who, how much, where to look and what to do', async () => {
    await add(...series('a/four', `${'s'.repeat(17)}fff`));
    expect(await texts(rule)).toEqual([
      {
        summary: 'A backend fails more of its newest jobs than its level allows.',
        description:
          'a/four (L4, oncall: ann, bob): 85% of its newest counted jobs ended as expected, its limit is 90%. ' +
          'Looked at: 20 jobs of at most 7 days, at least 5.',
        runbook_url: `${runbook}ootbackendfailing`,
        dashboard: `${backendPage}?viewPanel=10&var-backend=a%2Ffour`,
      },
    ]);
  });

  it('asks more of an L4, tells of an L2 quietly, and never of an L1 or a stranger', async () => {
    await add(
      ...['a/four', 'b/three'].flatMap((repo) => series(repo, `${'s'.repeat(17)}fff`)),
      ...['c/three', 'd/two'].flatMap((repo) => series(repo, `${'s'.repeat(15)}fffff`)),
      ...['e/one', 'not/known'].flatMap((repo) => series(repo, 'f'.repeat(20))),
    );
    expect(await rows(rule)).toEqual([
      { labels: four, value: 0.85, limit: 0.9, isBreaching: true },
      { labels: three, value: 0.85, limit: 0.8, isBreaching: false },
      { labels: otherThree, value: 0.75, limit: 0.8, isBreaching: true },
      { labels: two, value: 0.75, limit: 0.8, isBreaching: true },
      { labels: ofProbe, value: null, limit: 0.8, isBreaching: false },
    ]);
  });

  it('does not judge fewer than 5 counted jobs, and judges 5', async () => {
    await add(...series('a/four', 'ffffccrr'), ...series('b/three', 'fffff'));
    expect(await breaches(rule)).toEqual({ 'b/three': 0 });
    expect(await changes(rule, [0, 12])).toEqual({ 0: [], 10: [alerting(three, 0, 0.8)] });
  });

  it('leaves out jobs that are over 7 days old', async () => {
    await add(...series('a/four', 'fffffsss', { until: -1, every: 1 }));
    expect(await breaches(rule, days(7) - 8)).toEqual({ 'a/four': 0.375 });
    expect(await breaches(rule, days(7) - 5)).toEqual({ 'a/four': 0.6 });
    // Four are left, which is too few.
    expect(await breaches(rule, days(7) - 4)).toEqual({});
  });

  it('pages once for a backend that goes over and under its limit for an hour', async () => {
    // Each new job pushes the oldest of 20 out, so there are five bad ones, four, five ...
    await add(
      ...series('b/three', `sfsfsf${'s'.repeat(13)}f`, { until: -30 }),
      job('b/three', -1, 'f'),
      ...series('b/three', 'sfsfsf', { until: 64 }),
    );
    expect(await changes(rule, [0, 67])).toEqual({
      0: [],
      10: [alerting(three, 0.75, 0.8)],
      // Never [] in between: who comes back from recovering is no news.
      15: [recovering(three, 0.8, 0.8)],
      25: [alerting(three, 0.75, 0.8)],
      35: [recovering(three, 0.8, 0.8)],
      45: [alerting(three, 0.75, 0.8)],
      55: [recovering(three, 0.8, 0.8)],
      65: [alerting(three, 0.75, 0.8)],
    });
  });

  it('takes the announced failure of the probe as fine, and its success there as failure', async () => {
    await add(...series(probe, 'fffff', { job_name: 'xfail' }));
    expect(await breaches(rule)).toEqual({});
    await reset();
    await add(...series(probe, 'sssss', { job_name: 'xfail' }));
    expect(await breaches(rule)).toEqual({ [probe]: 0 });
  });

  it('has rows without a number when nothing is known, and none when nobody is registered', async () => {
    expect(await rows(rule)).toEqual([
      notJudged(four, 0.9),
      ...[three, otherThree, two, ofProbe].map((labels) => notJudged(labels, 0.8)),
    ]);
    expect(await changes(rule, [0, 12])).toEqual({ 0: [] });
    await reset([]);
    expect(await rows(rule)).toEqual([]);
    expect(await changes(rule, [0, 12])).toEqual({ 0: [] });
  });
});

describe('OotBackendBroken', () => {
  const rule = 'OotBackendBroken';

  it('fires after 5 minutes with 5 bad jobs in a row, is kept for 30 after one succeeded', async () => {
    await add(
      ...series('b/three', 'sssffff'),
      job('b/three', -5, 't', { outcome: 3 }),
      job('b/three', 19, 's', { outcome: 20 }),
    );
    expect(await changes(rule, [0, 22], [48, 51])).toEqual({
      0: [],
      8: [alerting(three, 5, 5)],
      20: [recovering(three, 0, 5)],
      50: [],
    });
  });

  it('is in alert again at once when it breaks while it recovers', async () => {
    await add(
      ...series('b/three', 'fffff'),
      job('b/three', 6, 's'),
      ...series('b/three', 'fffff', { until: 11, every: 1 }),
    );
    expect(await changes(rule, [0, 13])).toEqual({
      0: [],
      5: [alerting(three, 5, 5)],
      7: [recovering(three, 0, 5)],
      12: [alerting(three, 5, 5)],
    });
  });

  it('says who, how much, where to look and what to do', async () => {
    await add(...series('c/three', 'ftftft'));
    expect(await texts(rule)).toEqual([
      {
        summary: 'Nothing of what a backend ran last ended as expected.',
        description:
          'c/three (L3, oncall: nobody): its newest 6 counted jobs all failed; 5 in a row are too many.',
        runbook_url: `${runbook}ootbackendbroken`,
        dashboard: `${backendPage}?viewPanel=1&var-backend=c%2Fthree`,
      },
    ]);
  });

  it('counts each level alike, and never an L1 or a stranger', async () => {
    const everybody = ['a/four', 'b/three', 'd/two', 'e/one', 'not/known', probe];
    await add(...everybody.flatMap((repo) => series(repo, 'sfffff')));
    expect(await rows(rule)).toEqual([
      { labels: four, value: 5, limit: 5, isBreaching: true },
      { labels: three, value: 5, limit: 5, isBreaching: true },
      { labels: otherThree, value: 0, limit: 5, isBreaching: false },
      { labels: two, value: 5, limit: 5, isBreaching: true },
      { labels: ofProbe, value: 5, limit: 5, isBreaching: true },
    ]);
  });

  it('is fine with 4 bad jobs, and counts none that was cancelled or runs', async () => {
    await add(
      ...series('a/four', 'ffff'),
      ...series('b/three', 'sffcffrc'),
      ...series('c/three', 'fcfrfcff'),
    );
    expect(await breaches(rule)).toEqual({ 'c/three': 5 });
  });

  it('is fine after the re-run of the newest job succeeded, and not after that of an older one', async () => {
    const [oldOne, newOne] = [series('a/four', 'ffffff'), series('b/three', 'ffffff')];
    await add(...oldOne, rerun(oldOne[0]!, -90, 's'), ...newOne, rerun(newOne[5]!, -2, 's'));
    expect(await breaches(rule)).toEqual({ 'a/four': 5 });
  });

  it('takes five unexpected successes of the probe as broken, and its announced ends as fine', async () => {
    await add(
      ...series(probe, 'fffff', { job_name: 'xfail' }),
      ...series(probe, 'ccccc', { job_name: 'xcancel' }),
      ...series(probe, 'ttttt', { job_name: 'xtimeout' }),
    );
    expect(await breaches(rule)).toEqual({});
    await add(...series(probe, 'sssss', { job_name: 'xfail', until: -1, every: 1 }));
    expect(await breaches(rule)).toEqual({ [probe]: 5 });
  });

  it('has a 0 for everybody when nothing is known', async () => {
    expect(await rows(rule)).toEqual(
      [four, three, otherThree, two, ofProbe].map((labels) => row(labels, 0, 5)),
    );
    expect(await changes(rule, [0, 7])).toEqual({ 0: [] });
  });
});

describe('OotBackendSilent', () => {
  const rule = 'OotBackendSilent';

  it('fires 15 minutes after 36 hours without a result, and ends with the next one', async () => {
    await add(job('b/three', -hours(36), 's'), job('b/three', 20, 'f', { outcome: 25 }));
    expect(await changes(rule, [-1, 27])).toEqual({
      [-1]: [],
      16: [alerting(three, (hours(36) + 16) * 60, 129_600)],
      25: [],
    });
  });

  it('takes 30 hours of a backend that only runs by the clock', async () => {
    await add(
      job('a/four', -hours(30), 's', { event_type: 'nightly' }),
      job('b/three', -hours(30), 's', { event_type: 'periodic' }),
      job('c/three', -hours(30), 's', { event_type: 'nightly' }),
      job('c/three', -hours(50), 's', { event_type: 'push' }),
    );
    expect(await rows(rule)).toEqual([
      row(four, 108_000, 108_000),
      row(three, 108_000, 108_000),
      row(otherThree, 108_000, 129_600),
    ]);
    expect(await breaches(rule, 1)).toEqual({ 'a/four': 108_060, 'b/three': 108_060 });
    expect(await breaches(rule, hours(6) + 1)).toEqual({
      'a/four': 129_660,
      'b/three': 129_660,
      'c/three': 129_660,
    });
  });

  it('says who, for how long, where to look and what to do', async () => {
    await add(job('d/two', -hours(50) - 1, 's'));
    expect(await texts(rule)).toEqual([
      {
        summary: 'A backend that used to report does not any more.',
        description:
          'd/two (L2, oncall: dee): no result for 2d 2h 1m 0s; 1d 12h 0m 0s without any are too long.',
        runbook_url: `${runbook}ootbackendsilent`,
        dashboard: 'https://grafana.example/d/oot-summary?viewPanel=10&var-backend=d%2Ftwo',
      },
    ]);
  });

  it('takes any outcome for a result, from when it came, and a running job for none', async () => {
    await add(
      job('a/four', -hours(40), 's', { outcome: -hours(35) }),
      job('b/three', -hours(40), 'c'),
      job('b/three', -5, 'r'),
      job('c/three', -hours(40), 's'),
      job('c/three', -1, 'f', { outcome: 1 }),
      job('d/two', -hours(40), 's'),
      job('d/two', -1, 'c'),
    );
    expect(await breaches(rule)).toEqual({ 'b/three': 144_000, 'c/three': 144_000 });
    expect(await breaches(rule, 1)).toEqual({ 'b/three': 144_060 });
  });

  it('has no row of a backend that never reported, of an L1 or of a stranger', async () => {
    await add(
      job('a/four', -hours(99), 'r'),
      job('e/one', -hours(99), 's'),
      job('not/known', -hours(99), 's'),
    );
    expect(await rows(rule)).toEqual([]);
    expect(await changes(rule, [0, 17])).toEqual({ 0: [] });
  });
});

describe('OotJobsOverdue', () => {
  const rule = 'OotJobsOverdue';

  it('fires 10 minutes after a job ran for 375, is kept for 30 after its outcome came', async () => {
    await add(job('b/three', -375, 's', { outcome: 20 }));
    expect(await changes(rule, [0, 22], [48, 51])).toEqual({
      0: [],
      11: [alerting(three, 1, 0)],
      20: [recovering(three, 0, 0)],
      50: [],
    });
  });

  it('says who, how many, where to look and what to do', async () => {
    await add(job('b/three', -376, 'r'), job('b/three', -400, 'r'));
    expect(await texts(rule)).toEqual([
      {
        summary: 'Jobs have been running for more than 375 minutes.',
        description:
          'b/three (L3, oncall: cem): 2 jobs of the last 2 days are overdue, limit 0. Their end was lost, or their runner hangs.',
        runbook_url: `${runbook}ootjobsoverdue`,
        dashboard: `${backendPage}?viewPanel=70&var-backend=b%2Fthree&var-outcome=overdue`,
      },
    ]);
  });

  it('is a warning for an L4 and an info for an L2, and never of an L1 or a stranger', async () => {
    const everybody = ['a/four', 'd/two', 'e/one', 'not/known', probe];
    await add(...everybody.map((repo) => job(repo, -376, 'r')));
    expect(await rows(rule)).toEqual([
      { labels: { ...four, severity: 'warning' }, value: 1, limit: 0, isBreaching: true },
      row(three, 0, 0),
      row(otherThree, 0, 0),
      { labels: two, value: 1, limit: 0, isBreaching: true },
      { labels: ofProbe, value: 1, limit: 0, isBreaching: true },
    ]);
  });

  it('is fine when the job was run again, and when it is older than 2 days', async () => {
    const lost = job('a/four', -500, 'r');
    await add(lost, rerun(lost, -100, 'r'), job('b/three', -days(2) + 1, 'r'));
    expect(await breaches(rule)).toEqual({ 'b/three': 1 });
    expect(await breaches(rule, 2)).toEqual({});
  });

  it('is fine when nothing is known', async () => {
    expect(await rows(rule)).toEqual([
      row({ ...four, severity: 'warning' }, 0, 0),
      ...[three, otherThree, two, ofProbe].map((labels) => row(labels, 0, 0)),
    ]);
    expect(await changes(rule, [0, 12])).toEqual({ 0: [] });
  });
});
