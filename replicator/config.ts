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

export type ReplicatorConfig = z.output<typeof replicatorConfigSchema>;

export const checkpointTableOf = (config: ReplicatorConfig): string =>
  config.OOT_CHECKPOINT_TABLE ?? `${config.OOT_TABLE}-replication`;
