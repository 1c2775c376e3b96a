import { describe, expect, it } from 'vitest';
import { backoff, fresh, type LogChunk, LogGap, resume } from '../src/lib/resume';

const text = 'The quick brown fox jumps over the lazy dög.\n';
const bytes = new TextEncoder().encode(text);
const part = (from: number, to: number): LogChunk => ({ offset: from, bytes: bytes.subarray(from, to) });

/** A server that breaks off: each inner list is one connection; it fails after its chunks unless it is the last. */
function server(...connections: LogChunk[][]) {
  const asked: number[] = [];
  async function* open(from: number) {
    asked.push(from);
    const chunks = connections[asked.length - 1] ?? [];
    yield* chunks;
    if (asked.length < connections.length) throw new Error('broken off');
  }
  return { asked, open };
}

async function read(open: (from: number) => AsyncIterable<LogChunk>, from = 0) {
  const failures: number[] = [];
  const read: number[] = [];
  const wait = async (failed: number) => {
    failures.push(failed);
    if (failed > 5) throw new Error('given up');
  };
  for await (const chunk of resume(open, wait, from)) read.push(...chunk.bytes);
  return { text: new TextDecoder().decode(Uint8Array.from(read)), failures };
}

describe('a log that breaks off', () => {
  it('goes on at the byte where it stopped', async () => {
    const { open, asked } = server([part(0, 10), part(10, 20)], [part(20, bytes.length)]);

    expect((await read(open)).text).toBe(text);
    expect(asked).toEqual([0, 20]);
  });

  it('shows nothing twice when the server repeats itself', async () => {
    const { open } = server([part(0, 20)], [part(0, 15), part(15, 30), part(12, 18)], [part(30, bytes.length)]);

    expect((await read(open)).text).toBe(text);
  });

  it('asks again when bytes are missing, and never shows what comes after a gap', async () => {
    const { open, asked } = server([part(0, 10), part(20, 30)], [part(10, bytes.length)]);

    expect((await read(open)).text).toBe(text);
    expect(asked).toEqual([0, 10]);
  });

  it('may break inside a character', async () => {
    const inside = text.indexOf('ö') + 1;
    const { open } = server([part(0, inside)], [part(inside, bytes.length)]);

    expect((await read(open)).text).toBe(text);
  });

  it('ends when the server ends it', async () => {
    const { open, asked } = server([part(0, 5)]);

    expect((await read(open)).text).toBe('The q');
    expect(asked).toEqual([0]);
  });

  it('counts failures in a row, from nought again once something came', async () => {
    const { open } = server([], [], [part(0, 5)], [], [part(5, bytes.length)]);

    expect((await read(open)).failures).toEqual([1, 2, 1, 2]);
  });

  it('gives up when waiting does', async () => {
    const { open } = server([], [], [], [], [], [], [], []);

    await expect(read(open)).rejects.toThrow('given up');
  });

  it('starts anywhere', async () => {
    const { open, asked } = server([part(4, bytes.length)]);

    expect((await read(open, 4)).text).toBe(text.slice(4));
    expect(asked).toEqual([4]);
  });
});

describe('what is new in a chunk', () => {
  it.each([
    [0, 10, 0, 10],
    [0, 10, 4, 6],
    [0, 10, 10, 0],
    [0, 10, 99, 0],
  ])('of bytes %i to %i for a reader at %i is %i bytes', (from, to, at, length) => {
    expect(fresh(part(from, to), at)).toHaveLength(length);
  });

  it('is nothing but an error when it starts too late', () => {
    expect(() => fresh(part(10, 20), 9)).toThrow(LogGap);
  });
});

describe('the wait between two attempts', () => {
  it('doubles up to ten seconds', () => {
    expect([1, 2, 3, 7, 40].map((failures) => backoff(failures, 0))).toEqual([250, 500, 1000, 10_000, 10_000]);
  });

  it('is spread by chance, so that not all browsers come back at once', () => {
    expect(backoff(1, 1)).toBe(375);
  });
});
