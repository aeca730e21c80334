import type { DynamoDBBatchResponse, DynamoDBStreamEvent } from 'aws-lambda';
import type { ClickHouseClient } from '../clickhouse/client';
import { failureSlug } from '../clickhouse/errors';
import type { Logger } from '../runtime/logger';
import { changeOfRecord, type Change } from './change';
import { retireShards, writeHeartbeats } from './heartbeat';
import type { Sink } from './sink';

/**
 * The replicator as the handler of an event source mapping with ReportBatchItemFailures: the same core as the
 * poller, so the same changes give the same rows.
 *
 * What can't be written now is reported from its first record on, and Lambda sends it again from there; the
 * shard waits meanwhile, as it must, or an older change would come after a newer one. What can never be
 * written is in quarantine and counts as done. So there is no partial failure but "all from the first".
 */
export function createLambdaHandler(deps: {
  sink: Sink;
  clickHouse: ClickHouseClient;
  logger: Logger;
  now: () => number;
}): (event: DynamoDBStreamEvent) => Promise<DynamoDBBatchResponse> {
  const { sink, logger, now } = deps;
  let retiredAtMs = 0;
  return async ({ Records: records }) => {
    const changes: Change[] = [];
    for (const record of records) {
      const change = changeOfRecord(record);
      if (!change) throw new Error('a stream record has no image; the stream must be NEW_AND_OLD_IMAGES');
      changes.push(change);
    }
    const [first] = changes;
    const last = changes.at(-1);
    if (!first || !last) return { batchItemFailures: [] };
    try {
      const written = await sink.write(changes, 'stream');
      // With each batch: nobody knows whether there is a next one.
      await sink.settle();
      logger.info({ ...written }, 'batch confirmed');
    } catch (error) {
      logger.error(
        { failure: failureSlug(error), count: changes.length },
        'ClickHouse did not take the batch',
      );
      return { batchItemFailures: [{ itemIdentifier: first.sequenceNumber }] };
    }
    await heartbeat(records[0]?.eventSourceARN ?? '', last);
    return { batchItemFailures: [] };
  };

  /** Lambda does not tell which shard a batch is from, so a stream has one heartbeat here. */
  async function heartbeat(streamArn: string, last: Change): Promise<void> {
    const status = {
      position: last.sequenceNumber,
      newestChangeAtMs: last.changedAtMs,
      confirmedAtMs: now(),
      readAtMs: now(),
      ended: false,
    };
    try {
      await writeHeartbeats(deps.clickHouse, 'lambda', streamArn, new Map([['lambda', status]]));
      if (now() - retiredAtMs > 60_000) {
        await retireShards(deps.clickHouse, streamArn, ['lambda'], now());
        retiredAtMs = now();
      }
    } catch (error) {
      logger.warn({ failure: failureSlug(error) }, 'heartbeat not written');
    }
  }
}
