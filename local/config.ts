import { z } from 'zod';
import { awsConfigSchema } from '../runtime/aws';

const port = (fallback: number) => z.coerce.number().int().min(1).max(65_535).default(fallback);

/** The environment of `npm start`; README has the table. What is set here reaches the parts. */
export const localConfigSchema = awsConfigSchema.extend({
  PORT: port(8080),
  CLICKHOUSE_PORT: port(8123),
  DYNAMODB_PORT: port(8000),
  METRICS_PORT: port(9464),
  GRAFANA_PORT: port(3000),
  API_PORT: port(8081),
  DATA_DIR: z.string().default('.data'),
  DYNAMODB_ENGINE: z.enum(['auto', 'dynamodb-local', 'dynoxide']).default('auto'),
  /** Of a ClickHouse that runs; else the embedded one is started. */
  CLICKHOUSE_URL: z.url({ protocol: /^https?$/ }).optional(),
  CLICKHOUSE_USER: z.string().default('default'),
  CLICKHOUSE_PASSWORD: z.string().default(''),
  CLICKHOUSE_DATABASE: z.string().default('default'),
  /** Who reads it for Grafana and the API; without it, the account above. The embedded one has an account for that. */
  CLICKHOUSE_READER_USER: z.string().optional(),
  CLICKHOUSE_READER_PASSWORD: z.string().default(''),
  OOT_TABLE: z.string().default('torchci-oot-workflow-job'),
  /** Comma-separated. Without it a token is made at the first start, and kept in DATA_DIR. */
  OOT_RELAY_TOKENS: z.string().optional(),
  /** As above, of who reads the API. */
  API_READ_TOKENS: z.string().optional(),
  API_PUBLIC: z.enum(['none', 'badges', 'all']).default('badges'),
});

export type LocalConfig = z.output<typeof localConfigSchema>;
