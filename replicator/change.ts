import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';

/** An item as DynamoDB writes it: `{ "job_name": { "S": "test" } }`. */
export type Image = Record<string, AttributeValue>;

/** One change of one item, as the poller, the Lambda handler, a scan and the quarantine all bring it. */
export type Change = {
  kind: 'put' | 'remove';
  /** The item after a put, and before a remove. */
  image: Image;
  /** The item before a put, where the stream has it. */
  before?: Image;
  /** True where DynamoDB's own TTL removed the item. */
  expired?: boolean;
  /** Position in its shard: decimal digits, up to 40 of them, so never a number. Empty for a scan's. */
  sequenceNumber: string;
  /**
   * When the change was made, UTC milliseconds: the item's own `updated_at`, else the stream's time, which has
   * whole seconds on AWS and whole minutes on DynamoDB Local. Null where neither is there.
   */
  changedAtMs: number | null;
};

/** The part that the SDK's records and Lambda's share. Lambda has times in seconds where the SDK has a Date. */
export type StreamRecord = {
  userIdentity?: unknown;
  dynamodb?:
    | {
        NewImage?: unknown;
        OldImage?: unknown;
        SequenceNumber?: string | undefined;
        ApproximateCreationDateTime?: Date | number | undefined;
      }
    | undefined;
};

/** A record of either kind as a change. Null where it has no images: the stream is not NEW_AND_OLD_IMAGES. */
export function changeOfRecord(record: StreamRecord): Change | null {
  const { NewImage, OldImage, SequenceNumber, ApproximateCreationDateTime: at } = record.dynamodb ?? {};
  // Not by the event's name: for a removal by TTL, DynamoDB Local sends one that its own SDK does not know.
  const kind = NewImage === undefined ? 'remove' : 'put';
  const image = (NewImage ?? OldImage) as Image | undefined;
  if (!image) return null;
  const identity = record.userIdentity as { type?: string; principalId?: string } | null | undefined;
  // The SDK has these keys in capitals, Lambda's JSON in lower case.
  const { Type, PrincipalId } = (identity ?? {}) as { Type?: string; PrincipalId?: string };
  return {
    kind,
    image,
    ...(kind === 'put' && OldImage !== undefined && { before: OldImage as Image }),
    expired:
      (identity?.type ?? Type) === 'Service' &&
      (identity?.principalId ?? PrincipalId) === 'dynamodb.amazonaws.com',
    sequenceNumber: SequenceNumber ?? '',
    changedAtMs: (kind === 'put' ? updatedAtOf(image) : null) ?? streamTime(at),
  };
}

function updatedAtOf(image: Image): number | null {
  const updatedAtMs = Number(image.updated_at?.N);
  // Read before the item is checked, so anything can be here; a Date takes no more than this.
  return updatedAtMs >= 0 && updatedAtMs < Date.UTC(2262, 0, 1) ? updatedAtMs : null;
}

function streamTime(at: Date | number | undefined): number | null {
  if (at === undefined) return null;
  return at instanceof Date ? at.getTime() : at * 1000;
}

/** An item that a scan found, as the change that would have made it. */
export const changeOfItem = (image: Image): Change => ({
  kind: 'put',
  image,
  sequenceNumber: '',
  changedAtMs: null,
});

/** Plain values of an image. Null where one of them has no JavaScript value, such as a number of 30 digits. */
export function readImage(image: Image): Record<string, unknown> | null {
  try {
    return unmarshall(image);
  } catch {
    return null;
  }
}
