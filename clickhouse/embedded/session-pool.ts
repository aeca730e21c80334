import { drainPending, Session } from 'chdb';

/** What one query did, as far as chdb tells. */
export type EngineResult = { bytes: Uint8Array; rows: number; readBytes: number; elapsedSeconds: number };

/** A session that one query has to itself. */
export type LeasedSession = {
  run(sql: string, format?: string): Promise<EngineResult>;
  /** Says that the session has been changed beyond its setup, and must not be used again. */
  taint(): void;
};

export type SessionPool = {
  /**
   * Runs `work` with a session of its own, when one of `maxSessions` places is free (first come, first
   * served), after the statements of `setup` (USE, SET), or in a session after exactly these before. A session that
   * failed is closed: chdb puts a failed query's partial output before the next answer of the same session.
   */
  use<T>(work: (session: LeasedSession) => Promise<T>, setup?: readonly string[]): Promise<T>;
  /** Waits for what is running, then closes the engine. Nothing may be started after it. */
  close(): Promise<void>;
};

/** Over clickhouse-local's habits, what a server does. */
const engineArguments = [
  // `1 + 1` is not a query to a server.
  '--implicit_select=0',
  // Acknowledged means written: no buffer between the two. (FROM INFILE is never asynchronous anyway.)
  '--async_insert=0',
  '--allow_introspection_functions=0',
] as const;

/** Opens the engine on `dataDir`, with a config.xml. Throws chdb's connection error where another process has it (code 76). */
export function createSessionPool(dataDir: string, maxSessions: number, configFile: string): SessionPool {
  const connectionArgs = [...engineArguments, `--config-file=${configFile}`];
  const open = (): Session => new Session(dataDir, { connectionArgs });
  // One session is open at all times: with the last one the engine would shut down and load again.
  const keeper = open();
  /** What was used last comes last. */
  const idle: { session: Session; setup: string }[] = [];
  const waiting: (() => void)[] = [];
  let inUse = 0;

  const acquirePlace = async (): Promise<void> => {
    if (inUse < maxSessions) {
      inUse += 1;
      return;
    }
    // The place is handed over by the one who leaves, so nobody can slip in between.
    await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const leavePlace = (): void => {
    const next = waiting.shift();
    if (next === undefined) inUse -= 1;
    else next();
  };

  return {
    async use(work, setup = []) {
      await acquirePlace();
      const key = setup.join(';\n');
      let session: Session | undefined;
      let tainted = true;
      try {
        const place = idle.findLastIndex((one) => one.setup === key);
        const [known] = place < 0 ? [] : idle.splice(place, 1);
        const leased = (session = known?.session ?? open());
        if (!known) for (const statement of setup) await leased.queryAsync(statement);
        tainted = false;
        return await work({
          async run(sql, format) {
            const result = await leased.queryAsync(sql, format === undefined ? {} : { format });
            return {
              bytes: result.bytes(),
              rows: result.rowsRead,
              readBytes: result.bytesRead,
              elapsedSeconds: result.elapsed,
            };
          },
          taint() {
            tainted = true;
          },
        });
      } catch (error) {
        tainted = true;
        throw error;
      } finally {
        if (session !== undefined) {
          if (tainted) session.close();
          else idle.push({ session, setup: key });
          if (idle.length > maxSessions) idle.shift()?.session.close();
        }
        leavePlace();
      }
    },
    async close() {
      await drainPending();
      for (const { session } of idle.splice(0)) session.close();
      keeper.close();
      await drainPending();
    },
  };
}
