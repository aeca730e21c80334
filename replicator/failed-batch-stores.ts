import { opendir, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  S3ServiceException,
  type ListObjectsV2CommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';

/** Where batches lie that Lambda gave up. */
export type FailedBatchStore = {
  /** How it is called in messages. */
  name: string;
  /** The keys of what is there, in the order of their shards and times. */
  list(): AsyncIterable<string>;
  read(key: string): Promise<string>;
  /** Takes an object out of the list, once ClickHouse has it. */
  settle(key: string): Promise<void>;
};

/** A bucket or a folder that can't be used. `message` says which and why. */
export class FailedBatchStoreError extends Error {
  override readonly name = 'FailedBatchStoreError';
  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * The bucket itself: what is settled is deleted. The bucket of `deploy/` keeps versions, so that even that can be
 * taken back for a month. Lambda's objects are `aws/lambda/MAPPING/SHARD/YYYY/MM/DD/...`; a prefix narrows that down.
 */
export function createBucketStore(client: S3Client, Bucket: string, prefix: string): FailedBatchStore {
  const name = `s3://${Bucket}`;
  const clearly = async <T>(call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof S3ServiceException)) throw error;
      throw new FailedBatchStoreError(error.name, `${name}: ${error.name}: ${error.message}`, {
        cause: error,
      });
    }
  };
  return {
    name,
    async *list() {
      let from: string | undefined;
      do {
        const page: ListObjectsV2CommandOutput = await clearly(() =>
          client.send(
            new ListObjectsV2Command({ Bucket, Prefix: prefix, ...(from && { ContinuationToken: from }) }),
          ),
        );
        // Deleting what was listed does not move what comes after it.
        for (const { Key } of page.Contents ?? []) if (Key !== undefined && !Key.endsWith('/')) yield Key;
        from = page.NextContinuationToken;
      } while (from);
    },
    read: (Key) =>
      clearly(async () => {
        const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
        return (await Body?.transformToString()) ?? '';
      }),
    settle: (Key) =>
      clearly(async () => {
        await client.send(new DeleteObjectCommand({ Bucket, Key }));
      }),
  };
}

/** What is settled in a folder stays there under another name. */
const settledSuffix = '.replayed';

/** A folder with copies of the objects, as `aws s3 sync` makes it. */
export function createFolderStore(folder: string): FailedBatchStore {
  return {
    name: folder,
    async *list() {
      if (!(await stat(folder).catch(() => null))?.isDirectory())
        throw new FailedBatchStoreError('ENOTDIR', `${folder} is not a folder`);
      const keys: string[] = [];
      for await (const entry of await opendir(folder, { recursive: true }))
        if (entry.isFile() && !entry.name.endsWith(settledSuffix))
          keys.push(join(entry.parentPath, entry.name));
      yield* keys.sort();
    },
    read: (key) => readFile(key, 'utf8'),
    settle: (key) => rename(key, `${key}${settledSuffix}`),
  };
}
