import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createClickHouse } from '../clickhouse/client';
import { awsClientOptions, patientRequests, withoutSdkLog } from '../runtime/aws';
import { readConfig } from '../runtime/env';
import { replicatorConfigSchema } from './config';
import { createSink } from './sink';

/** What the commands (backfill, verify, quarantine) need, from one environment. `close` when done. */
export function openCommand(env: NodeJS.ProcessEnv) {
  const config = readConfig(replicatorConfigSchema, env);
  const client = withoutSdkLog(new DynamoDBClient({ ...awsClientOptions(config), ...patientRequests }));
  const clickHouse = createClickHouse(config);
  return {
    client,
    clickHouse,
    tableName: config.OOT_TABLE,
    region: config.AWS_REGION,
    sink: createSink({ client: clickHouse, now: Date.now }),
    close: async () => {
      client.destroy();
      await clickHouse.close();
    },
  };
}

/** One line that is written over on a terminal, and now and then as a line of its own elsewhere. */
export function createProgressLine(stream: NodeJS.WriteStream = process.stderr) {
  const startedMs = Date.now();
  let lastMs = 0;
  return {
    show(done: number, what: string): void {
      const nowMs = Date.now();
      if (nowMs - lastMs < (stream.isTTY ? 100 : 5_000)) return;
      lastMs = nowMs;
      const rate = Math.round(done / Math.max(0.001, (nowMs - startedMs) / 1000));
      const text = `${done.toLocaleString('en')} ${what}, ${rate.toLocaleString('en')}/s`;
      stream.write(stream.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
    },
    end(): void {
      if (stream.isTTY) stream.write('\r\x1b[K');
    },
  };
}
