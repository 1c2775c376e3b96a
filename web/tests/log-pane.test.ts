import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DARK } from '../src/lib/colours';
import { LogSearch } from '../src/lib/search';
import { ROW } from '../src/lib/viewport';
import { LogPane, type PaneState } from '../src/parts/log-pane';
import { cut } from '../src/parts/log-row';

// A window of ten rows whose layout we do ourselves: it clamps as a browser does, and tells of its scrolling later.
const HEIGHT = 10 * ROW;
let scroller: HTMLElement;
let pane: LogPane;
let state: PaneState;
let at = 0;

beforeEach(() => {
  scroller = document.body.appendChild(document.createElement('section'));
  at = 0;
  Object.defineProperty(scroller, 'clientHeight', { get: () => HEIGHT });
  Object.defineProperty(scroller, 'scrollTop', {
    get: () => Math.min(at, Math.max(0, space() - HEIGHT)),
    set: (value: number) => {
      at = Math.max(0, Math.min(value, space() - HEIGHT));
    },
  });
  pane = new LogPane(scroller, DARK, (now) => {
    state = now;
  });
});

afterEach(() => {
  pane.dispose();
  scroller.remove();
});

const space = () => Number.parseFloat((scroller.firstElementChild as HTMLElement)?.style.height) || 0;
const frame = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
const append = (text: string) => pane.append(new TextEncoder().encode(text));
const lines = (from: number, count: number) => Array.from({ length: count }, (_, i) => `line ${from + i}\n`).join('');
const rows = () => [...scroller.querySelectorAll<HTMLElement>('.row')];
const lastRow = () => rows().at(-1)?.textContent;

/** The reader scrolls: the browser moves, and tells of it in its own time. */
function scrollTo(value: number, tell = true) {
  scroller.scrollTop = value;
  if (tell) scroller.dispatchEvent(new Event('scroll'));
}

describe('a long log', () => {
  it('has only the rows in sight', async () => {
    append(lines(1, 10_000));
    await frame();
    expect(space()).toBe(10_000 * ROW);
    expect(rows().length).toBeLessThan(30);
    scrollTo(5000 * ROW);
    expect(rows().some((row) => row.textContent === 'line 5001')).toBe(true);
    expect(rows().length).toBeLessThan(30);
  });

  it('has its numbers in the style sheet, so that they are not copied', async () => {
    append('a\nb\n');
    await frame();
    expect(rows().map((row) => [row.dataset.n, row.textContent])).toEqual([
      ['1', 'a'],
      ['2', 'b'],
    ]);
  });

  it('shows what a job prints as text', async () => {
    append('<img src=x onerror=alert(1)>\x1b[31m<b>red</b>\n');
    await frame();
    expect(scroller.querySelector('img, b')).toBeNull();
    expect(rows()[0]?.textContent).toBe('<img src=x onerror=alert(1)><b>red</b>');
  });

  it('keeps the rows that stay, and what the reader has selected in them', async () => {
    append(lines(1, 5));
    await frame();
    const [first] = rows();
    append(lines(6, 2));
    await frame();
    expect(rows()[0]).toBe(first);
    expect(rows()).toHaveLength(7);
  });

  it('draws a line anew while it grows', async () => {
    append('10%');
    await frame();
    append('\r100%\n');
    await frame();
    expect(rows().map((row) => row.textContent)).toEqual(['100%']);
  });
});

describe('following', () => {
  beforeEach(async () => {
    append(lines(1, 100));
    pane.follow();
    await frame();
  });

  it('shows the end as it moves', async () => {
    expect(lastRow()).toBe('line 100');
    append(lines(101, 50));
    await frame();
    expect(lastRow()).toBe('line 150');
    expect(state).toEqual({ lines: 150, following: true, newLines: 0 });
  });

  it('goes on when an event of our own scrolling comes late, after the end has moved', async () => {
    append(lines(101, 50));
    await frame();
    scroller.dispatchEvent(new Event('scroll'));
    append(lines(151, 50));
    scroller.dispatchEvent(new Event('scroll'));
    await frame();
    expect(state.following).toBe(true);
    expect(lastRow()).toBe('line 200');
  });

  it('ends with one move up, and counts what comes', async () => {
    scrollTo(scroller.scrollTop - 3 * ROW);
    append(lines(101, 12));
    await frame();
    expect(state).toEqual({ lines: 112, following: false, newLines: 12 });
    expect(scroller.scrollTop).toBe(87 * ROW);
  });

  it('ends with the wheel, before the browser has scrolled', async () => {
    scroller.dispatchEvent(new WheelEvent('wheel', { deltaY: -10 }));
    append(lines(101, 5));
    await frame();
    expect(state.following).toBe(false);
    expect(scroller.scrollTop).toBe(90 * ROW);
  });

  it('starts again at the end', async () => {
    scrollTo(10 * ROW);
    scrollTo(90 * ROW);
    append(lines(101, 5));
    await frame();
    expect(state.following).toBe(true);
    expect(lastRow()).toBe('line 105');
  });

  it('does not hold back a reader whose scrolling we have not been told of yet', async () => {
    scrollTo(10 * ROW);
    await frame();
    scrollTo(40 * ROW, false);
    append(lines(101, 5));
    await frame();
    expect(scroller.scrollTop).toBe(40 * ROW);
    expect(rows().some((row) => row.textContent === 'line 41')).toBe(true);
  });

  it('lives through a fold that closes and makes the log shorter', async () => {
    append(`::group::part\n${lines(1, 60)}`);
    await frame();
    append('::endgroup::\nafter\n');
    await frame();
    expect(state.following).toBe(true);
    expect(lastRow()).toBe('after');
    expect(rows().some((row) => row.textContent === 'part60 lines')).toBe(true);
  });
});

describe('a place in the log', () => {
  it('is shown, in a closed fold too', async () => {
    append(`${lines(1, 100)}::group::part\n${lines(1, 100)}::endgroup::\n${lines(1, 100)}`);
    await frame();
    expect(rows().some((row) => row.dataset.n === '150')).toBe(false);
    pane.setPicked({ from: 150, to: 151 });
    pane.show(149);
    await frame();
    const picked = rows().filter((row) => row.classList.contains('picked'));
    expect(picked.map((row) => row.dataset.n)).toEqual(['150', '151']);
    expect(state.following).toBe(false);
  });

  it('stays when a fold above it closes', async () => {
    append(`::group::part\n${lines(1, 100)}::endgroup::\n${lines(1, 100)}`);
    pane.toggleAll(true);
    await frame();
    scrollTo(150 * ROW);
    const top = pane.topLine;
    pane.toggleFold(0);
    await frame();
    expect(pane.topLine).toBe(top);
    expect(scroller.scrollTop).toBe(50 * ROW);
  });

  it('is reached in a log of more rows than a browser can lay out', async () => {
    append('\n'.repeat(2_000_000));
    pane.show(1_500_000);
    await frame();
    expect(rows().some((row) => row.dataset.n === '1500001')).toBe(true);
    expect(space()).toBeLessThan(17_800_000);
    pane.follow();
    await frame();
    expect(rows().at(-1)?.dataset.n).toBe('2000000');
  });
});

describe('a search', () => {
  it('marks what it found, across colours', async () => {
    append('a nee\x1b[31mdle here\x1b[0m and a needle\n');
    pane.setSearch(new LogSearch(pane.log, 'needle'), 0);
    await frame();
    expect([...scroller.querySelectorAll('mark')].map((mark) => mark.textContent)).toEqual(['nee', 'dle', 'needle']);
    expect(rows()[0]?.textContent).toBe('a needle here and a needle');
    expect(rows()[0]?.classList.contains('current')).toBe(true);
  });

  it('cuts text at its borders only', () => {
    expect(
      cut('abcdef', 10, [
        [8, 12],
        [13, 14],
        [15, 20],
      ]),
    ).toEqual([
      ['ab', true],
      ['c', false],
      ['d', true],
      ['e', false],
      ['f', true],
    ]);
    expect(cut('abc', 0, [])).toEqual([['abc', false]]);
  });
});
