/**
 * Reads on while its consumer works, at most `most` values ahead, and hands over all that wait, the oldest first. So a
 * consumer that is slow has fewer and larger portions, and one that is quick gets each value at once.
 *
 * Throws what `values` throws, after what was read before has been handed over.
 */
export async function* readAhead<T>(
  values: AsyncGenerator<T, void>,
  most: number,
): AsyncGenerator<T[], void> {
  const waiting: T[] = [];
  let end: { failure?: unknown } | undefined;
  let isOver = false;
  let onChange = (): void => undefined;
  let onRoom = (): void => undefined;

  const read = async () => {
    for await (const value of values) {
      waiting.push(value);
      onChange();
      if (waiting.length >= most) await new Promise<void>((resolve) => (onRoom = resolve));
      if (isOver) return;
    }
  };
  const reading = read().then(
    () => (end = {}),
    (failure: unknown) => (end = { failure }),
  );
  void reading.then(() => onChange());
  try {
    for (;;) {
      if (waiting.length > 0) {
        const portion = waiting.splice(0);
        onRoom();
        yield portion;
      } else if (end) {
        if ('failure' in end) throw end.failure;
        return;
      } else await new Promise<void>((resolve) => (onChange = resolve));
    }
  } finally {
    isOver = true;
    onRoom();
  }
}
