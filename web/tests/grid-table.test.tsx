import { cleanup, fireEvent, render } from '@testing-library/preact';
import { afterEach, describe, expect, it } from 'vitest';
import { layOut } from '../src/lib/grid';
import { Grid, JobList } from '../src/parts/grid';
import { job } from './some';

afterEach(cleanup);

const jobs = [
  job(1, { cc: 'gcc', os: 'a', env: '0' }),
  job(2, { cc: 'gcc', os: 'a', env: '1' }, { state: 'failed', exitCode: 2, allowFailure: true }),
  job(
    3,
    { cc: 'clang', os: 'a', env: '0' },
    { state: 'queued', waitsFor: 'a free slot', startedAt: null, finishedAt: null },
  ),
  job(4, { cc: 'clang', os: 'b', env: '0' }, { name: 'Special' }),
];
const show = () => render(<Grid layout={layOut(['cc', 'os', 'env'], jobs)} />).container;
const focused = () => document.activeElement?.getAttribute('href');

describe('the grid', () => {
  it('is a table with headers that say what they head', () => {
    const table = show();
    const heads = [...table.querySelectorAll('thead th')].map((th) => [th.textContent, th.getAttribute('scope')]);
    expect(heads).toContainEqual(['a', 'colgroup']);
    expect(heads).toContainEqual(['b', 'col']);
    expect(table.querySelector('thead th[scope=colgroup]')?.getAttribute('colspan')).toBe('2');
    expect([...table.querySelectorAll('tbody th')].map((th) => [th.textContent, th.getAttribute('scope')])).toEqual([
      ['gcc', 'row'],
      ['clang', 'row'],
    ]);
    expect(table.querySelector('caption')?.textContent).toBe('Jobs: cc down, os and env across');
  });

  it('says in words how each job stands, what it waits for, and that it may fail', () => {
    const cells = [...show().querySelectorAll('td')].map((td) => td.textContent);
    expect(cells[0]).toContain('passed');
    expect(cells[0]).toContain('1 m 23 s');
    expect(cells[1]).toContain('failed');
    expect(cells[1]).toContain('exit 2');
    expect(cells[1]).toContain('may fail');
    expect(cells[3]).toContain('queued');
    expect(cells[3]).toContain('a free slot');
    expect(cells[2]).toBe('no job');
    expect(cells[5]).toContain('Special');
  });

  it('has links that are links', () => {
    expect([...show().querySelectorAll('a')].map((a) => a.getAttribute('href'))).toEqual([
      '/jobs/42.1',
      '/jobs/42.2',
      '/jobs/42.3',
      '/jobs/42.4',
    ]);
  });

  it('is walked by letters and arrows, over empty cells', () => {
    show();
    fireEvent.keyDown(document.body, { key: 'l' });
    expect(focused()).toBe('/jobs/42.1');
    fireEvent.keyDown(document.activeElement as Element, { key: 'ArrowDown' });
    expect(focused()).toBe('/jobs/42.3');
    fireEvent.keyDown(document.activeElement as Element, { key: 'l' });
    expect(focused()).toBe('/jobs/42.4');
    fireEvent.keyDown(document.activeElement as Element, { key: 'k' });
    expect(focused()).toBe('/jobs/42.4'); // nothing is above it
  });

  it('leaves the arrows to the page until it has the focus, and typing to text fields', () => {
    show();
    fireEvent.keyDown(document.body, { key: 'ArrowDown' });
    expect(focused()).toBeNull();
    const input = document.body.appendChild(document.createElement('input'));
    input.focus();
    fireEvent.keyDown(input, { key: 'j' });
    expect(document.activeElement).toBe(input);
    input.remove();
  });

  it('shows letters when it is wide, and words to who listens', () => {
    const many = Array.from({ length: 12 }, (_, i) => job(i + 1, { cc: `${i % 2}`, os: `${i}` }));
    const both = many.map((one) => job(one.cell + 20, { cc: `${one.cell % 2}`, os: `${one.cell - 1}` }));
    const cell = render(<Grid layout={layOut(['cc', 'os'], [...many, ...both])} />).container.querySelector('.cell');
    expect(cell?.querySelector('[aria-hidden=true]:not(svg)')?.textContent).toBe('P');
    expect(cell?.querySelector('.sr-only')?.textContent).toBe('passed');
  });
});

describe('the list of jobs', () => {
  it("names a job by its name, its values, or its bundle, and says why it isn't green", () => {
    const text = render(
      <JobList
        jobs={[
          job(1, { cc: 'gcc' }, { name: 'Valgrind' }),
          job(2, { cc: 'gcc', os: 'mac' }, { state: 'errored', sentence: 'No runner has that.' }),
          job(3, {}),
        ]}
      />,
    ).container.textContent;
    expect(text).toContain('Valgrind');
    expect(text).toContain('cc gcc, os mac');
    expect(text).toContain('No runner has that.');
    expect(text).toContain('42.3 c');
  });

  it('shows what strangers wrote as text', () => {
    const evil = '<img src=x onerror=alert(1)>';
    const { container } = render(<JobList jobs={[job(1, { os: evil }, { state: 'failed', sentence: evil })]} />);
    expect(container.querySelector('img')).toBeNull();
    expect(container.textContent).toContain(evil);
  });
});
