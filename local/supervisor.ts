/** A running part of the bundle: a process of ours, or an engine. */
export type Part = {
  name: string;
  /** Settles when its process is gone, asked to or not; never rejects. `why` is one line for people. */
  exited: Promise<{ why: string }>;
  stop: () => Promise<void>;
};

/** A part ended although nobody asked it to. */
export class PartEndedError extends Error {
  override readonly name = 'PartEndedError';
  readonly code = 'PART_ENDED';
}

/**
 * Keeps parts that stand or fall together: they stop in the reverse order of their start (what takes callbacks
 * before what keeps them), and when one ends by itself, `failed` says which, in one line.
 */
export function createSupervisor() {
  const parts: Part[] = [];
  const pending = new Set<Promise<Part>>();
  let stopping: Promise<void> | undefined;
  let fail: (error: PartEndedError) => void;
  const failed = new Promise<PartEndedError>((resolve) => (fail = resolve));

  return {
    failed,
    /** Takes a part on. Throws, and stops it, when everything is being stopped already. */
    async add<P extends Part>(starting: Promise<P>): Promise<P> {
      pending.add(starting);
      const part = await starting.finally(() => pending.delete(starting));
      if (stopping) {
        await part.stop();
        throw new PartEndedError('stopping');
      }
      parts.push(part);
      void part.exited.then(({ why }) => {
        if (!stopping) fail(new PartEndedError(`${part.name} ended: ${why}`));
      });
      return part;
    },
    /** Stops every part, those that are still starting too; may be called again. */
    stop(): Promise<void> {
      stopping ??= (async () => {
        const starting = [...pending];
        for (const part of [...parts].reverse()) await part.stop();
        await Promise.allSettled(starting.map(async (part) => (await part).stop()));
      })();
      return stopping;
    },
  };
}

export type Supervisor = ReturnType<typeof createSupervisor>;
