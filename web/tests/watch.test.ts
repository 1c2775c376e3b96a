import { describe, expect, it } from 'vitest';
import { watch } from '../src/lib/watch';

interface Told {
  ask?: (() => Promise<string>)[];
  streams?: (string[] | 'broken')[];
}

/** Watches until it ends, or until all that was written down has been told. */
async function shown({ ask = [], streams = [] }: Told, isFinal: (error: unknown) => boolean = () => false) {
  const stop = new AbortController();
  const seen: string[] = [];
  const waits: number[] = [];
  let asked = 0;
  let followed = 0;
  await watch<string>(
    {
      ask: () => (ask[asked++] ?? (() => Promise.reject(new Error('away'))))(),
      async *follow() {
        const stream = streams[followed++];
        await new Promise((resolve) => setTimeout(resolve)); // an answer may come first
        if (stream === undefined || stream === 'broken') throw new Error('away');
        yield* stream;
      },
      isOver: (value) => value.startsWith('over'),
      wait: async (failures) => {
        waits.push(failures);
        if (followed >= streams.length && asked >= ask.length) stop.abort();
      },
    },
    (value) => seen.push(value),
    isFinal,
    stop.signal,
  );
  return { seen, waits, followed };
}

describe('a thing that is watched', () => {
  it('is shown as first told, and as it changes', async () => {
    expect((await shown({ ask: [async () => 'asked'], streams: [['one', 'two', 'over']] })).seen).toEqual([
      'asked',
      'one',
      'two',
      'over',
    ]);
  });

  it('never goes back to an answer that came late', async () => {
    const late = () => new Promise<string>((resolve) => setTimeout(() => resolve('old'), 20));
    expect((await shown({ ask: [late], streams: [['new', 'over']] })).seen).toEqual(['new', 'over']);
  });

  it('is left alone once it is over', async () => {
    const { followed, waits } = await shown({ ask: [async () => 'x'], streams: [['over'], ['never']] });
    expect([followed, waits]).toEqual([1, []]);
  });

  it('is asked for again while it cannot be followed', async () => {
    const { seen, waits } = await shown({
      ask: [async () => 'first', async () => 'second', async () => 'third'],
      streams: ['broken', 'broken', ['over']],
    });
    expect(seen).toEqual(['first', 'second', 'third', 'over']);
    expect(waits).toEqual([1, 2]);
  });

  it('is watched again, in no hurry, when its stream ends in peace before it is over', async () => {
    const { seen, waits } = await shown({ ask: [async () => 'a', async () => 'b'], streams: [['c'], ['over']] });
    expect(seen).toEqual(['a', 'c', 'b', 'over']);
    expect(waits[0]).toBeGreaterThan(4);
  });

  it('that the server refuses for good is given up', async () => {
    const { followed } = await shown({ streams: ['broken', ['never']] }, () => true);
    expect(followed).toBe(1);
  });
});
