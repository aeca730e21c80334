import { z } from 'zod';
import { clickHouseConfigSchema } from '../clickhouse/client';
import { awsConfigSchema } from '../runtime/aws';

/** The environment of the replicator and of its commands (backfill, verify, quarantine); README has the table. */
export const replicatorConfigSchema = awsConfigSchema.extend(clickHouseConfigSchema.shape).extend({
  OOT_TABLE: z.string().default('torchci-oot-workflow-job'),
  OOT_CHECKPOINT_TABLE: z.string().optional(),
  METRICS_PORT: z.coerce.number().int().min(0).max(65_535).default(9464),
  HOST: z.string().default('127.0.0.1'),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
});

/**
 * The environment of the replicator as a Lambda. Where ClickHouse is and who we are there is in a secret, as JSON
 * with the keys of {@link clickHouseSecretSchema}; without one, in the environment.
 */
export const replicatorLambdaConfigSchema = awsConfigSchema.extend(clickHouseConfigSchema.shape).extend({
  CLICKHOUSE_SECRET: z.string().optional(),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
});

/** What that secret holds. Nothing in it stands for a ClickHouse of this machine: the address has to be said. */
export const clickHouseSecretSchema = clickHouseConfigSchema.extend({
  CLICKHOUSE_URL: z.url({ protocol: /^https?$/, error: 'is required: https://host:8443' }),
});

export type ReplicatorConfig = z.output<typeof replicatorConfigSchema>;

export const checkpointTableOf = (config: ReplicatorConfig): string =>
  config.OOT_CHECKPOINT_TABLE ?? `${config.OOT_TABLE}-replication`;
