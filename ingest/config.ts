import { z } from 'zod';
import { awsConfigSchema } from '../runtime/aws';

/** The ingest service's environment; README has the table. */
export const ingestConfigSchema = awsConfigSchema.extend({
  PORT: z.coerce.number().int().min(0).max(65_535).default(8080),
  HOST: z.string().default('127.0.0.1'),
  OOT_RELAY_TOKENS: z
    .string({
      error: 'is required: the secrets that the relay may send, comma-separated (two while rotating)',
    })
    .transform((list) =>
      list
        .split(',')
        .map((token) => token.trim())
        .filter((token) => token !== ''),
    )
    .refine((tokens) => tokens.length > 0, 'has no token in it'),
  OOT_TABLE: z.string().default('torchci-oot-workflow-job'),
  OOT_CREATE_TABLE: z.stringbool().default(false),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
});
