import { z } from 'zod';

/**
 * Where DynamoDB is. Without an endpoint: AWS, with the SDK's own credential chain. With one: an emulator,
 * which wants some region and credentials but looks at neither.
 */
export const awsConfigSchema = z.object({
  AWS_REGION: z.string().default('us-east-1'),
  DYNAMODB_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
});

export type AwsConfig = z.output<typeof awsConfigSchema>;

/**
 * For clients without a deadline of their own: a connection that went silent (a failover, a firewall) is noticed
 * instead of waited on for ever.
 */
export const patientRequests = {
  requestHandler: { connectionTimeout: 3_000, requestTimeout: 20_000, throwOnRequestTimeout: true },
};

/** Options for any AWS SDK client of ours. `AWS_ACCESS_KEY_ID` stays the SDK's to read. */
export function awsClientOptions(config: AwsConfig) {
  if (!config.DYNAMODB_ENDPOINT) return { region: config.AWS_REGION };
  return {
    region: config.AWS_REGION,
    endpoint: config.DYNAMODB_ENDPOINT,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  };
}

/**
 * The client without the SDK's own log: it copies every input and output deeply for a logger that does nothing. Costs
 * a third of the time of reading a stream (bench/README.md); what is worth saying, callers log.
 */
export function withoutSdkLog<T extends { middlewareStack: { remove(name: string): boolean } }>(
  client: T,
): T {
  client.middlewareStack.remove('loggerMiddleware');
  return client;
}
