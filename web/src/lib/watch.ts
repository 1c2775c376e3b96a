/** Where a page's data comes from: asked for once, and then told of each change. */
export interface Source<T> {
  ask: () => Promise<T>;
  follow: (stop: AbortSignal) => AsyncIterable<T>;
  wait: (failures: number, stop: AbortSignal) => Promise<void>;
  /** Nothing will change any more, so the end of the stream is the end. */
  isOver: (value: T) => boolean;
}

/**
 * Shows a thing as it is until `stop`: the first answer that comes, then each snapshot. While nothing can be followed
 * (a proxy without web sockets, a server away) it asks again before each attempt, so the page is late but not wrong.
 */
export async function watch<T>(
  source: Source<T>,
  show: (value: T) => void,
  refuse: (error: unknown) => boolean,
  stop: AbortSignal,
): Promise<void> {
  for (let failures = 0; !stop.aborted; ) {
    let followed = false;
    let ended = false;
    let over = false;
    const asked = source.ask().then(
      (value) => {
        // A snapshot is newer than any answer that comes after it.
        if (!followed && !stop.aborted) show(value);
        return true;
      },
      (error) => stop.aborted || followed || !refuse(error),
    );
    try {
      for await (const value of source.follow(stop)) {
        if (stop.aborted) return;
        followed = true;
        failures = 0;
        over = source.isOver(value);
        show(value);
      }
      ended = true;
    } catch {
      // Told by the connection's state; the next round asks again.
    }
    if (stop.aborted || (ended && over) || !(await asked)) return;
    // A stream that ends in peace has nothing more to tell for now: no hurry to ask again.
    failures = Math.max(failures + 1, ended ? 6 : 0);
    await source.wait(failures, stop).catch(() => {});
  }
}
