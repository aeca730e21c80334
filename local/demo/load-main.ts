import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { z } from 'zod';
import { awsClientOptions, awsConfigSchema } from '../../runtime/aws';
import { readConfig } from '../../runtime/env';
import { exitWith } from '../../runtime/shutdown';
import { buildHistory } from './items';
import { loadHistory } from './load';

const schema = awsConfigSchema.extend({
  DYNAMODB_ENDPOINT: z.url({
    protocol: /^https?$/,
    error: 'is required: the demo is for an emulator, never for a table on AWS',
  }),
  OOT_TABLE: z.string().default('torchci-oot-workflow-job'),
});

/** Loads the demo's three weeks into a table that is there and empty; a running replicator does the rest. */
async function main(): Promise<void> {
  const config = readConfig(schema, process.env);
  const client = new DynamoDBClient(awsClientOptions(config));
  const { Count } = await client.send(new ScanCommand({ TableName: config.OOT_TABLE, Limit: 1 }));
  if (Count) {
    process.stdout.write('The table is not empty; nothing loaded\n');
  } else {
    const { items } = buildHistory({ seed: 'oot-demo', endMs: Date.now() });
    // Ingest did not write these just now, so nothing may measure how long they took to become visible.
    const written = items.map(({ updated_at: _, ...item }) => item);
    await loadHistory({ client, tableName: config.OOT_TABLE, items: written });
    process.stdout.write(`Loaded ${written.length} check runs of 21 days\n`);
  }
  client.destroy();
}

main().catch(exitWith);
