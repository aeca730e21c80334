import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Role } from '../access/rights';
import { databaseError } from './database-error';

/** Someone who may query. Without a role: the owner of the engine, who may do everything. */
export type Account = { user: string; password: string; role: Role | undefined };

/**
 * Finds the account behind a request: X-ClickHouse-User/-Key, then HTTP Basic, then the `user` and `password`
 * parameters; the user `default` with an empty password where none is given.
 *
 * Throws AUTHENTICATION_FAILED (HTTP 403) without saying whether the name or the password was wrong.
 */
export function authenticate(
  accounts: readonly Account[],
  headers: IncomingHttpHeaders,
  parameters: URLSearchParams,
): Account {
  const given = givenCredentials(headers, parameters);
  // Every account is compared, so that the time taken does not tell which names exist.
  const matching = accounts.filter((account) => {
    const sameUser = equalDigests(account.user, given.user);
    const samePassword = equalDigests(account.password, given.password);
    return sameUser && samePassword;
  });
  const account = matching[0];
  if (account === undefined) {
    throw databaseError(
      'AUTHENTICATION_FAILED',
      `${given.user}: Authentication failed: password is incorrect, or there is no user with such name`,
    );
  }
  return account;
}

function givenCredentials(
  headers: IncomingHttpHeaders,
  parameters: URLSearchParams,
): { user: string; password: string } {
  const user = headers['x-clickhouse-user'];
  const key = headers['x-clickhouse-key'];
  if (user !== undefined || key !== undefined) {
    return { user: single(user) || 'default', password: single(key) };
  }
  const basic = /^Basic\s+(.+)$/i.exec(headers.authorization ?? '')?.[1];
  if (basic !== undefined) {
    const [name = '', ...rest] = Buffer.from(basic, 'base64').toString().split(':');
    return { user: name === '' ? 'default' : name, password: rest.join(':') };
  }
  if (headers.authorization !== undefined) {
    throw databaseError('AUTHENTICATION_FAILED', 'Authentication failed: only HTTP Basic is supported');
  }
  const parameter = parameters.get('user') ?? '';
  return { user: parameter === '' ? 'default' : parameter, password: parameters.get('password') ?? '' };
}

function single(header: string | string[] | undefined): string {
  return (Array.isArray(header) ? header[0] : header) ?? '';
}

function equalDigests(a: string, b: string): boolean {
  // timingSafeEqual throws on unequal lengths; digests always have the same.
  return timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest());
}
