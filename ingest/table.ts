import { DescribeTableCommand, UpdateTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createTableIfMissing, waitForTable } from '../runtime/dynamodb-table';

/**
 * Creates the table of results where it is not there: on demand, keyed by `dynamoKey`. Does not touch one
 * that exists. On AWS the table is infrastructure; this is for emulators, tests and first tries.
 *
 * Returns whether it was created.
 */
export function ensureTable(
  client: DynamoDBClient,
  tableName: string,
  { stream = true }: { stream?: boolean } = {},
): Promise<boolean> {
  return createTableIfMissing(client, {
    TableName: tableName,
    AttributeDefinitions: [{ AttributeName: 'dynamoKey', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'dynamoKey', KeyType: 'HASH' }],
    ...(stream && { StreamSpecification: streamSpecification }),
  });
}

/** Switches the table's stream on, where it is off. The replicator needs both images: see its decoder. */
export async function enableStream(client: DynamoDBClient, tableName: string): Promise<void> {
  const { Table } = await client.send(new DescribeTableCommand({ TableName: tableName }));
  if (Table?.StreamSpecification?.StreamEnabled) return;
  await client.send(
    new UpdateTableCommand({ TableName: tableName, StreamSpecification: streamSpecification }),
  );
  await waitForTable(client, tableName);
}

const streamSpecification = { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' } as const;
