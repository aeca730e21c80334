import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Another `npm start` uses this directory. */
export class DirectoryInUseError extends Error {
  override readonly name = 'DirectoryInUseError';
  readonly code = 'DIRECTORY_IN_USE';
}

/**
 * Claims a data directory for this process, and returns how to give it back. A claim whose process is gone
 * (kill -9, a power cut) does not count. Throws {@link DirectoryInUseError}.
 */
export async function lockDirectory(dataDir: string): Promise<() => Promise<void>> {
  const file = join(dataDir, 'start.pid');
  await mkdir(dataDir, { recursive: true });
  for (;;) {
    try {
      await writeFile(file, String(process.pid), { flag: 'wx' });
      return () => rm(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const pid = Number(await readFile(file, 'utf8').catch(() => ''));
    if (isAlive(pid)) {
      throw new DirectoryInUseError(
        `${dataDir} is in use by another npm start (pid ${pid}); stop it, or set DATA_DIR`,
      );
    }
    await rm(file, { force: true });
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
