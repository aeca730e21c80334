import { z } from 'zod';
import { awsConfigSchema } from '../runtime/aws';
import { splitTokens } from '../runtime/http/auth';

/** Tokens of the relay, as the environment and the secret hold them: comma-separated. */
export const relayTokensSchema = z
  .string({
    error: 'is required: the secrets that the relay may send, comma-separated (two while rotating)',
  })
  .transform(splitTokens)
  .refine((tokens) => tokens.length > 0, 'has no token in it');

/** What ingest needs wherever it runs. */
const commonConfigSchema = awsConfigSchema.extend({
  OOT_TABLE: z.string().default('torchci-oot-workflow-job'),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
});

/** The ingest service's environment; README has the table. */
export const ingestConfigSchema = commonConfigSchema.extend({
  PORT: z.coerce.number().int().min(0).max(65_535).default(8080),
  HOST: z.string().default('127.0.0.1'),
  OOT_RELAY_TOKENS: relayTokensSchema,
  OOT_CREATE_TABLE: z.stringbool().default(false),
});

/** The environment of ingest as a Lambda: the tokens are in a secret, and never in what a console shows. */
export const ingestLambdaConfigSchema = commonConfigSchema.extend({
  OOT_RELAY_TOKENS_SECRET: z.string({
    error: "is required: the name or ARN of the secret that holds the relay's tokens, comma-separated",
  }),
});
