/** Bytes of a log and where they stand in it. */
export interface LogChunk {
  offset: number;
  bytes: Uint8Array;
}

/** The server went on further than we had read: bytes would be missing, so we must ask again. */
export class LogGap extends Error {
  constructor(
    readonly expected: number,
    readonly got: number,
  ) {
    super(`the log went on at byte ${got}, but byte ${expected} is next`);
  }
}

/** What of a chunk is new to a reader who has everything before `from`. Empty when nothing is. */
export function fresh(chunk: LogChunk, from: number): Uint8Array {
  if (chunk.offset > from) throw new LogGap(from, chunk.offset);
  return chunk.bytes.subarray(Math.min(from - chunk.offset, chunk.bytes.length));
}

/**
 * One log from `from` to its end, over as many connections as it takes: each byte once, in order.
 * `open` asks for the log from an offset; its end without an error means that the job is over.
 * `wait` stands between two attempts and is told how many have failed in a row; it throws to give up.
 */
export async function* resume(
  open: (from: number) => AsyncIterable<LogChunk>,
  wait: (failures: number, error: unknown) => Promise<void>,
  from = 0,
): AsyncGenerator<LogChunk> {
  for (let failures = 0; ; ) {
    try {
      for await (const chunk of open(from)) {
        const bytes = fresh(chunk, from);
        failures = 0; // it answers: the next failure is a first one
        if (bytes.length === 0) continue;
        const offset = from;
        from += bytes.length;
        yield { offset, bytes };
      }
      return;
    } catch (error) {
      failures++;
      await wait(failures, error);
    }
  }
}

/** How long to wait after that many failures, in milliseconds: 250, 500, 1000 … 10000, and up to half more by chance. */
export function backoff(failures: number, chance: number): number {
  return Math.min(10_000, 250 * 2 ** Math.min(failures - 1, 10)) * (1 + chance / 2);
}
