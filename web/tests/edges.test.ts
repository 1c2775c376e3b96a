import { describe, expect, it } from 'vitest';
import { buildIdOf, paths } from '../src/api';
import { jobPath, safeHref } from '../src/lib/links';
import { readChunk } from '../src/live';
import { match } from '../src/routes';

describe('an address', () => {
  it.each(['https://git.example.org/o/r', '/builds/42', `${location.origin}/x`])('%s may be linked to', (address) => {
    expect(safeHref(address)).toBe(new URL(address, location.origin).href);
  });

  it.each([
    'javascript:alert(1)',
    ' JavaScript:alert(1)',
    'data:text/html,x',
    'http://example.org',
    'ssh://git@x/y',
    'https://',
  ])('%j is text', (address) => {
    expect(safeHref(address)).toBeNull();
  });
});

describe('a path', () => {
  it.each([
    ['/', ''],
    ['/builds/42', '42'],
    ['/jobs/42.3', '42.3'],
    ['/repositories', ''],
    ['/repositories/7', '7'],
  ])('%s has a page', (path, id) => {
    expect(match(path)?.id).toBe(id);
  });

  it.each(['/builds', '/builds/x', '/jobs/42', '/api/v1/builds', '/signin/abc', '/hooks/r/1', '/jobs/42.3/'])(
    '%s has none: it is the server’s',
    (path) => {
      expect(match(path)).toBeNull();
    },
  );

  it('of the API carries what was asked, and nothing else', () => {
    expect(paths.builds(null)).toBe('/api/v1/builds');
    expect(paths.builds('o/r&x=1', 40)).toBe('/api/v1/builds?repository=o%2Fr%26x%3D1&before=40');
    expect(paths.log('42.3', 2, 100)).toBe('/api/v1/jobs/42.3/log?attempt=2&from=100');
    expect(paths.log('42.3', 0)).toBe('/api/v1/jobs/42.3/log');
    expect(jobPath('42.3')).toBe('/jobs/42.3');
  });
});

describe("a hub's chunk", () => {
  const Bytes = Uint8Array.of(1, 2);
  it.each([[7], [7n]])('at %s is read, whichever width its offset came in', (Offset) => {
    expect(readChunk({ Offset, Bytes })).toEqual({ offset: 7, bytes: Bytes });
  });
});

it('the build that an answer names is found, and no other', () => {
  expect(buildIdOf({ id: 43, url: '/builds/43' })).toBe(43);
  expect(buildIdOf({ build: { id: 43 } })).toBe(43);
  for (const answer of [null, '', 43, {}, { id: '43' }, { outcome: 'asked' }]) expect(buildIdOf(answer)).toBeNull();
});
