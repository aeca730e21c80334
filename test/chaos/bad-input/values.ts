import fc from 'fast-check';

/** UTF-16 units with no regard for pairs: lone surrogates, NUL, bidirectional controls. */
const units = fc
  .array(fc.oneof(fc.nat(0xffff), fc.integer({ min: 0xd800, max: 0xdfff })), { maxLength: 12 })
  .map((codes) => String.fromCharCode(...codes));

/** Text that means something to a program further down. */
export const loadedTexts = [
  "'; DROP TABLE oot_workflow_job; --",
  "' OR 1=1 UNION SELECT * FROM system.users --",
  '{{7*7}}${7*7}#{7*7}<%= 7*7 %>',
  '${jndi:ldap://127.0.0.1/x}',
  '<img src=x onerror=alert(1)>',
  '[click](javascript:alert(1))',
  '![x](https://127.0.0.1/pixel.png) <!channel> @everyone',
  '=HYPERLINK("https://127.0.0.1","x")',
  '\u001b[2J\u001b[1;31mred\u001b]8;;https://127.0.0.1\u0007link',
  'x\r\n{"level":"fatal","msg":"forged"}',
  '\u202egnp.exe\u2066\u200b\ufeff',
  '../../../../etc/passwd\u0000.json',
  '$(reboot)`reboot`|reboot;reboot',
  '__proto__',
  'constructor',
  'a\ud800b\udfffc',
];

/** Whatever may stand in place of a value; it goes through JSON.stringify. */
export const strangeValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, '', ' ', 0, -0, -1, true, false, [], {}, 'null', 'NaN', '0x10', '1e3', '٣'),
  fc.constantFrom(1e308, -1e308, 5e-324, 2 ** 53, 2 ** 63, 2 ** 64, 9_007_199_254_740_991, '9'.repeat(400)),
  fc.constantFrom(...loadedTexts),
  fc.constantFrom('x'.repeat(3_000), '日'.repeat(1_500), '\u0000'.repeat(300)),
  units,
  fc.string({ unit: 'binary' }),
  fc.double(),
  fc.jsonValue(),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.dictionary(
    fc.constantFrom('__proto__', 'constructor', 'toJSON', 'length', 'then', '$ne'),
    fc.jsonValue(),
  ),
);

/** Any JSON document, as a whole body. */
export const anyDocument: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue(),
  fc.dictionary(fc.constantFrom('trusted', 'untrusted', '__proto__', 'x'), strangeValue),
  fc.record({ trusted: strangeValue, untrusted: fc.record({ callback_payload: strangeValue }) }),
);

/** Numbers that no double holds, or no store: as JSON text, since no JavaScript value is one of them. */
export const numberTexts = [
  '1e400',
  '-1e400',
  '1e-400',
  '1e-200',
  '5e-324',
  '-0',
  '-0.0',
  '9007199254740993',
  '18446744073709551616',
  '0.1e1',
  '1E+2',
  `1${'0'.repeat(400)}`,
  `0.${'0'.repeat(200)}1`,
  '123456789012345678901234567890.123456789',
];
