import { z } from 'zod';
import { clickHouseConfigSchema } from '../client';

const password = z.string().min(12, 'must have 12 characters or more').optional();

/** The environment of `npm run access`; CLICKHOUSE_USER is an admin there. */
export const accessConfigSchema = clickHouseConfigSchema.extend({
  CLICKHOUSE_WRITER_USER: z.string().default('oot_replicator'),
  CLICKHOUSE_WRITER_PASSWORD: password,
  CLICKHOUSE_READER_USER: z.string().default('oot_grafana'),
  CLICKHOUSE_READER_PASSWORD: password,
});

export type AccessConfig = z.output<typeof accessConfigSchema>;
