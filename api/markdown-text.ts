/* Text of strangers as Markdown that means nothing: no link, mention, heading, cell or tag can come of it. */

/** What may stand as it is: letters, numbers, spaces. */
const harmless = /[\p{L}\p{N} ]/u;
/** Not shown, or turns the direction of what follows. */
const invisible = /[\p{C}\p{Z}]/u;

/**
 * Everything but letters, numbers and spaces becomes a numeric character reference, which Markdown never takes for
 * syntax, whatever flavour and however cells are split. Line ends, controls and marks of direction become spaces.
 * More than `maxLength` characters are cut.
 */
export function escapeText(text: string, maxLength: number): string {
  const chars = Array.from(text.toWellFormed().replace(/\s+/gu, ' ').trim());
  const shown = chars.length > maxLength ? [...chars.slice(0, maxLength - 1), '…'] : chars;
  return shown
    .map((char) => (invisible.test(char) && char !== ' ' ? ' ' : char))
    .map((char) => (harmless.test(char) ? char : `&#${char.codePointAt(0) ?? 0};`))
    .join('');
}

/** Words of ours, which name repositories at most, outside of code: without what makes a mention or a reference. */
export const plain = (text: string, maxLength = 120): string =>
  escapeText(text.replace(/[@#]/g, ' '), maxLength);

/**
 * A name as code. GitHub makes mentions, references and emoji of what stands in the finished page, where a character
 * reference is a character again; but never inside of code.
 */
export function code(text: string, maxLength = 120): string {
  const escaped = escapeText(text, maxLength).trim();
  return escaped === '' ? '–' : `<code>${escaped}</code>`;
}

/** A link to an address that {@link httpsLink} let through; `inner` is Markdown. */
export const link = (inner: string, href: string): string => `[${inner}](${href.replaceAll('&', '&amp;')})`;
