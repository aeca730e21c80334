/** A seeded source of random numbers: the same seed gives the same numbers on every machine. */
export type Random = {
  /** Evenly from [0, 1). */
  next: () => number;
  /** A whole number, evenly from `min` to `max`, both included. */
  int: (min: number, max: number) => number;
  /** Evenly from [min, max). */
  between: (min: number, max: number) => number;
  chance: (probability: number) => boolean;
  /** One of a list that isn't empty. */
  pick: <T>(list: readonly T[]) => T;
  /** Log-normal, in the unit of `median`; at sigma 0.3, nine of ten lie within a factor of 1.6. */
  logNormal: (median: number, sigma: number) => number;
  normal: () => number;
  /** Hexadecimal digits. */
  hex: (digits: number) => string;
  /** `count` different elements of a list (all, if it has fewer), in random order. */
  sample: <T>(list: readonly T[], count: number) => T[];
  /** Another source that depends on this one's seed and the label alone, not on what was drawn before. */
  fork: (label: string) => Random;
};

/** sfc32 (Chris Doty-Humphrey's small fast counter), seeded with a hash of the text. */
export function createRandom(seed: string): Random {
  let [a, b, c, counter] = hash(seed);
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return (sum >>> 0) / 2 ** 32;
  };
  // The seed's bits reach all of the state only after some rounds.
  for (let round = 0; round < 12; round++) next();

  const int = (min: number, max: number) => min + Math.floor(next() * (max - min + 1));
  // Box and Muller's; 1 - next() is never 0.
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  return {
    next,
    int,
    between: (min, max) => min + next() * (max - min),
    chance: (probability) => next() < probability,
    pick: <T>(list: readonly T[]) => list[int(0, list.length - 1)] as T,
    normal,
    logNormal: (median, sigma) => median * Math.exp(sigma * normal()),
    hex: (digits) => {
      let text = '';
      while (text.length < digits) text += int(0, 0xffffff).toString(16).padStart(6, '0');
      return text.slice(0, digits);
    },
    sample: <T>(list: readonly T[], count: number) => {
      const left = [...list];
      const taken: T[] = [];
      while (taken.length < count && left.length > 0) taken.push(...left.splice(int(0, left.length - 1), 1));
      return taken;
    },
    fork: (label) => createRandom(`${seed}/${label}`),
  };
}

/** Four 32-bit words of a text (FNV-1a with four bases, each mixed as MurmurHash3 ends). */
function hash(text: string): [number, number, number, number] {
  const word = (basis: number) => {
    let bits = basis;
    for (let index = 0; index < text.length; index++) {
      bits = Math.imul(bits ^ text.charCodeAt(index), 0x01000193);
    }
    bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
    return bits ^ (bits >>> 16);
  };
  return [word(0x811c9dc5), word(0x9e3779b9), word(0x6a09e667), word(0xbb67ae85)];
}
