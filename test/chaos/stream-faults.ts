import type { Answer, Call, Cut, Middleware, Next } from './proxy';
import { dynamoError, operationOf } from './proxy-faults';

/*
 * A stream that does what DynamoDB's do within hours, within seconds: shards that split, records that are
 * trimmed, iterators that expire. Each real shard is shown as a tree of views. A view has the records of its
 * real shard between two positions, and after a split only those keys whose hash leads to it.
 */

export type StreamFaults = {
  middleware: Middleware;
  /**
   * The next page of some records is the last of its shard; what follows is in two children. Half of it is held
   * back for a while, in which the children are there already and must not be read.
   */
  splitSoon(): void;
  /** The next page that somebody with a position asks for is lost, and everything before it. */
  trimSoon(): void;
  /** Whether the page that {@link StreamFaults.trimSoon} waits for has not come yet; then it is called off. */
  callOff(): void;
  expireIterators(): void;
  /** What was done, for the report and for tests. */
  counts: { splits: number; trims: number; expired: number };
  /** Shards that were read before their parent's end had been handed out to anyone. */
  violations: string[];
};

type View = {
  shardId: string;
  parent: View | null;
  realShardId: string;
  /** Its records come after this one; null: from the oldest. */
  from: string | null;
  /** Its last record; null while it is open. */
  to: string | null;
  /** Which way the hash of a key goes at each split above. */
  path: readonly number[];
  isEndHandedOut: boolean;
  /** Reading it is throttled until then, UTC milliseconds. */
  heldBackUntilMs: number;
};

/** `real`: null where it has yet to be asked for. */
type Iterator = { view: View; after: string | null; real: string | null; hasPosition: boolean };

type WireRecord = {
  dynamodb?: { SequenceNumber?: string; Keys?: { dynamoKey?: { S?: string } } };
};

const holdBackMs = 800;
const throttled = dynamoError('ProvisionedThroughputExceededException', 'Too many reads of this shard');
const trimmed = dynamoError('TrimmedDataAccessException', 'The records have been trimmed from the stream');
const expiredIterator = dynamoError('ExpiredIteratorException', 'The shard iterator has expired');

export function createStreamFaults(): StreamFaults {
  const views = new Map<string, View>();
  const iterators = new Map<string, Iterator>();
  /** By real shard: the newest record that is gone. */
  const trimmedTo = new Map<string, string>();
  const counts = { splits: 0, trims: 0, expired: 0 };
  const violations: string[] = [];
  let streamArn = '';
  let nextIterator = 1;
  let splits = 0;
  let trims = 0;

  const issue = (iterator: Iterator): string => {
    const token = `chaos-iterator-${nextIterator++}`;
    iterators.set(token, iterator);
    return token;
  };

  async function describe(call: Call, next: Next) {
    const answer = await next(call);
    if (answer === 'cut' || answer.status !== 200) return answer;
    const description = JSON.parse(answer.body.toString()) as { StreamDescription: { Shards: WireShard[] } };
    const { Shards } = description.StreamDescription;
    for (const { ShardId, ParentShardId } of Shards) {
      if ([...views.values()].some(({ realShardId }) => realShardId === ShardId)) continue;
      views.set(ShardId, {
        shardId: ShardId,
        parent: views.get(ParentShardId ?? '') ?? null,
        realShardId: ShardId,
        from: null,
        to: null,
        path: [],
        isEndHandedOut: false,
        heldBackUntilMs: 0,
      });
    }
    description.StreamDescription.Shards = [...views.values()].map(({ shardId, parent, from, to }) => ({
      ShardId: shardId,
      ...(parent && { ParentShardId: parent.shardId }),
      SequenceNumberRange: {
        StartingSequenceNumber: from ?? '000000000000000000001',
        ...(to !== null && { EndingSequenceNumber: to }),
      },
    }));
    return withJson(answer, description);
  }

  async function openIterator(call: Call, next: Next) {
    const wanted = JSON.parse(call.body.toString()) as {
      StreamArn: string;
      ShardId: string;
      SequenceNumber?: string;
    };
    const view = views.get(wanted.ShardId);
    if (!view) return next(call);
    if (view.parent && !view.parent.isEndHandedOut) violations.push(view.shardId);
    const gone = trimmedTo.get(view.realShardId) ?? null;
    const position = wanted.SequenceNumber ?? null;
    if (position !== null && gone !== null && BigInt(position) < BigInt(gone)) return trimmed;
    const after = position ?? later(view.from, gone);
    streamArn = wanted.StreamArn;
    const opened = await openReal(call, next, view, after);
    if (opened.real === null) return opened.answer;
    const { answer, real } = opened;
    return withJson(answer, {
      ShardIterator: issue({ view, after, real, hasPosition: position !== null }),
    });
  }

  /** An iterator of the engine's own, or what it said instead. */
  async function openReal(
    call: Call,
    next: Next,
    view: View,
    after: string | null,
  ): Promise<{ real: string; answer: Answer } | { real: null; answer: Answer | Cut }> {
    const answer = await next({
      ...withBody(call, {
        StreamArn: streamArn,
        ShardId: view.realShardId,
        ShardIteratorType: after === null ? 'TRIM_HORIZON' : 'AFTER_SEQUENCE_NUMBER',
        ...(after !== null && { SequenceNumber: after }),
      }),
      headers: { ...call.headers, 'x-amz-target': 'DynamoDBStreams_20120810.GetShardIterator' },
    });
    if (answer === 'cut' || answer.status !== 200) return { real: null, answer };
    const { ShardIterator } = JSON.parse(answer.body.toString()) as { ShardIterator: string };
    return { answer, real: ShardIterator };
  }

  async function getRecords(call: Call, next: Next) {
    const wanted = JSON.parse(call.body.toString()) as { ShardIterator: string; Limit?: number };
    const iterator = iterators.get(wanted.ShardIterator);
    if (!iterator) return expiredIterator;
    const { view, after } = iterator;
    const gone = trimmedTo.get(view.realShardId);
    if (gone !== undefined && after !== null && BigInt(after) < BigInt(gone)) return trimmed;
    if (Date.now() < view.heldBackUntilMs) return throttled;
    if (iterator.real === null) {
      const opened = await openReal(call, next, view, after);
      if (opened.real === null) return opened.answer;
      iterator.real = opened.real;
    }
    const answer = await next(withBody(call, { ...wanted, ShardIterator: iterator.real }));
    if (answer === 'cut' || answer.status !== 200) return answer;
    const page = JSON.parse(answer.body.toString()) as { Records?: WireRecord[]; NextShardIterator?: string };
    const records = page.Records ?? [];
    const last = records.map(sequenceOf).at(-1) ?? null;
    if (last !== null && trims > 0 && iterator.hasPosition) {
      trims--;
      counts.trims++;
      trimmedTo.set(view.realShardId, later(last, gone ?? null) ?? last);
      return trimmed;
    }
    if (last !== null && records.length > 1 && splits > 0 && view.to === null) {
      splits--;
      split(view, last);
      const half = records.slice(0, records.length >> 1);
      const after = half.map(sequenceOf).at(-1) ?? null;
      const token = issue({ view, after, real: null, hasPosition: true });
      const mine = half.filter((record) => leadsTo(record, view.path));
      return withJson(answer, { ...page, Records: mine, NextShardIterator: token });
    }
    const mine = records.filter(
      (record) => isWithin(sequenceOf(record), view.to) && leadsTo(record, view.path),
    );
    const position = last ?? after;
    const isAtEnd = view.to !== null && position !== null && BigInt(position) >= BigInt(view.to);
    const { NextShardIterator, ...rest } = page;
    if (isAtEnd || NextShardIterator === undefined) {
      view.isEndHandedOut = true;
      return withJson(answer, { ...rest, Records: mine });
    }
    const token = issue({
      view,
      after: position,
      real: NextShardIterator,
      hasPosition: iterator.hasPosition || mine.length > 0,
    });
    return withJson(answer, { ...rest, Records: mine, NextShardIterator: token });
  }

  function split(view: View, at: string): void {
    view.to = at;
    view.heldBackUntilMs = Date.now() + holdBackMs;
    counts.splits++;
    for (const way of [0, 1]) {
      const shardId = `${view.shardId}-${way}`;
      views.set(shardId, {
        ...view,
        shardId,
        parent: view,
        from: at,
        to: null,
        path: [...view.path, way],
        isEndHandedOut: false,
        heldBackUntilMs: 0,
      });
    }
  }

  return {
    middleware(call, next) {
      const operation = operationOf(call);
      if (operation === 'DescribeStream') return describe(call, next);
      if (operation === 'GetShardIterator') return openIterator(call, next);
      if (operation === 'GetRecords') return getRecords(call, next);
      return next(call);
    },
    splitSoon() {
      splits++;
    },
    trimSoon() {
      trims++;
    },
    callOff() {
      splits = 0;
      trims = 0;
    },
    expireIterators() {
      counts.expired += iterators.size;
      iterators.clear();
    },
    counts,
    violations,
  };
}

type WireShard = {
  ShardId: string;
  ParentShardId?: string;
  SequenceNumberRange?: { StartingSequenceNumber?: string; EndingSequenceNumber?: string };
};

const sequenceOf = (record: WireRecord): string => record.dynamodb?.SequenceNumber ?? '0';

/** Positions are decimal digits, padded by one engine and not by the other: compared as numbers, kept as text. */
const later = (a: string | null, b: string | null): string | null => {
  if (a === null || b === null) return a ?? b;
  return BigInt(a) < BigInt(b) ? b : a;
};

const isWithin = (position: string, to: string | null): boolean =>
  to === null || BigInt(position) <= BigInt(to);

/** Whether a record's key goes the way of `path` at every split. */
function leadsTo(record: WireRecord, path: readonly number[]): boolean {
  if (path.length === 0) return true;
  let bits = 0x811c9dc5;
  for (const byte of Buffer.from(record.dynamodb?.Keys?.dynamoKey?.S ?? '')) {
    bits = Math.imul(bits ^ byte, 0x01000193);
  }
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b) >>> 0;
  return path.every((way, depth) => ((bits >>> depth) & 1) === way);
}

const withBody = (call: Call, content: unknown): Call => ({
  ...call,
  body: Buffer.from(JSON.stringify(content)),
});

function withJson(answer: Answer, content: unknown): Answer {
  const { 'x-amz-crc32': _of, ...headers } = answer.headers;
  return { ...answer, headers, body: Buffer.from(JSON.stringify(content)) };
}
