import type { Instance } from '../../dashboards/alerts/evaluate';
import { durationMs, type AlertRule, type Duration } from '../../dashboards/alerts/rule';
import { severityOf, trackRule } from '../../dashboards/alerts/states';
import { allRules } from '../../dashboards/alerts/all';

const minuteMs = 60_000;
const base = allRules()[0]!;
const ruleOf = (own: Partial<AlertRule>): AlertRule => ({ ...base, ...own });
const instance = (isBreaching: boolean, name = 'a'): Instance => ({
  labels: { backend: name },
  value: isBreaching ? 1 : 0,
  limit: 1,
  isBreaching,
});

/** The state at each minute, of a mark a minute: `!` breaches, `.` is fine, `-` has no row. */
function statesOf(marks: string, forTime: Duration, keepFor: Duration, noData: 'OK' | 'Alerting' = 'OK') {
  const track = trackRule(ruleOf({ for: forTime, keepFiringFor: keepFor, noData }));
  return Array.from(marks)
    .map((mark, minute) => {
      const instances = mark === '-' ? [] : [instance(mark === '!')];
      return track({ atMs: minute * minuteMs, instances })[0]!.state.charAt(0);
    })
    .join('');
}

describe('trackRule', () => {
  it.each<[string, string, Duration, Duration, string]>([
    ['at once without a wait', '.!!.', '0s', '0s', 'NAAN'],
    ['when a breach has lasted for long enough', '.!!!!.', '3m', '0s', 'NPPPAN'],
    ['only if it lasted without a break', '!!!.!!!!', '3m', '0s', 'PPPNPPPA'],
    ['until what is kept is over', '!...!', '0s', '3m', 'ARRRA'],
    ['and is normal after what is kept', '!....!', '0s', '3m', 'ARRRNA'],
    ['again at once while it recovers', '!!!.!.!...', '2m', '2m', 'PPARARARRN'],
    ['after the whole wait when it had recovered', '!!..!!!', '1m', '1m', 'PARNPAA'],
    ['seconds count', '!!', '90s', '0s', 'PP'],
  ])('is in alert %s', (_what, marks, forTime, keepFor, states) => {
    expect(statesOf(marks, forTime, keepFor)).toBe(states);
  });

  it('takes no row as fine or as breach, as the rule says', () => {
    expect(statesOf('--.--', '1m', '0s', 'OK')).toBe('NNNNN');
    expect(statesOf('---.--', '1m', '0s', 'Alerting')).toBe('PAANPA');
  });

  it('forgets an instance without a row', () => {
    expect(statesOf('!!-!!', '1m', '0s')).toBe('PANPA');
  });

  it('knows since when each instance is in its state, apart from others', () => {
    const track = trackRule(ruleOf({ for: '1m', keepFiringFor: '0s' }));
    const step = (minute: number, ...instances: Instance[]) =>
      track({ atMs: minute * minuteMs, instances }).map(({ labels, state, sinceMs, isMissing }) => [
        labels.backend,
        state,
        sinceMs / minuteMs,
        isMissing,
      ]);
    expect(step(0, instance(true, 'a'), instance(false, 'b'))).toEqual([
      ['a', 'Pending', 0, false],
      ['b', 'Normal', 0, false],
    ]);
    expect(step(1, instance(true, 'a'), instance(true, 'b'))).toEqual([
      ['a', 'Alerting', 1, false],
      ['b', 'Pending', 1, false],
    ]);
    expect(step(2, instance(true, 'b'), instance(true, 'a'))).toEqual([
      ['b', 'Alerting', 2, false],
      ['a', 'Alerting', 1, false],
    ]);
    expect(step(3, instance(false, 'a'))).toEqual([['a', 'Normal', 3, false]]);
    expect(step(4)).toEqual([[undefined, 'Normal', 4, true]]);
  });

  it('gives the rule as a whole an instance when it has no row', () => {
    const track = trackRule(ruleOf({ for: '0s', noData: 'Alerting' }));
    expect(track({ atMs: 0, instances: [] })).toEqual([
      {
        labels: {},
        value: null,
        limit: null,
        isBreaching: true,
        isMissing: true,
        state: 'Alerting',
        sinceMs: 0,
      },
    ]);
  });
});

describe('severityOf', () => {
  const { severity: _own, ...without } = base;
  it.each([
    ['of the rule', ruleOf({ severity: 'critical' }), {}, 'critical'],
    [
      'of the rule, over that of the instance',
      ruleOf({ severity: 'critical' }),
      { severity: 'info' },
      'critical',
    ],
    ['of the instance', without, { severity: 'warning' }, 'warning'],
    ['info where nobody says', without, {}, 'info'],
  ] as [string, AlertRule, Record<string, string>, string][])(
    'is that %s',
    (_what, rule, labels, severity) => {
      expect(severityOf(rule, labels)).toBe(severity);
    },
  );
});

describe('durationMs', () => {
  it.each<[Duration, number]>([
    ['0s', 0],
    ['90s', 90_000],
    ['5m', 300_000],
    ['36h', 129_600_000],
    ['2d', 172_800_000],
  ])('of %s is %d', (duration, ms) => {
    expect(durationMs(duration)).toBe(ms);
  });
});
