/** Things that were started, and how to stop them. */
export type Scope = {
  /** Takes on something that runs. Stops it at once where the scope is closed already. */
  add: (stop: () => Promise<void>) => Promise<void>;
  /** Stops everything, the newest first; goes on where one of them throws. May be called again. */
  close: () => Promise<void>;
};

/** What a section starts and the bench ends. `onError` hears of what could not be stopped. */
export function createScope(onError: (error: unknown) => void): Scope {
  const stops: (() => Promise<void>)[] = [];
  let closing: Promise<void> | undefined;
  return {
    async add(stop) {
      if (closing) await stop();
      else stops.push(stop);
    },
    close() {
      closing ??= (async () => {
        for (const stop of stops.reverse()) await stop().catch(onError);
      })();
      return closing;
    },
  };
}
