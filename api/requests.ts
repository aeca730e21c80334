import { z } from 'zod';
import type { Issue } from './answers';

/* What may be asked for. Anything else is refused by name; unknown parameters do no harm (image proxies add some). */

const text = (form: RegExp, description: string) =>
  z.string({ error: `must be given once, as ${description}` }).regex(form, `must be ${description}`);

/** GitHub's own limits on both halves of `owner/repo`. */
const owner = text(/^[A-Za-z0-9][A-Za-z0-9-]{0,38}$/, 'the owner of a GitHub repository');
const repo = text(/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/, 'the name of a GitHub repository');

const prSchema = z.object({
  owner,
  repo,
  number: text(/^[1-9]\d{0,14}$/, 'the number of a pull request'),
  /** A commit that nobody named counts as one a delivery, and is called so. */
  sha: text(
    /^(?:[\w.-]{1,128}|delivery [^\p{C}]{1,2048})$/u,
    'a commit SHA, whole or its first 7 characters or more',
  ).optional(),
  format: z.enum(['json', 'markdown'], { error: 'must be given once, as json or markdown' }).default('json'),
});

const badgeSchema = z.object({
  owner,
  repo,
  label: text(/^[^\p{C}]{1,64}$/u, '1 to 64 characters').default('OOT CI'),
});

export type PrRequest = z.output<typeof prSchema>;
export type BadgeRequest = z.output<typeof badgeSchema>;

type Read<T> = { ok: true; value: T } | { ok: false; issues: Issue[] };

const reader =
  <S extends z.ZodType>(schema: S) =>
  (params: object, query: object): Read<z.output<S>> => {
    // The path's own parts can't be replaced by the query's.
    const parsed = schema.safeParse({ ...query, ...params });
    if (parsed.success) return { ok: true, value: parsed.data };
    return {
      ok: false,
      issues: parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message })),
    };
  };

export const readPrRequest = reader(prSchema);
export const readBadgeRequest = reader(badgeSchema);
