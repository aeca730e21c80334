/** A single-quoted SQL string literal; backslash and quote are all that can end or bend one. */
export function sqlString(value: string): string {
  return `'${value.replace(/[\\']/g, '\\$&')}'`;
}

/** A back-quoted identifier. */
export function sqlName(name: string): string {
  return `\`${name.replace(/[\\`]/g, '\\$&')}\``;
}
