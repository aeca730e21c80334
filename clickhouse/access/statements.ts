import { createHash, randomBytes } from 'node:crypto';
import { sqlName, sqlString } from '../sql-literal';
import { grants, readerLimits, readerQuota, roles, type Limit, type Role } from './rights';

/** A password as ClickHouse keeps it: SHA-256, in hexadecimal, of the password with the salt behind it. */
export type PasswordHash = { hash: string; salt: string };

/** Someone with one of our roles. Without a password an existing user keeps the one it has, and none is made. */
export type AccessUser = { name: string; role: Role; password?: PasswordHash | undefined };

/** Hashed here, so that the password itself never reaches a server, its logs or its query log. */
export function hashPassword(password: string, salt = randomBytes(32).toString('hex')): PasswordHash {
  return {
    hash: createHash('sha256')
      .update(password + salt)
      .digest('hex'),
    salt,
  };
}

/**
 * The statements that an admin applies, once or as often as one likes: roles with exactly the rights of
 * {@link grants}, the limits and the quota of readers, and users. Rights that a role had besides are taken away.
 *
 * `cluster`: everything ON CLUSTER, where each server keeps its users for itself. Not where they are replicated, as on
 * Cloud. `keepsOldPassword`: the password before goes on working, too, until the next time without it.
 */
export function accessStatements(options: {
  database: string;
  cluster?: string | undefined;
  users: readonly AccessUser[];
  keepsOldPassword?: boolean;
}): string[] {
  const { database, users } = options;
  const onCluster = options.cluster === undefined ? '' : ` ON CLUSTER ${sqlString(options.cluster)}`;
  const names = Object.keys(roles) as Role[];
  return [
    ...names.map((role) => `CREATE ROLE IF NOT EXISTS ${roles[role]}${onCluster}`),
    ...names.map(
      (role) => `GRANT${onCluster} ${rightsOf(role, database)} TO ${roles[role]} WITH REPLACE OPTION`,
    ),
    `CREATE SETTINGS PROFILE OR REPLACE ${roles.reader}${onCluster} SETTINGS ${readerLimits.map(settingOf).join(', ')} TO ${roles.reader}`,
    `CREATE QUOTA OR REPLACE ${roles.reader}${onCluster} KEYED BY user_name FOR INTERVAL ${readerQuota.intervalSeconds} second MAX ${quotaLimits()} TO ${roles.reader}`,
    ...users.flatMap((user) => userStatements(user, database, onCluster, options.keepsOldPassword ?? false)),
  ];
}

function userStatements(
  { name, role, password }: AccessUser,
  database: string,
  onCluster: string,
  keepsOldPassword: boolean,
): string[] {
  if (password === undefined) return [];
  const user = sqlName(name);
  const identified = `IDENTIFIED WITH sha256_hash BY ${sqlString(password.hash)} SALT ${sqlString(password.salt)}`;
  return [
    `CREATE USER IF NOT EXISTS ${user}${onCluster} ${identified} DEFAULT DATABASE ${sqlName(database)}`,
    // Also where it was just made: then it is the same password twice, and once in the end.
    `ALTER USER ${user}${onCluster} ${keepsOldPassword ? 'ADD ' : ''}${identified}`,
    `GRANT${onCluster} ${roles[role]} TO ${user} WITH REPLACE OPTION`,
  ];
}

/** `SELECT, INSERT ON db.a, SELECT ON db.b`: one statement, so that a role is never without its rights in between. */
export function rightsOf(role: Role, database: string): string {
  return Object.entries(grants[role])
    .map(([name, privileges]) => `${privileges.join(', ')} ON ${sqlName(database)}.${sqlName(name)}`)
    .join(', ');
}

const settingOf = (limit: Limit): string =>
  `${limit.setting} = ${limit.value} ${'fixed' in limit ? 'CONST' : `MIN ${limit.min} MAX ${limit.max}`}`;

const quotaLimits = (): string =>
  Object.entries(readerQuota.max)
    .map(([resource, most]) => `${resource} = ${most}`)
    .join(', ');
