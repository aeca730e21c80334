import {
  isSameForAll,
  largest,
  mapSetting,
  setting,
  settingOf,
  settingSql,
  settingText,
} from '../../dashboards/settings';

const plain = setting(20);
const own = setting(0.8, { levels: { L3: 0.85, L4: 0.9 }, backends: { 'a/b': 0.7 } });

describe('setting', () => {
  it('has its default, levels and backends', () => {
    expect(plain).toEqual({ default: 20, levels: {}, backends: {} });
    expect(own).toEqual({ default: 0.8, levels: { L3: 0.85, L4: 0.9 }, backends: { 'a/b': 0.7 } });
  });
});

describe('settingOf', () => {
  it.each([
    ['L4', 'a/b', 0.7],
    ['L4', 'c/d', 0.9],
    ['L3', 'c/d', 0.85],
    ['L2', 'c/d', 0.8],
    ['', '', 0.8],
  ])('of level "%s" and backend "%s" is %d', (level, backend, value) => {
    expect(settingOf(own, level, backend)).toBe(value);
  });

  it('takes a 0 and an empty text as values, too', () => {
    expect(settingOf(setting(1, { backends: { 'a/b': 0 } }), 'L2', 'a/b')).toBe(0);
    expect(settingOf(setting(1, { levels: { L2: 0 } }), 'L2', 'a/b')).toBe(0);
    expect(settingOf(setting<string>('x', { levels: { L2: '' } }), 'L2', 'a/b')).toBe('');
  });
});

describe('isSameForAll', () => {
  it.each([
    [plain, true],
    [own, false],
    [setting(1, { levels: { L4: 1 } }), false],
    [setting(1, { backends: { 'a/b': 1 } }), false],
  ])('of %j is %s', (value, expected) => {
    expect(isSameForAll(value)).toBe(expected);
  });
});

describe('settingSql', () => {
  it('is a literal where nothing differs', () => {
    expect(settingSql(plain)).toBe('20');
    expect(settingSql(setting('info'))).toBe(`'info'`);
  });

  it('asks for the backend first, then for the level', () => {
    expect(settingSql(own)).toBe(
      `multiIf(downstream_repo = 'a/b', 0.7, level = 'L3', 0.85, level = 'L4', 0.9, 0.8)`,
    );
  });

  it('escapes quotes and backslashes in names and values', () => {
    expect(settingSql(setting(`it's`, { backends: { [`o'rg/re\\po`]: `\\'` } }))).toBe(
      `multiIf(downstream_repo = 'o\\'rg/re\\\\po', '\\\\\\'', 'it\\'s')`,
    );
  });
});

describe('settingText', () => {
  const percent = (share: number) => `${share * 100} %`;
  it.each([
    [plain, undefined, '20'],
    [own, undefined, '0.8 (L3: 0.85, L4: 0.9, a/b: 0.7)'],
    [own, percent, '80 % (L3: 85 %, L4: 90 %, a/b: 70 %)'],
    [setting(1, { backends: { 'a/b': 0 } }), undefined, '1 (a/b: 0)'],
  ])('names what differs (%#)', (value, format, text) => {
    expect(settingText(value, format)).toBe(text);
  });
});

describe('mapSetting', () => {
  it('changes each value and leaves the setting as it was', () => {
    expect(mapSetting(own, (share) => `${share * 100} %`)).toEqual({
      default: '80 %',
      levels: { L3: '85 %', L4: '90 %' },
      backends: { 'a/b': '70 %' },
    });
    expect(own.default).toBe(0.8);
  });
});

describe('largest', () => {
  it.each([
    [plain, 20],
    [own, 0.9],
    [setting(1, { backends: { 'a/b': 7 } }), 7],
    [setting(3, { levels: { L4: -1 } }), 3],
  ])('is the largest of all (%#)', (value, expected) => {
    expect(largest(value)).toBe(expected);
  });
});
