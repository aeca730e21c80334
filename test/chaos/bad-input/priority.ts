import { existsSync, readdirSync } from 'node:fs';
import { setPriority } from 'node:os';

/**
 * Lets what is measured go before what is not: the senders of bad input and the neighbours on a shared machine take
 * CPU time that production would not miss. Where this account may not ask for it, figures are only rougher.
 */
export function prefer(pid: number): void {
  const tasks = `/proc/${pid}/task`;
  // On Linux priority is a thread's, and engines have many.
  const threads = existsSync(tasks) ? readdirSync(tasks).map(Number) : [pid];
  for (const thread of threads) {
    try {
      setPriority(thread, -10);
    } catch {
      // EACCES: only root may. ESRCH: it ended.
    }
  }
}
