import { z } from 'zod';
import { limits } from './limits';

/*
 * Readers of single wire values. The wire comes from many CI providers, so the same value can be a number
 * or a string, and "nothing" can be a missing key, null or "". Each reader takes all of those and either
 * returns one clean value or says in the sender's words what is wrong.
 */

/** Why a value is refused; becomes the `message` of an issue whose `path` is the field. */
class Refusal {
  constructor(readonly message: string) {}
}

type Read<T> = (value: unknown) => T | Refusal;

/** A field that must be there: missing, null and "" are refused. */
export const required = <T>(read: Read<T>) =>
  z
    .unknown()
    .transform((value, context) =>
      settle(isNothing(value) ? new Refusal('is required') : read(value), context),
    );

/** A field that may be missing, null or "", all of which become undefined. */
export const optional = <T>(read: Read<T>) =>
  z
    .unknown()
    .transform((value, context): T | undefined =>
      isNothing(value) ? undefined : settle(read(value), context),
    )
    .optional();

/** An object; unknown keys are dropped. */
export const shape = <S extends z.ZodRawShape>(fields: S) =>
  z.object(fields, {
    error: (issue) => (isNothing(issue.input) ? 'is required' : 'must be an object'),
  });

function settle<T>(result: T | Refusal, context: z.RefinementCtx): T {
  if (!(result instanceof Refusal)) return result;
  context.addIssue({ code: 'custom', message: result.message });
  return z.NEVER;
}

/** A missing key, null and "" say the same. */
export function isNothing(value: unknown): value is undefined | null | '' {
  return value === undefined || value === null || value === '';
}

/**
 * JSON text of a decoded value; null where it is nested in more than 1,000 levels. Trying to write what overflows
 * the engine's stack takes 3 ms, and a list can hold hundreds of it.
 */
export const jsonText = (value: unknown): string | null =>
  isDeeperThan(value, limits.nestingLevels) ? null : JSON.stringify(value).toWellFormed();

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(inner, levels - 1));
}

/** Bytes of a string in UTF-8, which is how DynamoDB counts. */
export const byteLength = (text: string): number => Buffer.byteLength(text, 'utf8');

/** Whether a string has more bytes. Nearly all are so short that it takes no counting: a UTF-16 unit has 3 at most. */
export const isLongerThan = (text: string, bytes: number): boolean =>
  text.length * 3 > bytes && byteLength(text) > bytes;

/**
 * A name or id that becomes part of a key: a string, or an integer that JSON kept exact.
 * Control characters and unpaired surrogates are refused, since no two stores agree on how they compare.
 */
export const identifier =
  (maxBytes: number): Read<string> =>
  (value) => {
    const text = typeof value === 'number' ? String(value) : value;
    if (typeof text !== 'string') return new Refusal('must be a string or an integer');
    if (typeof value === 'number' && !Number.isSafeInteger(value)) {
      return new Refusal('must be an integer that JSON keeps exact; send it as a string');
    }
    // eslint-disable-next-line no-control-regex -- control characters are what this looks for
    if (/[\u0000-\u001f\u007f-\u009f]/.test(text)) return new Refusal('must not contain control characters');
    if (!text.isWellFormed()) return new Refusal('must be well-formed Unicode');
    if (text.trim() === '') return new Refusal('must not be blank');
    if (isLongerThan(text, maxBytes)) return new Refusal(`must be at most ${maxBytes} bytes long`);
    return text;
  };

/** Free text: unpaired surrogates become U+FFFD, as they would on the way to any store. */
export const text =
  (maxBytes: number): Read<string> =>
  (value) => {
    if (typeof value !== 'string') return new Refusal('must be a string');
    if (isLongerThan(value, maxBytes)) return new Refusal(`must be at most ${maxBytes} bytes long`);
    return value.toWellFormed();
  };

/** One of a closed set of words. */
export const oneOf =
  <const T extends readonly string[]>(words: T): Read<T[number]> =>
  (value) =>
    words.find((word) => word === value) ?? new Refusal(`must be one of ${words.join(', ')}`);

/** A string of a given form. */
export const matching =
  (form: RegExp, description: string): Read<string> =>
  (value) =>
    typeof value === 'string' && form.test(value) ? value : new Refusal(`must be ${description}`);

/** `org/repo`, within GitHub's own limits on both names. */
export const repository = matching(
  /^[A-Za-z0-9][A-Za-z0-9-]{0,38}\/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/,
  'a repository as org/repo',
);

/** A whole number from 0 to `max`, as a number or in decimal digits. */
export const count =
  (max = Number.MAX_SAFE_INTEGER): Read<number> =>
  (value) => {
    const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isInteger(number) || number < 0 || number > max) {
      return new Refusal(`must be a whole number from 0 to ${max}`);
    }
    return Object.is(number, -0) ? 0 : number;
  };

/** Seconds, 0 or more, as a number or in decimal digits; at most `max`, to keep sums finite. */
export const seconds =
  (max = 1e9): Read<number> =>
  (value) => {
    const number = typeof value === 'string' && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isFinite(number) || number < 0 || number > max) {
      return new Refusal('must be a number of seconds, 0 or more');
    }
    // Less than a nanosecond is nothing, and DynamoDB refuses what is nearer to 0 than 1e-130.
    return number < 1e-9 ? 0 : number;
  };

/** An https link. Everything else (`javascript:`, `http:`, relative) would become a link in a dashboard. */
export const httpsUrl =
  (maxBytes: number): Read<string> =>
  (value) => {
    // eslint-disable-next-line no-control-regex -- white space and control characters end a link early
    if (typeof value !== 'string' || !/^https:\/\/[^\s\u0000-\u001f<>"'`\\]+$/i.test(value)) {
      return new Refusal('must be an https:// link');
    }
    if (!URL.canParse(value) || !value.isWellFormed()) return new Refusal('must be an https:// link');
    if (isLongerThan(value, maxBytes)) return new Refusal(`must be at most ${maxBytes} bytes long`);
    return value;
  };

const isoForm =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,18}))?(?:[Zz]|([+-])(\d\d):?(\d\d))$/;

/**
 * An ISO 8601 instant with a time zone, returned in UTC with the sender's precision, at most nanoseconds.
 * Its range is that of ClickHouse's DateTime64(9): 1900 to 2262.
 */
export const instant: Read<string> = (value) => {
  const parts = typeof value === 'string' ? isoForm.exec(value) : null;
  if (!parts)
    return new Refusal('must be an ISO 8601 time with a time zone, like 2026-08-21T12:00:00.123456Z');
  const [, year, month, day, hour, minute, second, fraction = '', sign, offsetHours, offsetMinutes] = parts;
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  const epochMs = Date.parse(`${local}Z`);
  // Date.parse takes 30 February for 2 March; only a round trip tells.
  if (Number.isNaN(epochMs) || new Date(epochMs).toISOString().slice(0, 19) !== local) {
    return new Refusal('is not a time that exists');
  }
  const offset = (Number(offsetHours ?? 0) * 60 + Number(offsetMinutes ?? 0)) * 60_000;
  const utc =
    offset === 0
      ? local
      : new Date(sign === '-' ? epochMs + offset : epochMs - offset).toISOString().slice(0, 19);
  if (utc < '1900-01-01' || utc >= '2262-01-01')
    return new Refusal('must lie between the years 1900 and 2262');
  const precision = fraction.slice(0, 9);
  return precision === '' ? `${utc}Z` : `${utc}.${precision}Z`;
};

/** Any list, left to the caller to read. */
export const list: Read<unknown[]> = (value) =>
  Array.isArray(value) ? (value as unknown[]) : new Refusal('must be a list');

/** Any JSON object, left to the caller to read. */
export const anyObject: Read<Record<string, unknown>> = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : new Refusal('must be an object');
