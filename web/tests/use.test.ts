import { expect, test } from 'vitest';
import { useInWords } from '../src/lib/use';

test('a job says what it used, in one line', () => {
  expect(useInWords({ peakMemoryBytes: 91_226_112, cpuSeconds: 1.25, diskBytes: 4096 })).toBe(
    '87 MiB of memory, 1.3 s of processor, < 1 MiB on disk',
  );
  expect(useInWords({ peakMemoryBytes: 3 * 2 ** 30, cpuSeconds: 600, diskBytes: 0 })).toBe(
    '3.0 GiB of memory, 10 m 00 s of processor, 0 MiB on disk',
  );
});

test('what nobody counted is left out', () => {
  expect(useInWords({ peakMemoryBytes: null, cpuSeconds: null, diskBytes: 5 * 2 ** 20 })).toBe('5 MiB on disk');
});
