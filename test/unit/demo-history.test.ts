import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { marshall } from '@aws-sdk/util-dynamodb';
import { parseAllowlist } from '../../clickhouse/backends';
import { parseCallback } from '../../ingest/contract/callback';
import { itemSchema, type Item } from '../../ingest/contract/item';
import { backends } from '../../local/demo/backends';
import { historyCallbacks } from '../../local/demo/history';
import { buildHistory, foldCallbacks, RefusedCallbackError } from '../../local/demo/items';
import type { TimedCallback } from '../../local/demo/jobs';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
/** A Monday afternoon, when much runs, and a Sunday morning, when little does. */
const monday = { seed: 7, endMs: Date.UTC(2026, 10, 23, 15, 12, 9, 321) };
const sunday = { seed: 'other', endMs: Date.UTC(2026, 10, 15, 7, 3, 44, 5) };

const silent = 'novaforge-ai/torch-novaforge';
const broken = 'tessera-ai/torch-tessera';
const nightlyOnly = 'halcyon-compute/pytorch-halcyon';
const weak = 'pytorch-labs/cambricon-pytorch';
const probes = 'pytorch/crcr-test';

const digest = (options: typeof monday | typeof sunday): string => {
  const hash = createHash('sha256');
  for (const callback of historyCallbacks(options)) hash.update(JSON.stringify(callback));
  return hash.digest('hex');
};

const payloadOf = ({ body }: TimedCallback) => body.untrusted.callback_payload;

/** Of each job, the newest attempt; as the views define it, more or less. */
function jobsOf(items: Item[]): Item[] {
  const jobs = new Map<string, Item>();
  for (const item of items) {
    const key = [item.downstream_repo, item.delivery_id, item.workflow_name, item.job_name].join('|');
    if ((item.run_attempt ?? 1) > (jobs.get(key)?.run_attempt ?? 0)) jobs.set(key, item);
  }
  return [...jobs.values()];
}

function successRate(items: Item[]): number {
  const counted = jobsOf(items).filter(({ conclusion }) =>
    ['success', 'failure', 'timed_out'].includes(conclusion ?? ''),
  );
  return counted.filter(({ conclusion }) => conclusion === 'success').length / counted.length;
}

const announced = (jobName: string): string =>
  ({ 'probe-xfail': 'failure', 'probe-xcancel': 'cancelled', 'probe-xtimeout': 'timed_out' })[jobName] ??
  'success';

const namesOfFailed = ({ failed_tests_json }: Item): string[] =>
  (JSON.parse(failed_tests_json ?? '[]') as { name: string }[]).map(({ name }) => name);

describe('historyCallbacks', () => {
  it('gives the same bytes for the same options, and others for another seed or end', () => {
    const expected = digest(monday);
    expect(digest(monday)).toBe(expected);
    expect(digest({ ...monday, seed: 8 })).not.toBe(expected);
    expect(digest({ ...monday, endMs: monday.endMs + 1 })).not.toBe(expected);
  });

  it('covers as many days as asked for', () => {
    const week = [...historyCallbacks({ ...monday, days: 7 })];
    expect(week[0]?.atMs).toBeGreaterThanOrEqual(monday.endMs - 7 * dayMs);
    expect(week[0]?.atMs).toBeLessThan(monday.endMs - 6.5 * dayMs);
  });
});

describe('foldCallbacks', () => {
  it('names the field where ingest would refuse a callback', () => {
    const [...bad] = historyCallbacks({ ...monday, days: 1 });
    for (const callback of bad) payloadOf(callback).workflow.job_name = '';
    expect(() => foldCallbacks(bad)).toThrow(RefusedCallbackError);
    expect(() => foldCallbacks(bad)).toThrow('callback 1: workflow.job_name is required');
  });
});

describe.each([
  ['on a Monday afternoon', monday],
  ['on a Sunday morning', sunday],
])('a history that ends %s', (_when, options) => {
  const { endMs } = options;
  const startMs = endMs - 21 * dayMs;
  const callbacks = [...historyCallbacks(options)];
  const { items, callbacks: count } = buildHistory(options);
  const of = (repo: string) => items.filter(({ downstream_repo }) => downstream_repo === repo);

  it('has only callbacks that ingest takes', () => {
    const issues = callbacks.flatMap(({ body }) => {
      const parsed = parseCallback(body);
      return parsed.ok ? [] : parsed.issues;
    });
    expect(issues).toEqual([]);
  });

  it('has 4,500 to 6,000 items and almost twice as many callbacks', () => {
    expect(items.length).toBeGreaterThanOrEqual(4_500);
    expect(items.length).toBeLessThanOrEqual(6_000);
    expect(count).toBe(callbacks.length);
    expect(count / items.length).toBeGreaterThan(1.75);
    expect(count / items.length).toBeLessThan(2.05);
  });

  it('arrives in order, and lies within the window', () => {
    const arrivals = callbacks.map(({ atMs }) => atMs);
    expect(arrivals).toEqual(arrivals.toSorted((a, b) => a - b));
    expect(arrivals.every((ms) => Number.isInteger(ms) && ms >= startMs && ms <= endMs)).toBe(true);
    const late = callbacks.filter((callback) =>
      [payloadOf(callback).workflow.started_at, payloadOf(callback).workflow.completed_at].some(
        (time) => time !== null && (Date.parse(time) < startMs || Date.parse(time) > callback.atMs),
      ),
    );
    expect(late).toEqual([]);
  });

  it('is in the form of the wire', () => {
    const wrong = callbacks.filter((callback) => {
      const { event_type, delivery_id, payload, pytorch_head_sha, workflow } = payloadOf(callback);
      const { queue_time, execution_time } = callback.body.trusted.ci_metrics;
      const isMicros = (time: string | null) => time === null || /:\d\d\.\d{6}Z$/.test(time);
      const isSwept = workflow.conclusion === 'timed_out' && /:\d\dZ$/.test(workflow.completed_at ?? '');
      if (event_type === 'nightly' || event_type === 'periodic') {
        return !(
          workflow.status === 'completed' &&
          workflow.started_at === workflow.completed_at &&
          isMicros(workflow.completed_at) &&
          queue_time === null &&
          execution_time === null &&
          delivery_id === (payload.head_sha ?? pytorch_head_sha)
        );
      }
      if (workflow.status === 'in_progress') {
        return !(
          workflow.conclusion === null &&
          workflow.completed_at === null &&
          workflow.started_at !== null &&
          isMicros(workflow.started_at) &&
          execution_time === null
        );
      }
      return !(
        queue_time === null &&
        (isSwept
          ? workflow.started_at !== null
          : workflow.started_at === null && isMicros(workflow.completed_at))
      );
    });
    expect(wrong).toEqual([]);
  });

  it('makes items that the contract reads, of at most 400 KB', () => {
    expect(items.filter((item) => !itemSchema.safeParse(item).success)).toEqual([]);
    const bytes = items.map((item) => JSON.stringify(marshall(item, { removeUndefinedValues: true })).length);
    expect(Math.max(...bytes)).toBeLessThan(400_000);
  });

  it('gives each item the revision and times that the store would have', () => {
    const writes = new Map<string, number[]>();
    for (const callback of callbacks) {
      const { delivery_id, workflow } = payloadOf(callback);
      const key = [
        callback.body.trusted.verified_repo,
        delivery_id,
        workflow.name,
        workflow.job_name,
        workflow.check_run_id,
      ].join('/');
      writes.set(key, [...(writes.get(key) ?? []), callback.atMs]);
    }
    expect(items).toHaveLength(writes.size);
    const wrong = items.filter((item) => {
      const [first, ...later] = writes.get(item.dynamoKey) ?? [];
      const last = later.at(-1) ?? first;
      if (first === undefined) return true;
      return !(
        item.received_at === first &&
        item.revision === first + 1 + later.length &&
        item.updated_at === last &&
        (item.status === 'in_progress') === (item.outcome_at === undefined)
      );
    });
    // Every callback of the history says something new, so each is a write.
    expect(wrong).toEqual([]);
  });

  it('has a backend that runs only nightly, and no other', () => {
    const types = (repo: string) => [...new Set(of(repo).map(({ event_type }) => event_type))].sort();
    expect(types(nightlyOnly)).toEqual(['nightly']);
    expect(of(nightlyOnly).length).toBeGreaterThan(100);
    expect(new Set(of(nightlyOnly).map(({ pytorch_head_sha }) => pytorch_head_sha)).size).toBeGreaterThan(18);
    for (const { repo } of backends.filter((backend) => backend.repo !== nightlyOnly)) {
      expect(types(repo)).toEqual(expect.arrayContaining(['nightly', 'pull_request']));
    }
  });

  it('has a backend that fell silent about four days ago', () => {
    const last = Math.max(...of(silent).map(({ updated_at }) => updated_at ?? 0));
    expect(endMs - last).toBeGreaterThan(3.5 * dayMs);
    expect(endMs - last).toBeLessThan(5.5 * dayMs);
    expect(of(silent).filter(({ status }) => status === 'in_progress')).toEqual([]);
  });

  it('has a backend that broke three days ago, and fails the same tests since', () => {
    const since = endMs - 3 * dayMs;
    const before = of(broken).filter(({ received_at }) => (received_at ?? 0) < since);
    const after = of(broken).filter(({ received_at }) => (received_at ?? 0) > since + 2 * hourMs);
    expect(successRate(before)).toBeGreaterThan(0.94);
    expect(successRate(after)).toBeLessThan(0.2);
    const failures = after.filter(({ conclusion }) => conclusion === 'failure').map(namesOfFailed);
    expect(failures.length).toBeGreaterThan(8);
    expect(new Set(failures.map((names) => names.join())).size).toBeLessThanOrEqual(2);
  });

  it('has backends that are well, and one that passes some 88 %', () => {
    expect(successRate(of('intel/intel-extension-for-pytorch'))).toBeGreaterThan(0.955);
    expect(successRate(of('pytorch-labs/ascend-pytorch'))).toBeGreaterThan(0.955);
    expect(successRate(of(weak))).toBeGreaterThan(0.82);
    expect(successRate(of(weak))).toBeLessThan(0.925);
  });

  it('has probes that end as announced, save for one on each of three recent PRs', () => {
    const ended = of(probes).filter(({ status }) => status === 'completed');
    expect(ended.length).toBeGreaterThan(200);
    const surprises = ended.filter(({ conclusion, job_name }) => conclusion !== announced(job_name));
    expect(new Set(surprises.map(({ pr_number }) => pr_number)).size).toBe(3);
    expect(surprises).toHaveLength(3);
    expect(surprises.every(({ received_at }) => (received_at ?? 0) > endMs - 3.1 * dayMs)).toBe(true);
  });

  it('has jobs that run now, and overdue ones that always will', () => {
    const running = items.filter(({ status }) => status === 'in_progress');
    const sinceMs = running.map(({ received_at }) => endMs - (received_at ?? 0));
    expect(sinceMs.filter((ms) => ms > 375 * minuteMs)).toHaveLength(5);
    expect(sinceMs.filter((ms) => ms > 375 * minuteMs && ms < 4 * dayMs).length).toBeGreaterThanOrEqual(3);
    expect(sinceMs.filter((ms) => ms < 375 * minuteMs).length).toBeGreaterThanOrEqual(4);
    expect(sinceMs.filter((ms) => ms < 375 * minuteMs).length).toBeLessThan(80);
  });

  it('has re-runs of the same run whose queue time is none', () => {
    const reruns = items.filter(
      ({ run_attempt, event_type }) => run_attempt === 2 && event_type === 'pull_request',
    );
    expect(reruns.length).toBeGreaterThan(20);
    const passed = reruns.filter(({ conclusion }) => conclusion === 'success');
    expect(passed.length).toBeGreaterThan(10);
    for (const rerun of reruns) {
      const first = items.find(
        (item) => item.run_id === rerun.run_id && item.job_name === rerun.job_name && item.run_attempt === 1,
      );
      expect(first).toMatchObject({ conclusion: 'failure', delivery_id: rerun.delivery_id });
      expect(first?.check_run_id).not.toBe(rerun.check_run_id);
      expect(rerun.queue_time ?? 0).toBeGreaterThan(600);
    }
  });

  it('has lost starts, swept jobs, sweeps that the job then corrected, cancelled and skipped jobs', () => {
    const onPr = items.filter(({ event_type }) => event_type === 'pull_request');
    const lostStart = onPr.filter(({ started_at, conclusion }) => !started_at && conclusion === 'success');
    expect(lostStart.length).toBeGreaterThanOrEqual(10);
    expect(lostStart.some(({ execution_time }) => execution_time === undefined)).toBe(true);
    expect(lostStart.some(({ execution_time }) => execution_time !== undefined)).toBe(true);
    expect(onPr.filter(({ state }) => state === 'swept').length).toBeGreaterThanOrEqual(8);
    const corrected = onPr.filter(
      ({ state, outcome_at, received_at }) =>
        state === 'reported' && (outcome_at ?? 0) - (received_at ?? 0) > 6.3 * hourMs,
    );
    expect(corrected).toHaveLength(3);
    expect(corrected.every(({ conclusion }) => conclusion === 'success')).toBe(true);
    expect(onPr.filter(({ conclusion }) => conclusion === 'cancelled').length).toBeGreaterThan(100);
    expect(onPr.filter(({ conclusion }) => conclusion === 'skipped').length).toBeGreaterThan(0);
  });

  it('has two commits that break several backends at once, on the same tests', () => {
    const reposByFailure = new Map<string, Set<string>>();
    for (const item of items.filter(({ failed_tests_json }) => failed_tests_json)) {
      const key = `${item.pytorch_head_sha} ${namesOfFailed(item).join()}`;
      reposByFailure.set(key, (reposByFailure.get(key) ?? new Set()).add(item.downstream_repo));
    }
    expect([...reposByFailure.values()].filter((repos) => repos.size >= 3)).toHaveLength(2);
  });
});

describe('allowlist.yml', () => {
  const listed = parseAllowlist(readFileSync(join(__dirname, '../../local/demo/allowlist.yml'), 'utf8'));

  it('has eight backends of all levels, and one at L1 that reports nothing', () => {
    expect(listed).toHaveLength(8);
    expect(listed.filter(({ level }) => level === 'L1')).toHaveLength(1);
    expect(new Set(listed.map(({ level }) => level)).size).toBe(4);
  });

  it('agrees with the levels that the callbacks carry', () => {
    const reporting = listed
      .filter(({ level }) => level !== 'L1')
      .map(({ repo, level }) => ({ repo, level }));
    const sent = backends.map(({ repo, level }) => ({ repo, level }));
    const byRepo = (a: { repo: string }, b: { repo: string }) => a.repo.localeCompare(b.repo);
    expect(sent.toSorted(byRepo)).toEqual(reporting.toSorted(byRepo));
  });
});
