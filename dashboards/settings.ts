import type { levels } from '../clickhouse/backends';

type Level = (typeof levels)[number];

/** A number or word that may differ for a level, or for one backend; the backend's own goes first. */
export type Setting<T extends number | string = number> = {
  default: T;
  levels: Partial<Record<Level, T>>;
  /** By `org/repo`. */
  backends: Record<string, T>;
};

/** `setting(0.8, { levels: { L4: 0.9 }, backends: { 'org/repo': 0.7 } })` */
export function setting(value: number, own?: Own<number>): Setting;
export function setting<T extends string>(value: T, own?: Own<T>): Setting<T>;
export function setting<T extends number | string>(value: T, { levels = {}, backends = {} }: Own<T> = {}) {
  return { default: value, levels, backends };
}

type Own<T extends number | string> = Partial<Pick<Setting<T>, 'levels' | 'backends'>>;

/** What holds for a backend. */
export const settingOf = <T extends number | string>(
  { default: value, levels, backends }: Setting<T>,
  level: string,
  backend: string,
): T => backends[backend] ?? levels[level as Level] ?? value;

/** Whether nobody has a value of their own. */
export const isSameForAll = ({ levels, backends }: Setting<number | string>): boolean =>
  Object.keys(levels).length + Object.keys(backends).length === 0;

/** The same setting in another unit or as text. */
export const mapSetting = <T extends number | string, U extends number | string>(
  { default: value, levels, backends }: Setting<T>,
  change: (value: T) => U,
): Setting<U> => {
  const each = (values: Record<string, T>) =>
    Object.fromEntries(Object.entries(values).map(([name, own]) => [name, change(own)]));
  return { default: change(value), levels: each(levels), backends: each(backends) };
};

const literal = (value: number | string): string =>
  typeof value === 'number' ? String(value) : `'${value.replace(/['\\]/g, '\\$&')}'`;

/** As SQL, where the columns `downstream_repo` and `level` are there; a plain literal where nothing differs. */
export function settingSql({ default: value, levels, backends }: Setting<number | string>): string {
  const own = [
    ...Object.entries(backends).map(([repo, v]) => `downstream_repo = ${literal(repo)}, ${literal(v)}`),
    ...Object.entries(levels).map(([level, v]) => `level = ${literal(level)}, ${literal(v)}`),
  ];
  return own.length === 0 ? literal(value) : `multiIf(${own.join(', ')}, ${literal(value)})`;
}

/** For a text: `80 % (L4: 90 %)`. */
export function settingText<T extends number | string>(
  { default: value, levels, backends }: Setting<T>,
  format: (value: T) => string = String,
): string {
  const own = Object.entries({ ...levels, ...backends }).map(([name, v]) => `${name}: ${format(v)}`);
  return own.length === 0 ? format(value) : `${format(value)} (${own.join(', ')})`;
}

/** The largest value that holds for anybody: what a query has to read to serve all. */
export const largest = ({ default: value, levels, backends }: Setting): number =>
  Math.max(value, ...Object.values(levels), ...Object.values(backends));

/** `95 %` of 0.95, for texts. */
export const percent = (share: number): string => `${Number((share * 100).toFixed(2))} %`;
