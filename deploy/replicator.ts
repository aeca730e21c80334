import { CfnOutput, Duration, RemovalPolicy } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { EventSourceMapping, MetricType, StartingPosition, type Function } from 'aws-cdk-lib/aws-lambda';
import { BlockPublicAccess, Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import type { Environment } from './config-schema';
import { createFunction, mayReadSecret } from './function';
import type { ResultsTable } from './table';

export type Replicator = { function: Function; mapping: EventSourceMapping };

/**
 * Longer than some requests to ClickHouse, each of which is given up after 20 s: the function itself says that a batch
 * failed, so that it is tried again as a whole.
 */
const timeoutSeconds = 180;

/**
 * The replicator as a function that Lambda calls with the stream's records.
 *
 * ClickHouse away is the case that everything here is about. The function then reports the batch's first record, and
 * Lambda sends the batch again, with growing pauses, for `maxRecordAgeHours`; its shard waits, the others do not.
 * Within that time everything heals by itself and nothing is in the bucket. After it Lambda puts whole batches into
 * the bucket, in the pace in which they grow too old, and `npm run replay-failures` brings them back. There is no
 * limit on tries on purpose: with one, the first minutes of an outage would fill the bucket, and every outage would
 * need a person.
 *
 * Halving (`bisect`) is for what can't be reported: a crash, a timeout, no memory left. It finds the one record, which
 * then waits alone and goes to the bucket. What ClickHouse refuses was put into quarantine long before.
 */
export function createReplicator(
  scope: Construct,
  props: { environment: Environment; table: ResultsTable; bundleFolder: string },
): Replicator {
  const { environment, table } = props;
  const { replicator, secrets } = environment;
  const failures = createFailureBucket(scope);

  const lambda = createFunction(scope, 'Replicator', {
    description: "Mirrors the table's stream into ClickHouse",
    bundleFolder: props.bundleFolder,
    memoryMb: replicator.memoryMb,
    timeoutSeconds,
    environment: { CLICKHOUSE_SECRET: secrets.clickHouse },
    statements: [
      mayReadSecret(scope, secrets.clickHouse),
      new PolicyStatement({
        actions: ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator'],
        resources: [table.streamArn],
      }),
      new PolicyStatement({ actions: ['dynamodb:ListStreams'], resources: [`${table.arn}/stream/*`] }),
      ...(table.kmsKeyArn === undefined
        ? []
        : [new PolicyStatement({ actions: ['kms:Decrypt'], resources: [table.kmsKeyArn] })]),
      new PolicyStatement({ actions: ['s3:PutObject'], resources: [failures.arnForObjects('aws/lambda/*')] }),
      new PolicyStatement({ actions: ['s3:ListBucket'], resources: [failures.bucketArn] }),
    ],
  });
  const mapping = new EventSourceMapping(scope, 'Stream', {
    target: lambda,
    eventSourceArn: table.streamArn,
    // Everything that the stream still has. LATEST would leave out what is written while the mapping is being made.
    startingPosition: StartingPosition.TRIM_HORIZON,
    batchSize: replicator.batchSize,
    maxBatchingWindow: Duration.seconds(replicator.batchWindowSeconds),
    parallelizationFactor: replicator.parallelizationFactor,
    reportBatchItemFailures: true,
    bisectBatchOnError: true,
    // No limit; the age is the limit.
    retryAttempts: -1,
    maxRecordAge: Duration.hours(replicator.maxRecordAgeHours),
    // Only S3 gets the records themselves; a queue would get their sequence numbers, for as long as the stream has them.
    onFailure: { bind: () => ({ destination: failures.bucketArn }) },
    supportS3OnFailureDestination: true,
    // Counts what goes to the bucket and what gets lost, for the alarms.
    metricsConfig: { metrics: [MetricType.EVENT_COUNT] },
  });
  new CfnOutput(scope, 'FailureBucket', {
    value: failures.bucketName,
    description: 'npm run replay-failures -- s3://...',
  });
  return { function: lambda, mapping };
}

/** Where batches go that Lambda gave up. They are callbacks that nobody sees yet, so nothing here deletes them. */
function createFailureBucket(scope: Construct): Bucket {
  return new Bucket(scope, 'Failures', {
    encryption: BucketEncryption.S3_MANAGED,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    // What was replayed is deleted; for a month even that can be taken back.
    versioned: true,
    lifecycleRules: [{ noncurrentVersionExpiration: Duration.days(30), expiredObjectDeleteMarker: true }],
    removalPolicy: RemovalPolicy.RETAIN,
  });
}
