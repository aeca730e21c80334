import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { resultsFile, terminalTable, verdict, type SectionResult } from '../../bench/report';
import { createScope } from '../../bench/scope';
import { createRow, measureRounds } from '../../bench/section';
import { median, pairedRatios, quantile, spreadOf } from '../../bench/stats';

describe('statistics of rounds', () => {
  it.each([
    [[3], 0.5, 3],
    [[1, 2], 0.5, 1.5],
    [[9, 1, 5], 0.5, 5],
    [[1, 2, 3, 4, 5], 0, 1],
    [[1, 2, 3, 4, 5], 1, 5],
    [[10, 20, 30, 40], 0.25, 17.5],
    [[100, 9, 20], 0.5, 20],
  ])('takes of %j the %d quantile: %d', (values, q, expected) => {
    expect(quantile(values, q)).toBe(expected);
  });

  it('has no quantile of nothing', () => {
    expect([median([]), quantile([], 0.99)]).toEqual([NaN, NaN]);
  });

  it('leaves the list as it is', () => {
    const values = [3, 1, 2];
    spreadOf(values);
    expect(values).toEqual([3, 1, 2]);
  });

  it('says the middle, the least and the most', () => {
    expect(spreadOf([4, 1, 2])).toEqual({ median: 2, low: 1, high: 4 });
  });

  it('compares each round with its own partner', () => {
    expect(pairedRatios([10, 100], [20, 100])).toEqual([0.5, 1]);
    expect(() => pairedRatios([1], [])).toThrow('rounds without a partner');
  });
});

describe('a line of the results', () => {
  const rounds = { ours: [80, 90, 100], against: { what: 'the SDK', rounds: [100, 100, 100] } };

  it.each([
    ['ratio at least', 0.9, true],
    ['ratio at least', 0.91, false],
    ['ratio at most', 0.9, true],
    ['ratio at most', 0.89, false],
  ] as const)('meets %s %d by the median ratio of 0.9: %s', (kind, bound, met) => {
    expect(createRow({ what: 'x', unit: '/s', ...rounds, goal: { kind, bound } }).met).toBe(met);
  });

  it.each([
    [90.1, true],
    [90, false],
  ])('is less than %d ms with a median of 90 ms: %s', (bound, met) => {
    const goal = { kind: 'less than', bound, unit: 'ms' } as const;
    expect(createRow({ what: 'x', unit: 'ms', ours: rounds.ours, goal }).met).toBe(met);
  });

  it('meets nothing where nothing could be compared', () => {
    const goal = { kind: 'ratio at most', bound: 3 } as const;
    expect(createRow({ what: 'x', unit: 'ms', ours: [1], goal }).met).toBe(false);
  });

  it('is pure data', () => {
    const row = createRow({
      what: '32 clients',
      unit: '/s',
      ...rounds,
      goal: { kind: 'ratio at least', bound: 0.85 },
      note: '3 rounds',
    });
    expect(row).toEqual({
      what: '32 clients',
      ours: { median: 90, low: 80, high: 100, unit: '/s' },
      against: { what: 'the SDK', measured: { median: 100, low: 100, high: 100, unit: '/s' } },
      ratio: { median: 0.9, low: 0.8, high: 1 },
      goal: 'at least 0.85',
      met: true,
      note: '3 rounds',
    });
  });

  it('measures turn by turn', async () => {
    const order: string[] = [];
    const measure = (name: string) => (round: number) => {
      order.push(`${name}${round}`);
      return Promise.resolve(round);
    };
    const { signal } = new AbortController();
    const values = await measureRounds(2, { a: measure('a'), b: measure('b') }, signal);
    expect(order).toEqual(['a0', 'b0', 'a1', 'b1']);
    expect(values).toEqual({ a: [0, 1], b: [0, 1] });
  });
});

const ingest: SectionResult = {
  name: 'ingest',
  title: 'Callback to durable',
  measuredAt: '2026-11-24 01:02 UTC, version 0.1.0, usual sizes',
  rows: [
    createRow({
      what: '32 clients, requests',
      unit: '/s',
      ours: [950, 1_000.4, 1_234.5],
      against: { what: 'AWS SDK alone', rounds: [1_000, 1_000, 1_000] },
      goal: { kind: 'ratio at least', bound: 0.85 },
      note: '3 rounds of 2 s',
    }),
    createRow({ what: '1 client, p99', unit: 'ms', ours: [2.345], note: '' }),
  ],
};

const generate: SectionResult = {
  name: 'generate',
  title: 'npm run dashboards',
  measuredAt: '2026-11-24 01:03 UTC, version 0.1.0, usual sizes',
  rows: [
    createRow({
      what: 'all | of them',
      unit: 's',
      ours: [12.34],
      goal: { kind: 'less than', bound: 2, unit: 's' },
    }),
  ],
};

const machine = ['Machine: a small one', 'Node 20'];
const order = ['ingest', 'validation', 'generate'];

const head = `# Results of the bench

Written by \`npm run bench\`. Medians of the rounds, least and most in brackets. What a line is measured against ran in
the same run, turn by turn with ours, and the ratio is the median of the rounds' own ratios. Emulators and an embedded
engine on one machine: the ratios carry over to others, the absolute numbers do not.

- Machine: a small one
- Node 20
`;

const ingestBlock = `
<!-- bench: ingest -->
## Callback to durable

\`npm run bench -- --only ingest\`, 2026-11-24 01:02 UTC, version 0.1.0, usual sizes

| what | ours | against | it | ratio | goal | met | note |
| --- | --- | --- | --- | --- | --- | --- | --- |
| 32 clients, requests | 1,000 /s (950 to 1,235) | AWS SDK alone | 1,000 /s | 1.00 (0.95 to 1.23) | at least 0.85 | yes | 3 rounds of 2 s |
| 1 client, p99 | 2.35 ms |  |  |  |  |  |  |
`;

const generateBlock = `
<!-- bench: generate -->
## npm run dashboards

\`npm run bench -- --only generate\`, 2026-11-24 01:03 UTC, version 0.1.0, usual sizes

| what | ours | against | it | ratio | goal | met | note |
| --- | --- | --- | --- | --- | --- | --- | --- |
| all \\| of them | 12.3 s |  |  |  | under 2 s | no |  |
`;

describe('the report', () => {
  it('is a table in columns on a terminal, with its notes below', () => {
    expect(terminalTable(ingest)).toBe(
      [
        'Callback to durable',
        'what                  ours                     against        it        ratio                goal           met',
        '32 clients, requests  1,000 /s (950 to 1,235)  AWS SDK alone  1,000 /s  1.00 (0.95 to 1.23)  at least 0.85  yes',
        '1 client, p99         2.35 ms',
        '  32 clients, requests: 3 rounds of 2 s',
      ].join('\n'),
    );
  });

  it('writes the whole file in the order of the sections', () => {
    const file = resultsFile({ machine, order, results: [generate, ingest], existing: null });
    expect(file).toBe(head + ingestBlock + generateBlock);
  });

  it('keeps what was not measured this time', () => {
    const earlier = resultsFile({ machine, order, results: [ingest], existing: null });
    expect(earlier).toBe(head + ingestBlock);
    expect(resultsFile({ machine, order, results: [generate], existing: earlier })).toBe(
      head + ingestBlock + generateBlock,
    );
  });

  it('replaces what was measured again, and changes nothing else', () => {
    const earlier = resultsFile({ machine, order, results: [ingest, generate], existing: null });
    expect(resultsFile({ machine, order, results: [ingest], existing: earlier })).toBe(earlier);
  });

  it("drops another machine's numbers", () => {
    const elsewhere = resultsFile({
      machine: ['Machine: a big one'],
      order,
      results: [ingest],
      existing: null,
    });
    expect(resultsFile({ machine, order, results: [generate], existing: elsewhere })).toBe(
      head + generateBlock,
    );
  });

  it('drops a section that is no more', () => {
    const earlier = resultsFile({ machine, order, results: [ingest, generate], existing: null });
    expect(resultsFile({ machine, order: ['ingest'], results: [ingest], existing: earlier })).toBe(
      head + ingestBlock,
    );
  });

  it('counts the goals, and names those that were missed', () => {
    expect(verdict([ingest, generate])).toBe(
      '1 of 2 goals met\n  generate, all | of them: 12.3 s, goal under 2 s',
    );
  });
});

describe('a scope', () => {
  it('stops the newest first, also what comes late, and goes on after an error', async () => {
    const stopped: string[] = [];
    const errors: unknown[] = [];
    const scope = createScope((error) => errors.push(error));
    const stopping = (name: string) => () => {
      stopped.push(name);
      return name === 'second' ? Promise.reject(new Error('hangs')) : Promise.resolve();
    };
    await scope.add(stopping('first'));
    await scope.add(stopping('second'));
    await scope.add(stopping('third'));
    await scope.close();
    await scope.close();
    await scope.add(stopping('late'));
    expect(stopped).toEqual(['third', 'second', 'first', 'late']);
    expect(errors).toEqual([new Error('hangs')]);
  });
});

describe('npm run bench', () => {
  const root = join(__dirname, '../..');
  const bench = async (...flags: string[]) => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'bench/main.ts', ...flags], { cwd: root });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const code = await new Promise((resolve) => child.once('close', resolve));
    return { code, stdout, stderr };
  };

  it('runs to the end at small sizes, and writes no results', async () => {
    const { code, stdout } = await bench('--quick', '--only', 'validation,generate');
    expect(code).toBe(0);
    expect(stdout).toContain('\nValidation and mapping of one callback\n');
    expect(stdout).toContain('\nnpm run dashboards\n');
    expect(stdout).toMatch(/\d of \d goals met/);
    expect(stdout).not.toContain('results.md');
  });

  it('lists its sections', async () => {
    const { code, stdout } = await bench('--list');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ingest +Callback to durable\n/);
  });

  it.each([
    [['--only', 'nothing'], '--only nothing: there is no such section, see --list'],
    [['--quick', '--full'], '--quick and --full: one of them'],
    [['--fast'], "Unknown option '--fast'"],
  ])('refuses %j with exit code 2', async (flags, why) => {
    const { code, stderr } = await bench(...flags);
    expect(code).toBe(2);
    expect(stderr).toContain(why);
    expect(stderr).toContain('usage: npm run bench');
  });
});
