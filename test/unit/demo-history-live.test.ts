import type { BatchWriteItemCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { parseCallback } from '../../ingest/contract/callback';
import { buildHistory } from '../../local/demo/items';
import { createLiveModel } from '../../local/demo/live-model';
import { loadHistory } from '../../local/demo/load';
import { createRandom } from '../../local/demo/random';

const nowMs = Date.UTC(2026, 10, 23, 15);

describe('createLiveModel', () => {
  const model = createLiveModel({ random: createRandom('live'), nowMs, speed: 60, ratePerSecond: 10 });
  const sent = Array.from({ length: 6_000 }, (_, tick) => {
    const clockMs = nowMs + tick * 100;
    const callback = model.next(clockMs);
    return callback ? [{ clockMs, ...callback }] : [];
  }).flat();
  const workflows = sent.map(({ body }) => body.untrusted.callback_payload.workflow);

  it('has something due at almost every tick', () => {
    expect(sent.length).toBeGreaterThan(5_000);
  });

  it('makes only callbacks that ingest takes', () => {
    expect(sent.filter(({ body }) => !parseCallback(body).ok)).toEqual([]);
  });

  it('never sends a time that lies ahead', () => {
    const ahead = sent.filter(({ clockMs, body }) => {
      const { started_at, completed_at } = body.untrusted.callback_payload.workflow;
      return [started_at, completed_at].some((time) => time !== null && Date.parse(time) > clockMs);
    });
    expect(ahead).toEqual([]);
  });

  it('ends jobs within minutes that say they took an hour', () => {
    const startedMs = new Map<unknown, { clockMs: number; saidMs: number }>();
    const took: { realMs: number; saidMs: number }[] = [];
    sent.forEach(({ clockMs }, index) => {
      const flow = workflows[index];
      if (flow?.started_at && flow.status === 'in_progress') {
        startedMs.set(flow.check_run_id, { clockMs, saidMs: Date.parse(flow.started_at) });
      }
      const start = startedMs.get(flow?.check_run_id);
      if (flow?.completed_at && start) {
        took.push({ realMs: clockMs - start.clockMs, saidMs: Date.parse(flow.completed_at) - start.saidMs });
      }
    });
    const long = took.filter(({ saidMs }) => saidMs > 40 * 60_000);
    expect(long.length).toBeGreaterThan(500);
    expect(long.every(({ realMs, saidMs }) => realMs < saidMs / 10)).toBe(true);
  });

  it('keeps the silent backend silent', () => {
    const repos = new Set(sent.map(({ body }) => body.trusted.verified_repo));
    expect(repos).not.toContain('novaforge-ai/torch-novaforge');
    expect(repos.size).toBe(6);
  });
});

describe('loadHistory', () => {
  const items = buildHistory({ seed: 1, endMs: nowMs, days: 2 }).items.slice(0, 130);

  /** Leaves what a real engine only leaves under load: `leave` says how many of a batch. */
  function createClient(leave: (keys: string[]) => number) {
    const written: string[] = [];
    const send = ({ input }: BatchWriteItemCommand) => {
      const requests = input.RequestItems?.jobs ?? [];
      const keys = requests.map(({ PutRequest }) => PutRequest?.Item?.dynamoKey?.S ?? '');
      const left = leave(keys);
      written.push(...keys.slice(left));
      return Promise.resolve(left === 0 ? {} : { UnprocessedItems: { jobs: requests.slice(0, left) } });
    };
    return { client: { send } as unknown as DynamoDBClient, written };
  }

  it('writes every item once, in batches of 25, also those that were left over at first', async () => {
    const seen = new Set<string>();
    const { client, written } = createClient((keys) => {
      expect(keys.length).toBeLessThanOrEqual(25);
      const isFirst = !seen.has(keys[0] ?? '');
      seen.add(keys[0] ?? '');
      return isFirst ? 3 : 0;
    });
    const progress: number[] = [];
    await loadHistory({ client, tableName: 'jobs', items, onProgress: (count) => progress.push(count) });
    expect(written.toSorted()).toEqual(items.map(({ dynamoKey }) => dynamoKey).toSorted());
    expect(progress).toHaveLength(6);
    expect(progress.at(-1)).toBe(130);
  });

  it('gives up when a batch is never taken whole', async () => {
    jest.useFakeTimers();
    const { client } = createClient(() => 1);
    const outcome = expect(loadHistory({ client, tableName: 'jobs', items })).rejects.toMatchObject({
      code: 'DEMO_LOAD',
      message: 'DynamoDB left 1 items unwritten after 8 tries',
    });
    await jest.advanceTimersByTimeAsync(30_000);
    await outcome;
    jest.useRealTimers();
  });
});
