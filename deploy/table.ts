import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, StreamViewType, Table } from 'aws-cdk-lib/aws-dynamodb';
import type { Construct } from 'constructs';
import type { Environment } from './config-schema';

/** The table of results, whoever owns it. */
export type ResultsTable = { name: string; arn: string; streamArn: string; kmsKeyArn?: string };

/**
 * The table of results: made, as the truth that nothing here may delete, or only referred to. Of an existing one
 * nothing is changed, and this stack neither creates nor removes a thing of it.
 */
export function resultsTable(scope: Construct, config: Environment['table']): ResultsTable {
  if (config.kind === 'existing') {
    const { name, streamArn, kmsKeyArn } = config;
    const arn = streamArn.slice(0, streamArn.indexOf('/stream/'));
    return { name, arn, streamArn, ...(kmsKeyArn !== undefined && { kmsKeyArn }) };
  }
  const table = new Table(scope, 'Results', {
    tableName: config.name,
    partitionKey: { name: 'dynamoKey', type: AttributeType.STRING },
    // Nobody knows how many callbacks a day brings, and a throttled one is a 503.
    billingMode: BillingMode.PAY_PER_REQUEST,
    // The decoder needs both: the image before says whether a row has moved, and the only one of a removal.
    stream: StreamViewType.NEW_AND_OLD_IMAGES,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    deletionProtection: true,
    removalPolicy: RemovalPolicy.RETAIN,
  });
  return { name: config.name, arn: table.tableArn, streamArn: table.tableStreamArn ?? '' };
}
