import fc from 'fast-check';
import { httpsLink } from '../../api/links';
import { marker, maxMarkdownLength, renderMarkdown } from '../../api/markdown';
import { code, escapeText, plain } from '../../api/markdown-text';
import type { PrBackend, PrJob, PrResults } from '../../api/pr-rows';

const job = (overrides: Partial<PrJob> = {}): PrJob => ({
  backend: 'org/backend',
  level: 'L3',
  workflow: 'ci',
  job: 'build',
  event_type: 'pull_request',
  outcome: 'failure',
  as_expected: false,
  merge: '',
  expected: '',
  other_prs_failing: 0,
  other_prs: 0,
  elsewhere: 'ran on no other PR',
  failed_tests: null,
  total_tests: null,
  run_attempt: 1,
  duration_seconds: 60,
  queue_seconds: null,
  started_at: null,
  completed_at: null,
  received_at: '2026-11-20T10:00:00.000Z',
  run_url: 'https://ci.example/run',
  log_url: null,
  artifact_url: null,
  ...overrides,
});

const backend = (overrides: Partial<PrBackend> = {}): PrBackend => ({
  backend: 'org/backend',
  level: 'L3',
  verdict: 'failure',
  merge: '',
  jobs: 1,
  good_jobs: 0,
  bad_jobs: 1,
  running_jobs: 0,
  overdue_jobs: 0,
  uncounted_jobs: 0,
  longest_seconds: 60,
  queue_seconds: null,
  last_received_at: '2026-11-20T10:00:00.000Z',
  oncalls: [],
  ...overrides,
});

const results = (overrides: Partial<PrResults> = {}): PrResults => ({
  upstream: 'pytorch/pytorch',
  pr: 1,
  sha: 'aaaaaaaa11',
  is_newest_sha: true,
  summary: {
    verdict: 'failure',
    sentence: '0/1 backends passed, 1 failing',
    blocking: 'nothing blocks',
    elsewhere: 'nothing fails',
    commit: 'aaaaaaa is the only commit',
    backends: { total: 1, passed: 0, failing: 1, running: 0 },
    jobs: { total: 1, good: 0, bad: 1, running: 0, overdue: 0, uncounted: 0 },
  },
  backends: [backend()],
  jobs: [job()],
  failed_tests: [],
  commits: [],
  ...overrides,
});

/** What a stranger would try, alone and in any mix with any characters. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 3 }),
        fc.constantFrom(
          ...['|', '\\|', '\\', '`', '``', '<script>', '</code>', '</details>', '-->', '<!--', '&#64;x'],
          ...[
            '@pytorch/oncall',
            '#123',
            'GH-1',
            'a/b#1',
            '](javascript:alert(1))',
            '![x](https://x.example)',
          ],
          ...['\n', '\r\n', '\n\n# x\n', '\u2028', '\u202e', '\u0000', '\ud800', 'www.x.example', ':tada:'],
          ...['https://x.example', 'mailto:a@b.example', '*b*', '_i_', '~~s~~', '$x$', '&lt;', '[[x]]', 'a'],
        ),
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join('')),
);

const decode = (text: string): string =>
  text.replace(/&#(\d+);/g, (_reference, number: string) => String.fromCodePoint(Number(number)));

const safeLink = /\[(run|log|artifacts|checks|dashboard)\]\(https:\/\/[\w\-.~:/?#@!$&*+,;=%]+\)/g;
const hostileLinks = fc.oneof(
  hostile,
  hostile.map((text) => `https://x.example/${text}`),
);

const hostileJob = fc
  .record({
    backend: hostile,
    level: hostile,
    workflow: hostile,
    job: hostile,
    outcome: hostile,
    merge: hostile,
    expected: hostile,
    elsewhere: hostile,
    run_url: hostileLinks.map(httpsLink),
    log_url: hostileLinks.map(httpsLink),
    artifact_url: hostileLinks.map(httpsLink),
  })
  .map((overrides) => job(overrides));

const hostileResults = fc
  .record({
    sha: hostile,
    jobs: fc.array(hostileJob, { maxLength: 5 }),
    backends: fc.array(
      fc
        .record({
          backend: hostile,
          level: hostile,
          merge: hostile,
          oncalls: fc.array(hostile, { maxLength: 2 }),
        })
        .map((overrides) => backend(overrides)),
      { maxLength: 3 },
    ),
    words: fc.record({ sentence: hostile, blocking: hostile, elsewhere: hostile }),
  })
  .map(({ words, ...rest }) => {
    const { summary } = results();
    // As the query says it: the name first.
    const commit = `${rest.sha.slice(0, 7)} is the newest of 2 commits`;
    return results({ ...rest, summary: { ...summary, ...words, commit } });
  });

describe('the Markdown of a PR', () => {
  it('is a closed section behind the marker, with the words of the dashboard', () => {
    const text = renderMarkdown(results(), 'https://grafana.example/d/oot-pr?var-pr=1&var-sha=a');
    expect(text.startsWith(`${marker}\n<details>\n<summary>🔴 <b>OOT CI</b>: 0&#47;1 backends passed`)).toBe(
      true,
    );
    expect(text.endsWith('\n\n</details>\n')).toBe(true);
    expect(text).toContain('[dashboard](https://grafana.example/d/oot-pr?var-pr=1&amp;var-sha=a)');
    expect(renderMarkdown(results(), 'http://127.0.0.1:3000/d/oot-pr')).not.toContain('dashboard');
  });

  it('lets nothing of strangers mean anything: no tag, link, mention, reference, cell or line', () => {
    fc.assert(
      fc.property(hostileResults, (hostileOnes) => {
        const text = renderMarkdown(hostileOnes, null);
        const lines = text.split('\n');
        expect(text).not.toMatch(/[\r\v\f\u0085\u2028\u2029]/);
        // Rows where they should be, each with its number of cells.
        const rows = lines.filter((line) => line.startsWith('|'));
        const { backends, jobs } = hostileOnes;
        const heads = Number(backends.length > 0) + Number(jobs.length > 0);
        expect(rows).toHaveLength(backends.length + jobs.length + 2 * heads);
        for (const line of rows) expect(line.split('|')).toHaveLength(10);

        const ours = text
          .replace(marker, '')
          .replace(/^<\/?details>$/gm, '')
          .replace(/^<summary>(.*)<\/summary>$/gm, '$1')
          .replace('<b>OOT CI</b>', '')
          .replace(/^\*\*(Backends|Jobs, worst first)\*\*$/gm, '')
          .replace(/^\| [-| ]+ \|$/gm, '')
          .replace(safeLink, '');
        // Outside of code a character reference is a character again when GitHub looks for mentions.
        const outside = ours.replace(/<code>[^<]*<\/code>/g, '');
        expect(decode(outside)).not.toMatch(/[@]|(?<!&)#/);
        const left = ours.replace(/<\/?code>/g, '').replace(/&#\d+;/g, '');
        expect(left).not.toMatch(/[<>`\\*_~[\]!@#&$"'{}^]|:\/\/|www\./);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps what a name says', () => {
    fc.assert(
      fc.property(hostile, (name) => {
        const shown = code(name, 10_000);
        const inner = /^<code>(.+)<\/code>$/.exec(shown)?.[1] ?? '';
        const readable = (text: string) =>
          Array.from(text.toWellFormed()).filter((char) => !/[\p{C}\p{Z}]/u.test(char));
        expect(readable(decode(inner))).toEqual(readable(name));
      }),
    );
    expect(code('test (910b, 1, 4)')).toBe('<code>test &#40;910b&#44; 1&#44; 4&#41;</code>');
    expect([code(''), code(' \n ')]).toEqual(['–', '–']);
    expect(code('äöü 机器')).toBe('<code>äöü 机器</code>');
    expect(decode(code('x'.repeat(130)))).toBe(`<code>${'x'.repeat(119)}…</code>`);
    expect(escapeText('a\r\n\tb', 10)).toBe('a b');
    expect(plain('@a #1')).toBe('a 1');
  });

  it.each([
    [3_000, 400],
    [maxMarkdownLength, 2_000],
  ])('is at most %i characters long, and counts what it leaves out', (maxLength, count) => {
    const jobs = Array.from({ length: count }, (_, index) =>
      job({
        job: `${index} ${'|'.repeat(100)}`,
        run_url: `https://ci.example/${'x'.repeat(50)}`,
        as_expected: index % 10 === 0 ? true : false,
      }),
    );
    const backends = Array.from({ length: 3 }, (_, index) => backend({ backend: `org/${index}` }));
    const text = renderMarkdown(results({ jobs, backends }), null, maxLength);
    expect(text.length).toBeLessThanOrEqual(maxLength);
    expect(text.length).toBeGreaterThan(maxLength * 0.6);
    const shown = text.split('\n').filter((line) => line.includes('ci.example')).length;
    const good = count / 10;
    expect(text).toContain(`\nand ${count - good - shown} more jobs\n`);
    expect(text).toContain(`\n${good} jobs ended as expected.\n`);
    expect(text.endsWith('\n</details>\n')).toBe(true);
  });

  it('stays within its length whatever it is about', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 3_500, max: 12_000 }),
        (jobCount, backendCount, maxLength) => {
          const text = renderMarkdown(
            results({
              jobs: Array.from({ length: jobCount }, () => job({ job: '@'.repeat(500) })),
              backends: Array.from({ length: backendCount }, () => backend()),
            }),
            null,
            maxLength,
          );
          expect(text.length).toBeLessThanOrEqual(maxLength);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('httpsLink', () => {
  it.each([
    ['https://github.com/a/b/actions/runs/1', 'https://github.com/a/b/actions/runs/1'],
    ['https://x.example/a b|c(d)"e', 'https://x.example/a%20b%7Cc%28d%29%22e'],
    ['https://x.example/ä?q=ö&r=1', 'https://x.example/%C3%A4?q=%C3%B6&r=1'],
    ['HTTPS://X.example', 'https://x.example/'],
    ['', null],
    ['http://x.example', null],
    ['javascript:alert(1)', null],
    ['data:text/html,x', null],
    ['//x.example', null],
    ['https://user@x.example', null],
    ['https://github.com:secret@x.example', null],
    [`https://x.example/${'x'.repeat(2_048)}`, null],
  ])('makes of %s: %s', (given, expected) => {
    expect(httpsLink(given)).toBe(expected);
  });

  it('gives an https link of harmless characters, or none, of whatever comes', () => {
    fc.assert(
      fc.property(hostileLinks, (given) => {
        const link = httpsLink(given);
        if (link === null) return;
        expect(link).toMatch(/^https:\/\/[\w\-.~:/?#@!$&*+,;=%]+$/);
        expect(new URL(link).host).toBe(new URL(given).host);
      }),
      { numRuns: 500 },
    );
  });
});
