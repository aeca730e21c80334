import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AllowlistError, levels, parseAllowlist } from '../../clickhouse/backends';

describe('parseAllowlist', () => {
  it('reads every form of an entry, sorted by level and name, oncalls without @', () => {
    const text = `
# the relay's
L1:
  - zeta/torch-zeta
  - acme/torch_acme.2: mira
L2:
  - pytorch/crcr-test: ines, @odd ,,  juno
  - nova/torch-nova:
L3:
  npu:
    pytorch-labs/ascend-pytorch: [lin, '@quill']
    huawei/torch-npu: []
  mlu:
    pytorch-labs/cambricon-pytorch:
L4:
  - intel/intel-extension-for-pytorch: harrow
`;
    expect(parseAllowlist(text)).toEqual([
      { repo: 'acme/torch_acme.2', level: 'L1', device: '', oncalls: ['mira'] },
      { repo: 'zeta/torch-zeta', level: 'L1', device: '', oncalls: [] },
      { repo: 'nova/torch-nova', level: 'L2', device: '', oncalls: [] },
      { repo: 'pytorch/crcr-test', level: 'L2', device: '', oncalls: ['ines', 'odd', 'juno'] },
      { repo: 'huawei/torch-npu', level: 'L3', device: 'npu', oncalls: [] },
      { repo: 'pytorch-labs/ascend-pytorch', level: 'L3', device: 'npu', oncalls: ['lin', 'quill'] },
      { repo: 'pytorch-labs/cambricon-pytorch', level: 'L3', device: 'mlu', oncalls: [] },
      { repo: 'intel/intel-extension-for-pytorch', level: 'L4', device: '', oncalls: ['harrow'] },
    ]);
  });

  it.each([
    ['levels without entries', 'L1:\nL2: []\nL3:\nL4:\n'],
    ['a device without entries', 'L3:\n  npu: {}\n'],
    ['no levels', '{}'],
  ])('reads %s as no backends', (_what, text) => {
    expect(parseAllowlist(text)).toEqual([]);
  });

  it.each<[string, string, string]>([
    ['an empty file', '', 'allowlist root: Invalid input: expected object, received null'],
    ['a list at the top', '- a/b', 'allowlist root: Invalid input: expected object, received array'],
    [
      'what is not YAML',
      'L1: [a/b',
      'allowlist is not YAML: Flow sequence in block collection must be sufficiently indented and end with a ] at line 1, column 9:',
    ],
    [
      'a level twice',
      'L1: [a/b]\nL1: [c/d]',
      'allowlist is not YAML: Map keys must be unique at line 2, column 1:',
    ],
    ['an unknown level', 'L5: [a/b]', 'allowlist root: Unrecognized key: "L5"'],
    ['a lower-case level', 'l1: [a/b]', 'allowlist root: Unrecognized key: "l1"'],
    ['a level that is no list', 'L1: a/b', 'allowlist L1: Invalid input: expected array, received string'],
    ['an entry that is a number', 'L1: [a/b, 7]', 'allowlist L1.1: Invalid input'],
    ['oncalls of a flat entry as a list', 'L2:\n  - a/b: [x]', 'allowlist L2.0: Invalid input'],
    ['L3 as a list', 'L3: [a/b]', 'allowlist L3: Invalid input: expected record, received array'],
    [
      'an L3 device that is a list',
      'L3:\n  npu: [a/b]',
      'allowlist L3.npu: Invalid input: expected record, received array',
    ],
    [
      'L3 oncalls as text',
      'L3:\n  npu:\n    a/b: x, y',
      'allowlist L3.npu.a/b: Invalid input: expected array, received string',
    ],
    [
      'an L3 device without repositories',
      'L3:\n  npu:',
      'allowlist L3.npu: Invalid input: expected record, received null',
    ],
    ['a repository without an owner', 'L1: [torch]', 'allowlist: "torch" is not org/repo'],
    ['a repository with three parts', 'L4: [a/b/c]', 'allowlist: "a/b/c" is not org/repo'],
    ['a link', 'L1: ["https://github.com/a/b"]', 'allowlist: "https://github.com/a/b" is not org/repo'],
    ['a space in a name', 'L1: ["a /b"]', 'allowlist: "a /b" is not org/repo'],
    ['an owner that begins with a dash', 'L3: { npu: { "-a/b": [] } }', 'allowlist: "-a/b" is not org/repo'],
    ['a repository twice in a level', 'L1: [a/b, a/b]', 'allowlist: a/b is listed twice'],
    ['a repository at two levels', 'L1: [a/b]\nL3: { npu: { a/b: [] } }', 'allowlist: a/b is listed twice'],
    [
      'a repository twice, the second time in capitals',
      'L2: [acme/torch]\nL4: [Acme/Torch]',
      'allowlist: Acme/Torch is listed twice',
    ],
    [
      'a repository twice, the first time in capitals',
      'L2: [Acme/Torch]\nL4: [acme/torch]',
      'allowlist: acme/torch is listed twice',
    ],
  ])('refuses %s', (_what, text, message) => {
    const read = () => parseAllowlist(text);
    expect(read).toThrow(AllowlistError);
    expect(read).toThrow(new AllowlistError(message));
  });

  it("reads the demo's allowlist, with a backend at every level and the probe", async () => {
    const text = await readFile(join(__dirname, '../../local/demo/allowlist.yml'), 'utf8');
    const backends = parseAllowlist(text);
    expect([...new Set(backends.map(({ level }) => level))]).toEqual([...levels]);
    expect(backends.map(({ repo }) => repo)).toContain('pytorch/crcr-test');
    expect(backends.filter(({ level, device }) => (level === 'L3') !== (device !== ''))).toEqual([]);
  });
});
