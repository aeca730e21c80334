import { grants, readerLimits, readerQuota, roles, type Limit, type Role } from './rights';

/** The role of the embedded engine's owner, which may do everything. */
export const adminRole = 'oot_admin';

/**
 * The rights of rights.ts as ClickHouse's users file, in XML, for an engine that can make no users by SQL.
 *
 * chdb is always the user `default`. `as` none: that user has every role, and a session takes the one it needs (SET
 * ROLE). `as` reader: that user is a reader and nothing else, with its limits and its quota.
 */
export function usersFile(database: string, as?: 'reader'): string {
  const names = Object.keys(roles) as Role[];
  const everyRole = [adminRole, ...names.map((role) => roles[role])].join(', ');
  return `<clickhouse>
  <profiles>
    <default></default>
    ${element(roles.reader, readerLimits.map(({ setting, value }) => element(setting, value)).join('') + element('constraints', readerLimits.map(constraintOf).join('')))}
  </profiles>
  <quotas>
    <default></default>
    ${element(roles.reader, element('interval', element('duration', readerQuota.intervalSeconds) + quotaLimits()))}
  </quotas>
  <roles>
    ${element(adminRole, element('grants', element('query', 'GRANT ALL ON *.* WITH GRANT OPTION')))}
    ${names.map((role) => element(roles[role], element('grants', queriesOf(role, database)))).join('\n    ')}
  </roles>
  <users>
    <default>
      <password></password>
      <networks><ip>::/0</ip></networks>
      <profile>${as === undefined ? 'default' : roles[as]}</profile>
      <quota>${as === undefined ? 'default' : roles[as]}</quota>
      <grants><query>GRANT ${as === undefined ? everyRole : roles[as]}</query></grants>
    </default>
  </users>
</clickhouse>
`;
}

const element = (name: string, content: string | number): string => `<${name}>${content}</${name}>`;

const constraintOf = (limit: Limit): string =>
  element(
    limit.setting,
    'fixed' in limit ? '<readonly/>' : element('min', limit.min) + element('max', limit.max),
  );

/** A statement a table: the users file has no place for a comma between two of them. */
const queriesOf = (role: Role, database: string): string =>
  Object.entries(grants[role])
    .map(([name, privileges]) => element('query', `GRANT ${privileges.join(', ')} ON ${database}.${name}`))
    .join('');

const quotaLimits = (): string =>
  Object.entries(readerQuota.max)
    .map(([resource, most]) => element(resource, most))
    .join('');
