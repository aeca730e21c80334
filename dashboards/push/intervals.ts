type Interval = Readonly<Record<string, unknown>>;

/** Do two lists of Alertmanager's time intervals mean the same, however they are written? */
export const sameIntervals = (a: readonly Interval[], b: readonly Interval[]): boolean =>
  JSON.stringify(a.map(normal)) === JSON.stringify(b.map(normal));

/** Alertmanager gives months back by name, a range of one as one, and leaves out what is empty. */
const normal = (interval: Interval) =>
  Object.entries(interval)
    .filter(([, value]) => value !== null && !(Array.isArray(value) && value.length === 0))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => [key, Array.isArray(value) ? value.map((one) => normalRange(key, one)) : value]);

const months = [
  ...['january', 'february', 'march', 'april', 'may', 'june', 'july'],
  ...['august', 'september', 'october', 'november', 'december'],
];

function normalRange(key: string, range: unknown): unknown {
  if (typeof range !== 'string') return range;
  const ends = range
    .toLowerCase()
    .split(':')
    .map((end) => (key === 'months' ? (months[Number(end) - 1] ?? end) : end));
  return ends[0] === ends[1] ? ends[0] : ends.join(':');
}
