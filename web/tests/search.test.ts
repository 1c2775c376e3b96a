import { describe, expect, it } from 'vitest';
import { LogDocument } from '../src/lib/log-document';
import { LogSearch } from '../src/lib/search';

const log = (text: string) => {
  const made = new LogDocument();
  made.append(new TextEncoder().encode(text));
  return made;
};

function find(text: string, query: string): number[] {
  const search = new LogSearch(log(text), query);
  while (search.advance(true)) {}
  return search.found;
}

describe('a search', () => {
  it('finds each line once', () => {
    expect(find('needle needle\nstraw\na needle\n', 'needle')).toEqual([0, 2]);
  });

  it('takes capitals seriously only when there are any', () => {
    expect(find('Error\nerror\n', 'error')).toEqual([0, 1]);
    expect(find('Error\nerror\n', 'Error')).toEqual([0]);
  });

  it('is literal', () => {
    expect(find('a.b\naxb\n[a-z]*\n', 'a.b')).toEqual([0]);
    expect(find('a.b\naxb\n[a-z]*\n', '[a-z]*')).toEqual([2]);
  });

  it('looks through colours', () => {
    expect(find('\x1b[31mnee\x1b[1mdle\x1b[0m\n', 'needle')).toEqual([0]);
    expect(find('\x1b[31mx\n', '31m')).toEqual([]);
  });

  it('does not find what was written over, nor marks', () => {
    expect(find('needle\rstraw\n', 'needle')).toEqual([]);
    expect(find('::group::Part\n', 'group')).toEqual([]);
    expect(find('::group::Part\n', 'part')).toEqual([0]);
  });

  it('knows other letters than ASCII', () => {
    expect(find('x\nPRÜFUNG\nİstanbul straße\n', 'prüfung')).toEqual([1]);
    expect(find('x\nPRÜFUNG\nİstanbul straße\n', 'straße')).toEqual([2]);
  });

  it('goes on as the log grows', () => {
    const growing = log('needle\nhalf a nee');
    const search = new LogSearch(growing, 'needle');
    search.advance(false);
    expect(search.found).toEqual([0]);
    growing.append(new TextEncoder().encode('dle\n'));
    search.advance(false);
    expect(search.found).toEqual([0, 1]);
  });

  it('comes in batches', () => {
    const search = new LogSearch(log('needle\n'.repeat(5000)), 'needle');
    expect([search.advance(true), search.advance(true), search.advance(true)]).toEqual([true, true, false]);
    expect(search.found).toHaveLength(5000);
  });

  it('tells where in a line', () => {
    expect(new LogSearch(log(''), 'a').matches('Banana')).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    expect(new LogSearch(log(''), '').matches('Banana')).toEqual([]);
  });
});
