import type { BackendProfile } from './profile';
import type { Random } from './random';

/** X-GitHub-Delivery looks like this. */
export const deliveryId = (random: Random): string =>
  `${random.hex(8)}-${random.hex(4)}-11f1-${random.pick(['8', '9', 'a', 'b'])}${random.hex(3)}-${random.hex(12)}`;

/** Ids that grow with time, as GitHub's do; other providers' are UUIDs. */
export function newId(
  random: Random,
  kind: 'run' | 'check run',
  backend: BackendProfile,
  ms: number,
): string {
  if (backend.ids === 'uuid') {
    return `${random.hex(8)}-${random.hex(4)}-4${random.hex(3)}-a${random.hex(3)}-${random.hex(12)}`;
  }
  const sinceMs = ms - Date.UTC(2026, 0, 1);
  return kind === 'run'
    ? String(16_000_000_000 + Math.floor(sinceMs / 10) + random.int(0, 9))
    : String(45_000_000_000 + Math.floor(sinceMs / 4) + random.int(0, 4_999));
}
