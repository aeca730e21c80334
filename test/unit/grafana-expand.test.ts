import { expandQuery, ExpansionError, type Expansion } from '../helpers/grafana';

const fromMs = Date.UTC(2026, 10, 13, 10, 0, 0, 371);
const toMs = Date.UTC(2026, 10, 20, 10, 0, 0, 999);
const from = Math.floor(fromMs / 1000);
const to = Math.floor(toMs / 1000);

const expand = (rawSql: string, options: Partial<Expansion> = {}) =>
  expandQuery(rawSql, { fromMs, toMs, variables: {}, ...options });

describe('macros of the time range', () => {
  it.each([
    ['$__fromTime', `toDateTime(${from})`],
    ['$__toTime', `toDateTime(${to})`],
    ['$__fromTime_ms', `fromUnixTimestamp64Milli(${fromMs})`],
    ['$__toTime_ms', `fromUnixTimestamp64Milli(${toMs})`],
    ['$__timeFilter(t)', `t >= toDateTime(${from}) AND t <= toDateTime(${to})`],
    ['$__timeFilter(f(t, 1) )', `f(t, 1) >= toDateTime(${from}) AND f(t, 1) <= toDateTime(${to})`],
    [
      '$__timeFilter_ms(t)',
      `t >= fromUnixTimestamp64Milli(${fromMs}) AND t <= fromUnixTimestamp64Milli(${toMs})`,
    ],
    ['$__timeFrom(t)', `t >= toDateTime(${from})`],
    ['$__timeTo(t)', `t <= toDateTime(${to})`],
    ['$__dateFilter(d)', "d >= toDate('2026-11-13') AND d <= toDate('2026-11-20')"],
    [
      '$__dt(d, t)',
      `(d >= toDate('2026-11-13') AND d <= toDate('2026-11-20')) AND (t >= toDateTime(${from}) AND t <= toDateTime(${to}))`,
    ],
    ['$__timeInterval(t)', 'toStartOfInterval(toDateTime(t), INTERVAL 3600 second)'],
    ['$__timeInterval_ms(t)', 'toStartOfInterval(toDateTime64(t, 3), INTERVAL 3600000 millisecond)'],
    [
      '$__timeInterval($__fromTime)',
      `toStartOfInterval(toDateTime(toDateTime(${from})), INTERVAL 3600 second)`,
    ],
    ['$__interval_s', '3600'],
    ['$__timeGroup(t, 5m)', 'toStartOfInterval(toDateTime(t), INTERVAL 300 second)'],
    ["$__timeGroup(t, '1h30m')", 'toStartOfInterval(toDateTime(t), INTERVAL 5400 second)'],
    ['$__from, ${__to}, $__range_s', `${fromMs}, ${toMs}, 604801`],
    ['INTERVAL $__interval', 'INTERVAL 1h'],
  ])('%s', (rawSql, expected) => {
    expect(expand(`SELECT ${rawSql} FROM x`)).toBe(`SELECT ${expected} FROM x`);
  });

  it('never makes an interval of less than a second', () => {
    expect(expand('$__interval_s $__timeInterval(t)', { intervalMs: 200 })).toBe(
      '1 toStartOfInterval(toDateTime(t), INTERVAL 1 second)',
    );
  });

  it.each([
    ['an unknown macro', '$__timeFiltre(t)', 'unknown macro $__timeFiltre'],
    ['a macro with a tail', '$__fromTime_s', 'unknown macro $__fromTime_s'],
    ['a missing argument', '$__timeFilter', '$__timeFilter takes 1 arguments, not 0'],
    ['an argument too many', '$__timeInterval(a, b)', '$__timeInterval takes 1 arguments, not 2'],
    ['days, which Go does not know', '$__timeGroup(t, 1d)', '$__timeGroup: 1d is not an interval'],
    ['no length of time', '$__timeGroup(t, 0s)', '$__timeGroup: 0s is not an interval'],
  ])('refuses %s', (_name, rawSql, message) => {
    expect(() => expand(rawSql)).toThrow(new ExpansionError(message));
  });
});

describe('variables', () => {
  const nasty = `it's "a" \\ b`;
  const variables = { one: 'a', several: ['a', nasty], nasty, all: ['$__all'] };

  it.each([
    // A single value is quoted, several are joined by commas; a quote is escaped, a backslash never is.
    ['${one:singlequote}', `'a'`],
    ['${nasty:singlequote}', `'it\\'s "a" \\ b'`],
    ['${several:singlequote}', `'a','it\\'s "a" \\ b'`],
    ['[[one:singlequote]]', `'a'`],
    ['${nasty:sqlstring}', `'it''s \\"a\\" \\ b'`],
    ['${several:sqlstring}', `'a','it''s \\"a\\" \\ b'`],
    ['${nasty:doublequote}', `"it's \\"a\\" \\ b"`],
    // Without a format: raw text for one, quotes without escaping for several.
    ['$nasty', nasty],
    ['${nasty}', nasty],
    ['$several', `'a','${nasty}'`],
    ['${several:csv}', `a,${nasty}`],
    ['${several:raw}', `a,${nasty}`],
    ['${several:json}', JSON.stringify(variables.several)],
    ['${nasty:percentencode}', 'it%27s%20%22a%22%20%5C%20b'],
    ['${several:customqueryparam}', 'several=a&several=it%27s%20%22a%22%20%5C%20b'],
    ['${several:customqueryparam:p:x}', 'p=xa&p=xit%27s%20%22a%22%20%5C%20b'],
    // All is every option.
    ['${all:singlequote}', `'x','y'`],
    ['$all', `'x','y'`],
  ])('%s', (rawSql, expected) => {
    expect(expand(rawSql, { variables, allOptions: { all: ['x', 'y'] } })).toBe(expected);
  });

  it.each([
    ['a variable that is not set', '${no:singlequote}', 'variable no is not set'],
    ['a name of every object', '$constructor', 'variable constructor is not set'],
    ['All without known options', '${all:singlequote}', 'All of variable all, and its options are not known'],
    ['an unknown format', '${one:quoted}', 'variable one: unknown or useless format quoted'],
    ['a field of a variable', '${one.text}', '${one.text} reads a field of a variable'],
  ])('refuses %s', (_name, rawSql, message) => {
    expect(() => expand(rawSql, { variables })).toThrow(new ExpansionError(message));
  });
});

describe('$__conditionalAll', () => {
  const filter = '$__conditionalAll(job IN (${job:singlequote}), $job)';

  it.each([
    ['All', ['$__all'], '1=1'],
    ['All as text', '$__all', '1=1'],
    ['nothing chosen', [], '1=1'],
    ['one', 'a', `job IN ('a')`],
    ['several', ['a', 'b'], `job IN ('a','b')`],
    ['a quote and a parenthesis in the value', `test ('x', 1)`, `job IN ('test (\\'x\\', 1)')`],
  ])('%s', (_name, job, expected) => {
    expect(expand(`WHERE ${filter} AND 1`, { variables: { job } })).toBe(`WHERE ${expected} AND 1`);
  });

  it('stands more than once, within itself and with ${braces}', () => {
    const rawSql = `${filter} AND $__conditionalAll($__conditionalAll(a = $a, $a) OR b = 1, \${b})`;
    expect(expand(rawSql, { variables: { job: 'x', a: '$__all', b: '1' } })).toBe(
      `job IN ('x') AND 1=1 OR b = 1`,
    );
  });

  it('keeps macros in its condition', () => {
    expect(expand('$__conditionalAll($__timeFrom(t), $job)', { variables: { job: 'x' } })).toBe(
      `t >= toDateTime(${from})`,
    );
  });

  it.each([
    ['an unset variable', '$__conditionalAll(a = 1, $no)', 'variable no is not set'],
    [
      'one argument',
      '$__conditionalAll(a = 1)',
      '$__conditionalAll takes 2 arguments, not 1: $__conditionalAll(a = 1)',
    ],
    [
      'a format on the variable',
      '$__conditionalAll(a, ${job:raw})',
      '$__conditionalAll: ${job:raw} is not $name or ${name}',
    ],
    [
      // The plugin counts parentheses in strings too.
      'a parenthesis in a string',
      `$__conditionalAll(a = ')', $job)`,
      `$__conditionalAll takes 2 arguments, not 1: $__conditionalAll(a = ')', $job)`,
    ],
  ])('refuses %s', (_name, rawSql, message) => {
    expect(() => expand(rawSql, { variables: { job: 'x' } })).toThrow(new ExpansionError(message));
  });
});
