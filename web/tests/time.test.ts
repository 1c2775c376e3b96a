import { describe, expect, it } from 'vitest';
import { ago, duration, exactly, took } from '../src/lib/time';

describe('a duration', () => {
  it.each([
    [-5, '0.0 s'],
    [0, '0.0 s'],
    [440, '0.4 s'],
    [9_940, '9.9 s'],
    [9_960, '9 s'],
    [59_999, '59 s'],
    [60_000, '1 m 00 s'],
    [187_000, '3 m 07 s'],
    [3_600_000, '1 h 00 m'],
    [7_500_000, '2 h 05 m'],
    [90_000_000, '1 d 1 h'],
  ])('of %i ms reads %s', (milliseconds, words) => {
    expect(duration(milliseconds)).toBe(words);
  });
});

describe('how long something took', () => {
  const start = '2026-11-24T05:00:00Z';
  const later = (ms: number) => Date.parse(start) + ms;

  it('is nothing before it began', () => {
    expect(took(null, null, later(0))).toBeNull();
  });

  it('stands still once it is over', () => {
    expect(took(start, '2026-11-24T05:00:01.500Z', later(999_999))).toBe('1.5 s');
  });

  it('counts whole seconds while it runs, and none below nought for a clock that is behind', () => {
    expect(took(start, null, later(3_700))).toBe('3 s');
    expect(took(start, null, later(83_000))).toBe('1 m 23 s');
    expect(took(start, null, later(-5_000))).toBe('0 s');
  });
});

describe('how long ago', () => {
  const now = Date.parse('2026-11-24T12:00:00Z');
  it.each([
    ['2026-11-24T11:59:30Z', 'just now'],
    ['2026-11-24T12:00:30Z', 'just now'],
    ['2026-11-24T11:55:00Z', '5 min ago'],
    ['2026-11-24T09:00:00Z', '3 h ago'],
    ['2026-11-23T09:00:00Z', 'yesterday'],
    ['2026-11-20T09:00:00Z', '4 days ago'],
    ['2026-01-02T09:00:00Z', '2026-01-02'],
  ])('%s is %s', (at, words) => {
    expect(ago(at, now)).toBe(words);
  });

  it('is exact on demand', () => {
    expect(exactly('2026-11-24T05:53:07.123Z')).toBe('2026-11-24 05:53:07 UTC');
  });
});
