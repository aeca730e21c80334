import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { findProblems, type Asked, type Observed } from '../chaos/check';
import type { Answer, Sent } from '../chaos/clients';
import { faults } from '../chaos/faults';
import type { Row } from '../chaos/oracle';
import { explain, summarize } from '../chaos/report';
import { runSeed, type SeedResult } from '../chaos/run-seed';
import type { Verdict } from '../../replicator/verify';
import { completed, inProgress, swept, type WireCallback } from '../helpers/callbacks';

/** The whole chaos suite is `npm run test:chaos`; this is one short seed of it, and proof that it can fail. */

const key =
  'pytorch-labs/ascend-pytorch/7c9d2b1e-0f43-11f1-8a3e-5d1c2b3a4f50/ascend-ci/test (910b, 1, 4)/45012345678';

/** A request that was sent at `atMs` and answered 10 ms later; an answer for each try. */
function send(callback: WireCallback, atMs: number, ...answers: Answer[]): Sent {
  return {
    planned: {
      atMs,
      client: 0,
      method: 'POST',
      contentType: 'application/json',
      isAuthorized: true,
      body: JSON.stringify(callback),
      refusal: null,
    },
    tries: (answers.length > 0 ? answers : [200]).map((answer, index) => ({
      sentMs: atMs + index * 100,
      endedMs: atMs + index * 100 + 10,
      answer,
      answerBody: '',
    })),
  };
}

/** The row that the job's start and its completion make. */
const right: Row = {
  dynamoKey: key,
  status: 'completed',
  state: 'reported',
  conclusion: 'success',
  downstream_repo: 'pytorch-labs/ascend-pytorch',
  downstream_repo_level: 'L3',
  upstream_repo: 'pytorch/pytorch',
  pr_number: 179565,
  pytorch_head_sha: '8f14e45fceea167a5a36dedd4bea2543f0a1b2c3',
  event_type: 'pull_request',
  delivery_id: '7c9d2b1e-0f43-11f1-8a3e-5d1c2b3a4f50',
  workflow_run_url: 'https://github.com/pytorch-labs/ascend-pytorch/actions/runs/16123456789',
  workflow_name: 'ascend-ci',
  job_name: 'test (910b, 1, 4)',
  check_run_id: '45012345678',
  run_id: '16123456789',
  run_attempt: 1,
  queue_time: 41.207,
  execution_time: 1822.5,
  started_at: '2026-11-20 10:00:00.123456000',
  completed_at: '2026-11-20 10:30:22.654321000',
  total_tests: 4157,
  passed_tests: 4120,
  failed_tests: 0,
  skipped_tests: 37,
  artifact_url: 'https://github.com/pytorch-labs/ascend-pytorch/actions/runs/16123456789/artifacts/7',
  received_at: 1_005,
};
const running: Row = {
  ...right,
  status: 'in_progress',
  state: 'running',
  conclusion: '',
  execution_time: null,
  completed_at: null,
  total_tests: null,
  passed_tests: null,
  failed_tests: null,
  skipped_tests: null,
  artifact_url: '',
};
const poisonKey = 'hud/poison';

const ask = (...sent: Sent[]): Asked => ({
  sent,
  strangers: [{ atMs: 0, key: poisonKey, item: {}, expected: { reason: 'invalid_status' } }],
  clockOffsetsMs: [0],
  mustBeQuick: true,
});

const quarantined = (dynamoKey: string) => ({
  dynamoKey,
  kind: 'quarantined' as const,
  dynamoRevision: null,
  clickHouseRevision: null,
});

const verdictOf = (over: Partial<Verdict>): Verdict => ({
  items: 2,
  rows: 1,
  differences: [quarantined(poisonKey)],
  expired: 0,
  old: 0,
  stale: { attempts: 0, runs: 0 },
  ...over,
});

function show(rows: Row[], over: Partial<Observed> = {}): Observed {
  return {
    rows,
    outcomes: rows.map(({ dynamoKey, status, conclusion }) => ({
      dynamoKey,
      outcome: status === 'in_progress' ? 'running' : conclusion,
    })),
    quarantine: [{ dynamoKey: poisonKey, reason: 'invalid_status' }],
    verdict: verdictOf({}),
    unexplained: [],
    ...over,
  };
}

const failure = { workflow: { conclusion: 'failure' } };
const asked = ask(send(inProgress(), 1_000), send(completed(), 2_000));

describe('the oracle', () => {
  it('finds nothing wrong with what was acknowledged', () => {
    expect(findProblems(asked, show([right]))).toEqual([]);
  });

  it.each<[string, Asked, Row[]]>([
    [
      'a completion that nobody acknowledged and that had its effect',
      ask(send(inProgress(), 1_000), send(completed(), 2_000, 'dropped')),
      [right],
    ],
    [
      'a completion that nobody acknowledged and that had none',
      ask(send(inProgress(), 1_000), send(completed(), 2_000, 503)),
      [running],
    ],
    [
      'a job whose only callback was dropped, and is not there',
      ask(send(inProgress(), 1_000, 'dropped')),
      [],
    ],
    [
      'the first of two outcomes that overlap',
      ask(send(inProgress(), 1_000), send(completed(), 2_000), send(completed(failure), 2_005)),
      [right],
    ],
    [
      'the second of two outcomes that overlap',
      ask(send(inProgress(), 1_000), send(completed(failure), 2_000), send(completed(), 2_005)),
      [right],
    ],
    [
      'a second outcome, where the first was tried again after it',
      ask(send(inProgress(), 1_000), send(completed(failure), 2_000, 503, 200), send(completed(), 2_050)),
      [right],
    ],
    [
      'an outcome after the sweeper',
      ask(send(inProgress(), 1_000), send(swept(), 1_500), send(completed(), 2_000)),
      [right],
    ],
    ['a start that came after the end', ask(send(completed(), 1_000), send(inProgress(), 2_000)), [right]],
  ])('permits %s', (_name, given, rows) => {
    expect(findProblems(given, show(rows))).toEqual([]);
  });

  it.each<[string, Asked, Observed, ReturnType<typeof findProblems>[number]['kind']]>([
    ['a lost row', asked, show([]), 'lost'],
    ['a lost completion', asked, show([running]), 'wrong'],
    ['a doubled row', asked, show([right, right]), 'doubled'],
    ['a row of nobody', asked, show([right, { ...right, dynamoKey: 'nobody' }]), 'wrong'],
    ['a row of a callback that was refused', ask(send(completed(), 1_000, 400)), show([right]), 'wrong'],
    ['an outcome that nobody sent', asked, show([{ ...right, conclusion: 'failure' }]), 'wrong'],
    [
      'an outcome that was only sent after another had been acknowledged',
      ask(send(inProgress(), 1_000), send(completed(failure), 2_000), send(completed(), 3_000)),
      show([right]),
      'wrong',
    ],
    [
      'a sweeper that went over an outcome',
      ask(send(inProgress(), 1_000), send(completed(), 2_000), send(swept(), 3_000)),
      show([{ ...right, state: 'swept', conclusion: 'timed_out' }]),
      'wrong',
    ],
    [
      "the sweeper's time in the job's own outcome",
      ask(
        send(inProgress(), 1_000),
        send(swept(), 1_500),
        send(completed({ workflow: { completed_at: null } }), 2_000),
      ),
      show([{ ...right, completed_at: '2026-11-20 16:00:15.000000000' }]),
      'wrong',
    ],
    [
      'a field that only the start brought, and that is gone',
      asked,
      show([{ ...right, queue_time: null }]),
      'wrong',
    ],
    ['a field that nobody brought', ask(send(completed(), 1_000)), show([right]), 'wrong'],
    ['a time of receipt that is not the first', asked, show([{ ...right, received_at: 2_005 }]), 'wrong'],
    [
      'a view that has another outcome',
      asked,
      show([right], { outcomes: [{ dynamoKey: key, outcome: 'failure' }] }),
      'wrong',
    ],
    ['a view that lacks the row', asked, show([right], { outcomes: [] }), 'doubled'],
    ['poison that is not in quarantine', asked, show([right], { quarantine: [] }), 'other'],
    [
      'a good row in quarantine',
      asked,
      show([right], {
        quarantine: [
          { dynamoKey: poisonKey, reason: 'invalid_status' },
          { dynamoKey: key, reason: 'x' },
        ],
      }),
      'other',
    ],
    [
      'tables that differ',
      asked,
      show([right], { verdict: verdictOf({ differences: [quarantined(key)] }) }),
      'other',
    ],
    [
      'an attempt that is not the newest, but stored as it',
      asked,
      show([right], { verdict: verdictOf({ stale: { attempts: 1, runs: 0 } }) }),
      'wrong',
    ],
    [
      'a run that is not what its jobs make it',
      asked,
      show([right], { verdict: verdictOf({ stale: { attempts: 0, runs: 1 } }) }),
      'wrong',
    ],
    ['tables that nobody could compare', asked, show([right], { verdict: null }), 'other'],
    ['a part that ended by itself', asked, show([right], { unexplained: ['replicator ended'] }), 'other'],
    [
      'a good callback that was refused',
      ask(send(inProgress(), 1_000), send(completed(), 2_000), send(completed(), 3_000, 400)),
      show([right]),
      'other',
    ],
    [
      'a defect that ingest admits',
      ask(send(inProgress(), 1_000), send(completed(), 2_000, 500, 200)),
      show([right]),
      'other',
    ],
  ])('sees %s', (_name, given, observed, kind) => {
    expect(findProblems(given, observed).map((problem) => problem.kind)).toContain(kind);
  });
});

describe('the report', () => {
  const passed: SeedResult = {
    seed: 7,
    faults: ['kill-ingest'],
    callbacks: 2,
    acknowledged: 2,
    problems: [],
    recoveryMs: 300,
    tookMs: 9_000,
    dir: null,
  };

  it('ends with a summary, and 0 where every seed passed', () => {
    expect(summarize([passed, { ...passed, recoveryMs: 900 }])).toEqual({
      text: '2 seeds, 2 faults, 4 callbacks, 4 acknowledged, 0 lost, 0 doubled, 0 wrong, 0 other, recovery 0.9 s in the median, 0.9 s at most, all passed',
      exitCode: 0,
    });
  });

  it.each<[string, Partial<SeedResult>]>([
    ['a lost row', { problems: findProblems(asked, show([])) }],
    ['a doubled row', { problems: findProblems(asked, show([right, right])) }],
    ['a wrong row', { problems: findProblems(asked, show([running])) }],
    ['tables that never became equal', { recoveryMs: null }],
  ])('ends with 1 after %s, and says how to run the seed again', (_name, over) => {
    const failed = { ...passed, seed: 8, ...over };
    expect(summarize([passed, failed])).toMatchObject({
      exitCode: 1,
      text: expect.stringMatching(/failed seeds: 8$/) as string,
    });
    expect(explain(failed, 'npm run test:chaos -- --seed 8').at(-1)).toContain(
      'again: npm run test:chaos -- --seed 8',
    );
  });

  it('ends with 1 where nothing ran', () => {
    expect(summarize([]).exitCode).toBe(1);
  });
});

it('shows exactly what was acknowledged after a short chaos', async () => {
  const names = [
    'kill-several',
    'clickhouse-ambiguous',
    'dynamodb-ambiguous',
    'stream-trimmed',
    'shard-splits',
    'clock-jumps',
  ];
  const result = await runSeed({
    seed: 20261123,
    engine: 'dynoxide',
    callbacks: 400,
    faults: faults.filter(({ name }) => names.includes(name)),
    signal: new AbortController().signal,
  });
  expect(explain(result, `npm run test:chaos -- --seed ${result.seed}`)).toEqual([]);
  expect(result.acknowledged).toBeGreaterThan(200);
  expect(new Set(result.faults).size).toBeGreaterThanOrEqual(3);
});

describe('npm run test:chaos', () => {
  const run = (...args: string[]) => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'test/chaos/main.ts', ...args], {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: tmpdir() },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    return {
      child,
      output: () => output,
      exited: once(child, 'close').then(([code]) => code as number | null),
    };
  };
  /** Whether a process has one of the folders in its environment. */
  const isOurs = (pid: string, made: string[]): boolean => {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
      return made.some((name) => environment.includes(name));
    } catch {
      return false;
    }
  };
  const folders = () => readdirSync(tmpdir()).filter((name) => name.startsWith('oot-chaos-'));

  it.each([[['--fault', 'nothing']], [['--seeds', '0']], [['--engine', 'mine']], [['--nonsense']]])(
    'gives its usage and exits 2 on %j',
    async (args) => {
      const { output, exited } = run(...args);
      expect(await exited).toBe(2);
      expect(output()).toContain('usage: npm run test:chaos');
    },
  );

  it('leaves nothing behind when it is interrupted', async () => {
    const before = folders();
    const { child, exited } = run('--engine', 'dynoxide', '--callbacks', '400');
    const made = await new Promise<string[]>((resolve) => {
      const timer = setInterval(() => {
        const found = folders().filter((name) => !before.includes(name));
        if (found.length === 0) return;
        clearInterval(timer);
        resolve(found);
      }, 50);
    });
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    child.kill('SIGINT');
    expect(await exited).toBe(130);
    expect(made.filter((name) => existsSync(`${tmpdir()}/${name}`))).toEqual([]);
    const left = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && isOurs(pid, made));
    expect(left).toEqual([]);
  });
});
