import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { lineLink, readLineLink } from '../src/lib/line-link';
import { ROW, Viewport } from '../src/lib/viewport';

describe('a window on a long list', () => {
  it('is the plain thing while it fits a browser', () => {
    const view = new Viewport(1000, 400);
    expect(view.space).toBe(20_000);
    expect(view.lastTop).toBe(980);
    expect(view.topAt(2000)).toBe(100);
    expect(view.scrollAt(100)).toBe(2000);
    expect(view.window(100, 2)).toEqual({ first: 98, end: 122, offset: 1960 });
  });

  it('of few rows does not scroll', () => {
    const view = new Viewport(3, 400);
    expect([view.lastTop, view.scrollAt(5)]).toEqual([0, 0]);
    expect(view.window(0)).toEqual({ first: 0, end: 3, offset: 0 });
    expect(new Viewport(0, 0).window(0)).toEqual({ first: 0, end: 0, offset: 0 });
  });

  it('reaches the first and the last of thirty million rows, in a height that every browser draws', () => {
    const view = new Viewport(30_000_000, 400);
    expect(view.isScaled).toBe(true);
    expect(view.space).toBeLessThan(17_800_000);
    expect(view.topAt(0)).toBe(0);
    expect(view.topAt(view.space - view.height)).toBe(view.lastTop);
    for (const top of [0, 1, 12_345_678, view.lastTop]) expect(view.topAt(view.scrollAt(top))).toBeCloseTo(top, 3);
  });

  it('puts the rows of a scaled list where the window is', () => {
    const view = new Viewport(30_000_000, 400);
    const { first, end, offset } = view.window(view.lastTop);
    expect(end).toBe(30_000_000);
    expect(offset + (end - first) * ROW).toBeCloseTo(view.space, -1);
  });

  it("has the style sheet's rows", () => {
    expect(readFileSync('src/styles/tokens.css', 'utf8')).toContain(`--log-row: ${ROW}px`);
  });
});

describe('an address of lines', () => {
  it.each([
    ['#L12', { from: 12, to: 12 }],
    ['#L12-L20', { from: 12, to: 20 }],
    ['#L12-20', { from: 12, to: 20 }],
    ['#L20-L12', { from: 12, to: 20 }],
  ])('%s is read', (hash, range) => {
    expect(readLineLink(hash)).toEqual(range);
    expect(readLineLink(lineLink(range))).toEqual(range);
  });

  it.each(['', '#', '#L', '#L0', '#12', '#Lx', '#L1-', '#L1-L2-L3', '#L99999999999'])('%j is none', (hash) => {
    expect(readLineLink(hash)).toBeNull();
  });
});
