import { describe, expect, it } from 'vitest';
import { LONGEST_DRAWN, LogStore } from '../src/lib/log-store';

const encoder = new TextEncoder();

function store(...chunks: (string | Uint8Array)[]) {
  const made = new LogStore();
  for (const chunk of chunks) made.append(typeof chunk === 'string' ? encoder.encode(chunk) : chunk);
  return made;
}

const texts = (made: LogStore) => Array.from({ length: made.lines }, (_, line) => made.text(line));

describe('a log in chunks', () => {
  it('has no line before the first byte', () => {
    expect(store().lines).toBe(0);
    expect(store().endedLines).toBe(0);
  });

  it('counts a line that has not ended, and none after the last newline', () => {
    expect([store('a\nb').lines, store('a\nb').endedLines]).toEqual([2, 1]);
    expect([store('a\nb\n').lines, store('a\nb\n').endedLines]).toEqual([2, 2]);
  });

  it('reads the same however it was cut, inside characters too', () => {
    const text = 'Prüfung ✓\n日本語 🦊\n\nend';
    const bytes = encoder.encode(text);
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(texts(store(bytes.subarray(0, cut), bytes.subarray(cut))), `cut at ${cut}`).toEqual(text.split('\n'));
    }
    expect(texts(store(...Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))))).toEqual(text.split('\n'));
  });

  it('shows what is no UTF-8 as such, and goes on', () => {
    expect(texts(store(Uint8Array.of(0x61, 0xff, 0x62, 0x0a, 0x63)))).toEqual(['a\ufffdb', 'c']);
  });

  it('finds the line of a byte', () => {
    const made = store('one\ntwo\nthree');
    expect([0, 3, 4, 7, 8, 12, 99].map((offset) => made.lineAt(offset))).toEqual([0, 0, 1, 1, 2, 2, 2]);
  });

  it('does not keep the memory that a chunk came in', () => {
    const chunk = encoder.encode('before\n');
    const made = store(chunk);
    chunk.fill(0x78);
    expect(made.text(0)).toBe('before');
  });
});

describe('a large log', () => {
  it('keeps lines that straddle its blocks', () => {
    const line = `${'ü'.repeat(700)}\n`;
    const many = 2000; // 2.8 MB
    const made = store(line.repeat(many));
    expect(made.lines).toBe(many);
    for (const at of [0, 747, 748, 749, 1496, 1497, 1498, many - 1]) expect(made.text(at)).toBe(line.slice(0, -1));
    expect(made.textOf(740, 760)).toBe(line.repeat(20));
  });

  it('has many lines', () => {
    const made = store('\n'.repeat(100_000));
    expect(made.lines).toBe(100_000);
    expect(made.lineAt(99_999)).toBe(99_999);
  });

  it('draws the beginning of an endless line, and says that there is more', () => {
    const text = store('x'.repeat(LONGEST_DRAWN + 1000)).text(0);
    expect(text.startsWith('xxx')).toBe(true);
    expect(text).toContain('1000 bytes more');
  });

  it('draws the last state of an endless progress bar', () => {
    const bar = Array.from({ length: 20_000 }, (_, i) => `\r${i} of 20000`).join('');
    expect(store(bar).text(0)).toContain('\r19999 of 20000');
    expect(store(bar).text(0).length).toBeLessThanOrEqual(LONGEST_DRAWN);
  });
});
