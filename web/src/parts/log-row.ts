import { BOLD, HIDDEN, ITALIC, type Run, STRIKE, UNDERLINE } from '../lib/ansi';
import type { Painter } from '../lib/colours';
import { duration } from '../lib/time';

/** All that decides how a row looks. */
export interface RowLook {
  /** From 0. */
  line: number;
  runs: Run[];
  /** Null for a line that heads nothing. */
  fold: { open: boolean; hidden: number } | null;
  milliseconds: number | null;
  /** What the command used, in words; stands only beside its time. */
  use: string | null;
  picked: boolean;
  /** The search's match that n and N stand on. */
  current: boolean;
  matches: [number, number][];
}

/** Commands quicker than this don't say how long they took. */
const WORTH_TELLING = 100;

/** Draws one line of a log. Text nodes only: whatever a job prints stays text. */
export function drawRow(look: RowLook, painter: Painter): HTMLElement {
  const row = element('div', 'row');
  row.dataset.line = String(look.line);
  // The number stands in the style sheet's ::before, so that it's not copied with the text.
  row.dataset.n = String(look.line + 1);
  if (look.picked) row.classList.add('picked');
  if (look.current) row.classList.add('current');
  if (look.fold) row.append(foldButton(look.fold));
  row.append(drawText(look, painter));
  if (look.fold && !look.fold.open) row.append(element('span', 'aside', linesInWords(look.fold.hidden)));
  if (look.milliseconds !== null && look.milliseconds >= WORTH_TELLING) {
    if (look.use) row.append(element('span', 'aside use', look.use));
    row.append(element('span', 'aside', duration(look.milliseconds)));
  }
  return row;
}

function foldButton({ open, hidden }: { open: boolean; hidden: number }): HTMLElement {
  const button = element('button', 'fold') as HTMLButtonElement;
  button.type = 'button';
  // The keys [ ] and o reach it; as a tab stop there would be thousands.
  button.tabIndex = -1;
  button.setAttribute('aria-expanded', String(open));
  button.setAttribute('aria-label', open ? 'Fold away' : `Show ${linesInWords(hidden)}`);
  return button;
}

function drawText(look: RowLook, painter: Painter): HTMLElement {
  const text = element('span', 'text');
  let at = 0; // where the run begins in the line's text; hidden text has no place in it
  for (const run of look.runs) {
    if (run.style.flags & HIDDEN) continue;
    for (const [piece, found] of cut(run.text, at, look.matches)) text.append(drawPiece(piece, found, run, painter));
    at += run.text.length;
  }
  return text;
}

function drawPiece(piece: string, found: boolean, run: Run, painter: Painter): Node {
  const { style } = run;
  const paint = painter.paint(style);
  const classes = [
    style.flags & BOLD ? 'bold' : '',
    style.flags & ITALIC ? 'italic' : '',
    style.flags & UNDERLINE ? 'underline' : '',
    style.flags & STRIKE ? 'strike' : '',
  ].filter(Boolean);
  if (!found && classes.length === 0 && !paint.ink && !paint.ground) return document.createTextNode(piece);
  const span = element(found ? 'mark' : 'span', classes.join(' '), piece);
  // The page's policy allows styles set by script, not by attribute. A match has the mark's own colours.
  if (paint.ink && !found) span.style.color = paint.ink;
  if (paint.ground && !found) span.style.backgroundColor = paint.ground;
  return span;
}

/** A run's text in pieces, each wholly inside or outside of a match. */
export function cut(text: string, start: number, matches: [number, number][]): [string, boolean][] {
  const pieces: [string, boolean][] = [];
  let done = 0;
  for (const [from, to] of matches) {
    const [a, b] = [Math.max(from - start, done), Math.min(to - start, text.length)];
    if (b <= a) continue;
    if (a > done) pieces.push([text.slice(done, a), false]);
    pieces.push([text.slice(a, b), true]);
    done = b;
  }
  if (done < text.length) pieces.push([text.slice(done), false]);
  return pieces;
}

export function linesInWords(count: number): string {
  return `${count.toLocaleString('en')} line${count === 1 ? '' : 's'}`;
}

function element(tag: string, className: string, text?: string): HTMLElement {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}
