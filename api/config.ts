import { z } from 'zod';
import { clickHouseConfigSchema } from '../clickhouse/client';
import { awsConfigSchema } from '../runtime/aws';
import { splitTokens } from '../runtime/http/auth';

const { CLICKHOUSE_URL, CLICKHOUSE_DATABASE } = clickHouseConfigSchema.shape;

/** What is answered without a token: nothing, badges (a README can't send one), or everything. */
export const publicParts = ['none', 'badges', 'all'] as const;
export type PublicPart = (typeof publicParts)[number];

/** What the API needs wherever it runs. */
const commonConfigSchema = z.object({
  API_PUBLIC: z.enum(publicParts).default('none'),
  /** Requests a minute of a client (a token, or an address); badges are counted apart. */
  API_RATE_LIMIT: z.coerce.number().int().min(1).max(1_000_000).default(120),
  /** How old an answer may be. */
  API_CACHE_SECONDS: z.coerce.number().int().min(1).max(300).default(15),
  GRAFANA_URL: z.url({ protocol: /^https?$/ }).optional(),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
});

/** An account of its own, so that the one of the replicator, which may write, never ends up here by accident. */
const readerConfigSchema = z.object({
  CLICKHOUSE_URL,
  CLICKHOUSE_DATABASE,
  CLICKHOUSE_READER_USER: z.string({
    error: 'is required: an account of ClickHouse that may only read',
  }),
  CLICKHOUSE_READER_PASSWORD: z.string().default(''),
});

export type ReaderConfig = z.output<typeof readerConfigSchema>;

/** The environment of the API; README has the table. */
export const apiConfigSchema = commonConfigSchema
  .extend(readerConfigSchema.shape)
  .extend({
    API_PORT: z.coerce.number().int().min(0).max(65_535).default(8081),
    HOST: z.string().default('127.0.0.1'),
    API_READ_TOKENS: z.string().default('').transform(splitTokens),
    /** How many proxies stand before it; 0: X-Forwarded-For is anybody's word. */
    API_TRUST_PROXY: z.coerce.number().int().min(0).max(10).default(0),
  })
  .refine(({ API_PUBLIC, API_READ_TOKENS }) => API_PUBLIC !== 'none' || API_READ_TOKENS.length > 0, {
    path: ['API_READ_TOKENS'],
    error:
      'is required: the secrets that readers may send, comma-separated (or set API_PUBLIC=badges or all)',
    // Else it would only be said when all other keys are well.
    when: () => true,
  });

export type ApiConfig = z.output<typeof apiConfigSchema>;

/**
 * The environment of the API as a Lambda: its tokens and its account of ClickHouse are in secrets, and never in what a
 * console shows. How many proxies stand before it is not asked: that the gateway does, it knows.
 */
export const apiLambdaConfigSchema = commonConfigSchema.extend({
  AWS_REGION: awsConfigSchema.shape.AWS_REGION,
  API_READ_TOKENS_SECRET: z.string({
    error: "is required: the name or ARN of the secret that holds the readers' tokens, comma-separated",
  }),
  CLICKHOUSE_READER_SECRET: z.string({
    error: "is required: the name or ARN of the secret that holds the reader's account of ClickHouse",
  }),
});

/** What the first of those secrets holds. */
export const readTokensSchema = z
  .string()
  .transform(splitTokens)
  .refine((tokens) => tokens.length > 0, 'has no token in it');

/** What the second one holds, as JSON. Its keys are not those of the replicator's: that one is of no use here. */
export const readerSecretSchema = readerConfigSchema.extend({
  CLICKHOUSE_URL: z.url({ protocol: /^https?$/, error: 'is required: https://host:8443' }),
});
