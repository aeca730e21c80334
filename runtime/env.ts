import type { z } from 'zod';

/** A configuration that can't be used. `message` lists every bad key, one a line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads a process's configuration from its environment.
 *
 * Empty strings count as unset, since compose files and CI pass them for variables that nobody set.
 * Throws {@link ConfigError} that names every bad key at once, never its value: it may be a secret.
 */
export function readConfig<S extends z.ZodType>(schema: S, env: NodeJS.ProcessEnv): z.output<S> {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  return parseConfig(schema, set, 'The environment');
}

/**
 * Reads a part of the configuration from a secret: a JSON object with the keys that the environment would have.
 *
 * Throws {@link ConfigError} as {@link readConfig} does. `name` is the secret's; what is in it is never said.
 */
export function readSecretConfig<S extends z.ZodType>(schema: S, secret: string, name: string): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(secret);
  } catch {
    // Not as a cause: the parser quotes what it could not read.
    throw new ConfigError(`The secret ${name} is not JSON`);
  }
  return parseConfig(schema, value, `The secret ${name}`);
}

/** Checks a configuration. Throws {@link ConfigError}, with every bad key at once and no value. */
export function parseConfig<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => {
    const path = issue.path.join('.');
    return `  ${path === '' ? '' : `${path}: `}${issue.message}`;
  });
  throw new ConfigError(`${what} is not usable:\n${lines.join('\n')}`);
}
