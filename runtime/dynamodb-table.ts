import {
  CreateTableCommand,
  DescribeTableCommand,
  ResourceInUseException,
  ResourceNotFoundException,
  waitUntilTableExists,
  type CreateTableCommandInput,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';

/** Waits until a table can be used, at most 60 s: after it was created or changed. */
export const waitForTable = (client: DynamoDBClient, TableName: string | undefined) =>
  waitUntilTableExists({ client, maxWaitTime: 60, minDelay: 0.05, maxDelay: 2 }, { TableName });

/** Creates a table, on demand, where there is none of its name, and returns whether it did. Changes none that exists. */
export async function createTableIfMissing(
  client: DynamoDBClient,
  table: Omit<CreateTableCommandInput, 'BillingMode'>,
): Promise<boolean> {
  try {
    await client.send(new DescribeTableCommand({ TableName: table.TableName }));
    return false;
  } catch (error) {
    if (!(error instanceof ResourceNotFoundException)) throw error;
  }
  try {
    await client.send(new CreateTableCommand({ ...table, BillingMode: 'PAY_PER_REQUEST' }));
  } catch (error) {
    // Somebody else was faster.
    if (!(error instanceof ResourceInUseException)) throw error;
  }
  await waitForTable(client, table.TableName);
  return true;
}
