import { marshall } from '@aws-sdk/util-dynamodb';
import { ClickHouseError } from '@clickhouse/client';
import { classifyFailure } from '../../clickhouse/errors';
import { changeOfRecord, type Change } from '../../replicator/change';
import { decode } from '../../replicator/decode';
import { quarantineRow, changeOfQuarantine } from '../../replicator/quarantine';
import { readableShards } from '../../replicator/shards';

const item = {
  dynamoKey: 'a/b/d/w/j/1',
  status: 'completed',
  state: 'reported',
  conclusion: 'success',
  downstream_repo: 'a/b',
  workflow_name: 'w',
  job_name: 'j',
  check_run_id: '1',
  received_at: Date.UTC(2026, 10, 20, 10),
  revision: 1_800_000_000_001,
};
const put = (fields: object = {}): Change => ({
  kind: 'put',
  image: marshall({ ...item, ...fields }, { removeUndefinedValues: true }),
  sequenceNumber: '1',
  changedAtMs: null,
});
const rowsOf = (change: Change) => {
  const decoded = decode(change, 'stream');
  if (decoded.outcome !== 'rows') throw new Error(JSON.stringify(decoded));
  return decoded.rows;
};

describe('decode', () => {
  it("takes an item of HUD's own code that has no check run", () => {
    expect(rowsOf(put({ check_run_id: undefined }))).toMatchObject([{ check_run_id: '' }]);
  });

  it('fills in what stands for nothing', () => {
    expect(rowsOf(put())).toMatchObject([
      {
        pr_number: 0,
        upstream_repo: 'pytorch/pytorch',
        event_type: 'pull_request',
        run_attempt: 1,
        started_at: null,
        completed_at: null,
        total_tests: null,
        queue_time: null,
        received_at: '2026-11-20 10:00:00.000',
        revision: 1_800_000_000_001,
        is_deleted: 0,
      },
    ]);
  });

  it('makes a removal a tombstone one revision later', () => {
    expect(rowsOf({ ...put(), kind: 'remove' })).toMatchObject([
      { dynamoKey: item.dynamoKey, is_deleted: 1, revision: 1_800_000_000_002 },
    ]);
  });

  const hud = { received_at: undefined, state: undefined, revision: undefined };
  it.each([
    ['of ours', {}, {}, ['2026-11-20 live']],
    ['whose image before is no row', { status: 'exploded' }, {}, ['2026-11-20 live']],
    [
      "of HUD's that stays",
      { ...hud, started_at: '2026-11-19T08:00:00Z' },
      { ...hud, started_at: '2026-11-19T09:00:00Z' },
      ['2026-11-19 live'],
    ],
    [
      "of HUD's that moves",
      { ...hud, completed_at: '2026-11-20T10:00:00Z' },
      { ...hud, started_at: '2026-11-19T09:00:00Z' },
      ['2026-11-20 gone', '2026-11-19 live'],
    ],
    [
      "of HUD's that becomes ours elsewhere",
      { ...hud, started_at: '2026-11-19T08:00:00Z' },
      {},
      ['2026-11-19 gone', '2026-11-20 live'],
    ],
  ])('leaves a tombstone where a row was only of an item that moves: %s', (_, before, now, expected) => {
    const rows = rowsOf({ ...put(now), before: put(before).image });
    expect(rows.map((row) => `${row.received_at.slice(0, 10)} ${row.is_deleted ? 'gone' : 'live'}`)).toEqual(
      expected,
    );
  });

  it.each<[string, string | number]>([
    ['upstream_repo', 'pytorch/vision'],
    ['pr_number', 7],
    ['pytorch_head_sha', 'abc'],
    ['event_type', 'push'],
    ['delivery_id', 'd2'],
    ['downstream_repo', 'a/c'],
    ['workflow_name', 'w2'],
    ['job_name', 'j2'],
    ['run_id', '9'],
  ])('says what an attempt was before it became one of another job or run: %s', (field, value) => {
    const before = put().image;
    expect(decode({ ...put({ [field]: value }), before }, 'stream')).toMatchObject({
      outcome: 'rows',
      rows: [{ [field]: value }],
      formerly: { downstream_repo: 'a/b', pr_number: 0, run_id: '' },
    });
  });

  it('says nothing of what an attempt was where it stays one of its job and run', () => {
    const before = put({ conclusion: 'failure', run_attempt: 1, pr_number: undefined }).image;
    expect(decode({ ...put({ run_attempt: 2, pr_number: 0 }), before }, 'stream')).not.toHaveProperty(
      'formerly',
    );
  });

  it('leaves what the TTL of DynamoDB removed', () => {
    expect(decode({ ...put(), kind: 'remove', expired: true }, 'stream')).toEqual({
      outcome: 'skip',
      reason: 'expired',
    });
  });

  it.each([
    ['a status nobody knows', { status: 'exploded' }, 'invalid_status'],
    ['a negative count', { failed_tests: -1 }, 'invalid_failed_tests'],
    ['a fractional count', { failed_tests: 1.5 }, 'invalid_failed_tests'],
    ['a PR number in words', { pr_number: 'main' }, 'invalid_pr_number'],
    ['a time that is none', { completed_at: 'yesterday' }, 'invalid_completed_at'],
    ['a conclusion nobody knows', { conclusion: 'meh' }, 'invalid_conclusion'],
    ['no job name', { job_name: '' }, 'invalid_job_name'],
    ['no time at all', { received_at: undefined }, 'no_time'],
    ['a time that no Date can hold', { received_at: 8.8e15 }, 'invalid_received_at'],
    ['a time that no DateTime64 can hold', { updated_at: 9_300_000_000_000 }, 'invalid_updated_at'],
  ])('puts an item with %s into quarantine', (_name, fields, reason) => {
    expect(decode(put(fields), 'stream')).toMatchObject({ outcome: 'reject', reason });
  });

  it('rejects a number that JavaScript cannot hold', () => {
    const change = put();
    change.image.total_tests = { N: '1E+60' };
    expect(decode(change, 'stream')).toMatchObject({ outcome: 'reject', reason: 'unreadable_item' });
  });

  it("gives items of HUD's own code a version that grows with what they hold, far below ours", () => {
    const hud = {
      ...item,
      state: undefined,
      revision: undefined,
      received_at: undefined,
      started_at: '2026-11-20T10:00:00Z',
    };
    const versions = [
      { ...hud, status: 'in_progress', conclusion: '' },
      { ...hud, conclusion: 'timed_out', completed_at: '2026-11-20T16:00:00Z' },
      { ...hud, conclusion: 'success' },
      { ...hud, conclusion: 'success', total_tests: 5 },
    ].map((fields) => rowsOf(put(fields))[0]!.revision);
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
    expect(new Set(versions).size).toBe(4);
    expect(Math.max(...versions)).toBeLessThan(item.revision);
  });
});

describe('changeOfRecord', () => {
  const images = { NewImage: put().image, SequenceNumber: '42' };

  it('reads the same from the SDK and from Lambda', () => {
    const at = new Date('2026-11-20T10:00:00Z');
    const sdk = changeOfRecord({ dynamodb: { ...images, ApproximateCreationDateTime: at } });
    const lambda = changeOfRecord({
      dynamodb: { ...images, ApproximateCreationDateTime: at.getTime() / 1000 },
    });
    expect(sdk).toEqual(lambda);
    expect(sdk).toEqual({
      kind: 'put',
      image: images.NewImage,
      expired: false,
      sequenceNumber: '42',
      changedAtMs: at.getTime(),
    });
  });

  it.each([
    ['the SDK', { Type: 'Service', PrincipalId: 'dynamodb.amazonaws.com' }, true],
    ['Lambda', { type: 'Service', principalId: 'dynamodb.amazonaws.com' }, true],
    ['a person', { type: 'User', principalId: 'somebody' }, false],
    ['nobody', undefined, false],
  ])('tells a removal by TTL, as %s says it', (_name, userIdentity, expired) => {
    const change = changeOfRecord({ userIdentity, dynamodb: { OldImage: put().image, SequenceNumber: '1' } });
    expect(change).toMatchObject({ kind: 'remove', expired });
  });

  it('is null without an image', () => {
    expect(changeOfRecord({ dynamodb: { SequenceNumber: '1' } })).toBeNull();
  });
});

describe('quarantineRow', () => {
  it('has one id for one content, and gives the change back', () => {
    const change = put({ status: 'exploded' });
    const reordered: Change = {
      ...change,
      image: Object.fromEntries(Object.entries(change.image).reverse()),
      sequenceNumber: '7',
    };
    const rejection = { reason: 'invalid_status', detail: 'd' };
    const row = quarantineRow({ change, ...rejection }, 'stream', 1_000);
    expect(quarantineRow({ change: reordered, ...rejection }, 'backfill', 2_000).id).toBe(row.id);
    expect(quarantineRow({ change: put({ status: 'other' }), ...rejection }, 'stream', 1_000).id).not.toBe(
      row.id,
    );
    expect(changeOfQuarantine(row.record)).toEqual({
      kind: 'put',
      image: change.image,
      sequenceNumber: '',
      changedAtMs: null,
    });
  });
});

describe('readableShards', () => {
  const shards = [
    { shardId: 'root', parentId: 'trimmed' },
    { shardId: 'left', parentId: 'root' },
    { shardId: 'right', parentId: 'root' },
    { shardId: 'leaf', parentId: 'left' },
  ];
  it.each([
    ['the oldest first', [], ['root']],
    ['children after their parent', ['root'], ['left', 'right']],
    ['grandchildren after their own parent only', ['root', 'right'], ['left']],
    ['the last', ['root', 'right', 'left'], ['leaf']],
    ['nothing more', ['root', 'right', 'left', 'leaf'], []],
  ])('reads %s', (_name, ended, expected) => {
    expect(readableShards(shards, new Set(ended)).map(({ shardId }) => shardId)).toEqual(expected);
  });
});

describe('classifyFailure', () => {
  const server = (code: string) => new ClickHouseError({ message: 'm', code, type: 'T' });
  it.each([
    ['row', server('27')],
    ['row', server('469')],
    ['retryable', server('241')],
    ['retryable', server('252')],
    ['permanent', server('60')],
    ['permanent', server('516')],
    ['unknown', server('99999')],
    ['retryable', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })],
    ['retryable', new Error('Timeout error.')],
    ['retryable', new Error('<html>502 Bad Gateway</html>')],
    ['unknown', new TypeError('a defect')],
    ['unknown', 'a string'],
  ])('is %s for %s', (expected, error) => {
    expect(classifyFailure(error)).toBe(expected);
  });
});
