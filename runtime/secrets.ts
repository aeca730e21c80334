import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { withoutSdkLog } from './aws';
import { ConfigError } from './env';
import type { Logger } from './logger';

/** Reads a secret's text. Throws what the AWS SDK throws. */
export type ReadSecret = (signal: AbortSignal) => Promise<string>;

/** Reads from AWS Secrets Manager; `secretId` is a name or an ARN. `AWS_ENDPOINT_URL_SECRETS_MANAGER` is the SDK's own. */
export function createSecretReader(options: { region: string; secretId: string }): ReadSecret {
  const client = withoutSdkLog(new SecretsManagerClient({ region: options.region, maxAttempts: 3 }));
  return async (signal) => {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: options.secretId }), {
      abortSignal: signal,
    });
    if (SecretString === undefined) throw new Error('the secret is binary; it has to be text');
    return SecretString;
  };
}

/** Reads several secrets as one, so that a change of any of them is a change: a JSON array of their texts, in order. */
export const joinSecrets =
  (...reads: ReadSecret[]): ReadSecret =>
  async (signal) =>
    JSON.stringify(await Promise.all(reads.map((read) => read(signal))));

/** The texts that {@link joinSecrets} joined. */
export const splitSecrets = (joined: string): string[] => JSON.parse(joined) as string[];

/**
 * What is made of a secret (a client, an app), kept while the secret stays the same. It is looked at again at most
 * every `maxAgeMs`, so that a rotation needs no deployment; what was made of the one before is closed.
 *
 * Where the secret can't be read again, or the new one makes nothing, the one before goes on: an outage of Secrets
 * Manager must not become ours. The first time there is none before, so that throws.
 */
export function keepMade<T>(deps: {
  read: ReadSecret;
  make: (secret: string) => Promise<T>;
  close: (made: T) => void;
  logger: Logger;
  now: () => number;
  maxAgeMs: number;
}): () => Promise<T> {
  let current: { secret: string; made: T; lookedAtMs: number } | undefined;
  let looking: Promise<T> | undefined;

  async function look(): Promise<T> {
    const before = current;
    try {
      const secret = await deps.read(AbortSignal.timeout(before ? againMs : firstMs));
      const made = before?.secret === secret ? before.made : await deps.make(secret);
      current = { secret, made, lookedAtMs: deps.now() };
      if (before && made !== before.made) {
        deps.logger.info('the secret has changed');
        deps.close(before.made);
      }
      return made;
    } catch (error) {
      if (!before) throw error;
      // Of ours, such a message names keys and never values.
      const reason = error instanceof ConfigError ? error.message : undefined;
      deps.logger.error({ err: error, reason }, 'the secret can not be used, going on with the one before');
      before.lookedAtMs = deps.now();
      return before.made;
    }
  }
  return () => {
    if (current && deps.now() - current.lookedAtMs < deps.maxAgeMs) return Promise.resolve(current.made);
    return (looking ??= look().finally(() => (looking = undefined)));
  };
}

/** For the first look at a secret, its retries included: behind ingest, what fails sooner can be tried again. */
const firstMs = 3_000;

/** For another one, while a request waits: ingest has to answer within 10 s, and may need 6.2 s of them for itself. */
const againMs = 1_500;
