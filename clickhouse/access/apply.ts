import { ClickHouseError } from '@clickhouse/client';
import type { ClickHouseClient } from '../client';
import type { AccessConfig } from './config';
import { roles, type Role } from './rights';
import { accessStatements, hashPassword, type AccessUser } from './statements';

/** Roles or users could not be made. `message` says what an admin has to do. */
export class AccessError extends Error {
  override readonly name = 'AccessError';
  readonly code = 'ACCESS';
}

type AccessOptions = Omit<Parameters<typeof accessStatements>[0], 'users'>;

/** The users that the configuration names, with the hashes of the passwords that are set. */
export function usersOf(config: AccessConfig): AccessUser[] {
  const hashed = (password?: string) => (password === undefined ? undefined : hashPassword(password));
  return [
    {
      name: config.CLICKHOUSE_WRITER_USER,
      role: 'writer',
      password: hashed(config.CLICKHOUSE_WRITER_PASSWORD),
    },
    {
      name: config.CLICKHOUSE_READER_USER,
      role: 'reader',
      password: hashed(config.CLICKHOUSE_READER_PASSWORD),
    },
  ];
}

/**
 * Makes roles, limits, quota and users so, whatever was there. Throws {@link AccessError} where the account may not, or
 * the server keeps its users in a file.
 */
export async function applyAccess(
  client: ClickHouseClient,
  options: AccessOptions & { users: readonly AccessUser[] },
): Promise<void> {
  for (const query of accessStatements(options)) {
    try {
      await client.command({ query });
    } catch (error) {
      throw explained(error);
    }
  }
}

function explained(error: unknown): unknown {
  const code = error instanceof ClickHouseError ? error.code : undefined;
  if (code === '497') {
    const message =
      'CLICKHOUSE_USER may not make users and roles: it needs ACCESS MANAGEMENT, and the rights it gives, WITH GRANT OPTION';
    return new AccessError(message, { cause: error });
  }
  if (code === '514' || code === '495') {
    const message =
      'this ClickHouse keeps its users in a file that SQL can not change, as the embedded engine does';
    return new AccessError(message, { cause: error });
  }
  return error;
}

/**
 * The same as text, one statement after the other, with comments. Hashes stand where passwords are set; elsewhere
 * `${WRITER_HASH}` and the like, which the admin replaces.
 */
export function printableStatements(config: AccessConfig, options: AccessOptions): string {
  const users = usersOf(config).map((user) => ({
    ...user,
    password: user.password ?? placeholder(user.role),
  }));
  const missing = users.filter(({ password }) => password.hash.startsWith('${'));
  const head = [
    `-- To be run by an admin, as often as one likes: roles ${roles.writer} and ${roles.reader}, and a user for each.`,
    ...missing.map(
      ({ name, role }) =>
        `-- ${name}: replace \${${role.toUpperCase()}_SALT} by some random text, \${${role.toUpperCase()}_HASH} by sha256(password + salt) in hexadecimal.`,
    ),
  ];
  return `${head.join('\n')}\n${accessStatements({ ...options, users })
    .map((statement) => `${statement};\n`)
    .join('')}`;
}

const placeholder = (role: Role) => ({
  hash: `\${${role.toUpperCase()}_HASH}`,
  salt: `\${${role.toUpperCase()}_SALT}`,
});
