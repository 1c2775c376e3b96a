import { plainText } from '../lib/ansi';
import { Painter, type Theme } from '../lib/colours';
import type { LineRange } from '../lib/line-link';
import { LogDocument } from '../lib/log-document';
import type { LogSearch } from '../lib/search';
import { ROW, Viewport } from '../lib/viewport';
import { drawRow, type RowLook } from './log-row';

/** What the pane tells the page around it, at most once a frame. */
export interface PaneState {
  lines: number;
  following: boolean;
  /** Lines that came since the reader left the end. */
  newLines: number;
}

/**
 * A log on the screen: only the rows in sight exist. Theory of operation: the reader's place is `top`, in rows. The
 * browser scrolls in its own time, so a frame takes the reader's position over unless we have moved them ourselves
 * (following, a link, a fold). It then sets the height that the scroll bar sees, the scroll position, the rows; in
 * any other order the browser clamps the position, and the event that tells us looks like the reader's own move.
 */
export class LogPane {
  readonly log = new LogDocument();
  following = false;
  private top = 0;
  /** The scroll position that we set or saw last: an event at another one is the reader's. */
  private placed = 0;
  private view = new Viewport(0, 0);
  /** We have moved the reader, and the browser does not know yet. */
  private moved = false;
  private seenLines = 0;
  private widest = 0;
  private frame = 0;
  private search: LogSearch | null = null;
  private current = -1;
  private picked: LineRange | null = null;
  private painter: Painter;
  private uses: ReadonlyMap<string, string> = new Map();
  private readonly drawn = new Map<number, { row: HTMLElement; key: string }>();
  private readonly space = document.createElement('div');
  private readonly rows = document.createElement('div');
  private readonly resized = new ResizeObserver(() => this.schedule());
  private touchY = 0;

  constructor(
    private readonly scroller: HTMLElement,
    theme: Theme,
    private readonly tell: (state: PaneState) => void,
  ) {
    this.painter = new Painter(theme);
    this.space.className = 'log-space';
    this.rows.className = 'log-rows';
    this.space.append(this.rows);
    scroller.replaceChildren(this.space);
    scroller.addEventListener('scroll', this.onScroll, { passive: true });
    scroller.addEventListener('wheel', this.onWheel, { passive: false });
    scroller.addEventListener('touchstart', this.onTouch, { passive: true });
    scroller.addEventListener('touchmove', this.onTouch, { passive: true });
    this.resized.observe(scroller);
  }

  dispose(): void {
    cancelAnimationFrame(this.frame);
    this.resized.disconnect();
    this.scroller.removeEventListener('scroll', this.onScroll);
    this.scroller.removeEventListener('wheel', this.onWheel);
    this.scroller.removeEventListener('touchstart', this.onTouch);
    this.scroller.removeEventListener('touchmove', this.onTouch);
    this.scroller.replaceChildren();
  }

  append(bytes: Uint8Array): void {
    this.log.append(bytes, !this.following);
    this.schedule();
  }

  finish(): void {
    this.log.finish();
    this.schedule();
  }

  setTheme(theme: Theme): void {
    this.painter = new Painter(theme);
    this.redraw();
  }

  setFailedPhases(phases: ReadonlySet<string>): void {
    this.keepPlace(() => this.log.folds.setFailedPhases(phases));
  }

  /** What commands used, in words, by the name of their timer. */
  setUses(uses: ReadonlyMap<string, string>): void {
    this.uses = uses;
    this.schedule();
  }

  setSearch(search: LogSearch | null, current = -1): void {
    this.search = search;
    this.current = current;
    this.redraw();
  }

  setPicked(range: LineRange | null): void {
    this.picked = range;
    this.schedule();
  }

  follow(): void {
    this.following = true;
    this.moved = true;
    this.schedule();
  }

  /** Brings a line into sight, opening what hides it; a third from the top if it was out of sight. */
  show(line: number): void {
    this.following = false;
    this.seenLines = this.log.lines;
    this.log.folds.reveal(line);
    this.measure();
    const row = this.log.folds.rows(this.log.lines).rowOf(line);
    const inSight = row >= this.top && row + 1 <= this.top + this.view.height / ROW;
    if (!inSight) {
      this.top = Math.max(0, Math.min(row - this.view.height / ROW / 3, this.view.lastTop));
      this.moved = true;
    }
    this.schedule();
  }

  /** The line at the top of what is in sight. */
  get topLine(): number {
    return this.log.folds.rows(this.log.lines).lineOf(Math.round(this.top));
  }

  toggleFold(line: number): void {
    const fold = this.log.folds.headedBy(line);
    if (fold) this.keepPlace(() => this.log.folds.toggle(fold));
  }

  toggleAll(open: boolean): void {
    this.keepPlace(() => this.log.folds.toggleAll(open));
  }

  schedule(): void {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.layOut();
    });
  }

  /** Something changed that every row shows. */
  redraw(): void {
    this.drawn.clear();
    this.rows.replaceChildren();
    this.schedule();
  }

  /** Changes what is hidden, with the line at the top staying where it is. */
  private keepPlace(change: () => void): void {
    const line = this.topLine;
    const part = this.top - Math.round(this.top);
    change();
    if (!this.following) this.top = this.log.folds.rows(this.log.lines).rowOf(line) + part;
    this.moved = true;
    this.schedule();
  }

  private measure(): void {
    const rows = this.log.folds.rows(this.log.lines).count;
    const height = this.scroller.clientHeight;
    if (rows === this.view.rows && height === this.view.height) return;
    this.view = new Viewport(rows, height);
    // The same scroll position is another row now.
    if (this.view.isScaled) this.moved = true;
  }

  private layOut(): void {
    if (!this.moved) this.onScroll();
    this.measure();
    this.space.style.height = `${this.view.space}px`;
    if (this.following) {
      this.top = this.view.lastTop;
      this.seenLines = this.log.lines;
    }
    this.top = Math.max(0, Math.min(this.top, this.view.lastTop));
    if (this.following || this.moved) this.scrollToTop();
    this.moved = false;
    this.draw();
    this.tell({
      lines: this.log.lines,
      following: this.following,
      newLines: Math.max(0, this.log.lines - this.seenLines),
    });
  }

  private scrollToTop(): void {
    const wanted = this.view.scrollAt(this.top);
    if (Math.abs(this.scroller.scrollTop - wanted) >= 1) this.scroller.scrollTop = wanted;
    this.placed = this.scroller.scrollTop; // as the browser rounded it
  }

  private draw(): void {
    const { first, end, offset } = this.view.window(this.top);
    const map = this.log.folds.rows(this.log.lines);
    const wanted: HTMLElement[] = [];
    const lines = new Set<number>();
    for (let row = first; row < end; row++) {
      const line = map.lineOf(row);
      lines.add(line);
      wanted.push(this.row(line));
    }
    for (const line of this.drawn.keys()) if (!lines.has(line)) this.drawn.delete(line);
    this.place(wanted);
    this.rows.style.transform = `translateY(${offset}px)`;
    this.rows.style.minWidth = `max(100%, calc(${this.widest}ch + var(--log-gutter) + 2rem))`;
  }

  /** Puts rows in order without touching those that stay: a reader's selection lives in them. */
  private place(wanted: HTMLElement[]): void {
    const kept = new Set<Node>(wanted);
    for (const child of [...this.rows.childNodes]) if (!kept.has(child)) child.remove();
    let next = this.rows.firstChild;
    for (const row of wanted) {
      if (row === next) next = next.nextSibling;
      else this.rows.insertBefore(row, next);
    }
  }

  private row(line: number): HTMLElement {
    const { folds, store } = this.log;
    const fold = folds.headedBy(line);
    const open = fold ? folds.isOpen(fold) : false;
    const hidden = fold ? (fold.end ?? this.log.lines - 1) - line : 0;
    const picked = this.picked !== null && line + 1 >= this.picked.from && line + 1 <= this.picked.to;
    const milliseconds = this.log.timeOf(line);
    const use = this.uses.get(this.log.timerOf(line) ?? '') ?? null;
    const current = line === this.current;
    // An ended line's text never changes; one that has not ended is told by its length.
    const growing = line >= store.endedLines ? store.bytes : 0;
    const key = `${growing} ${fold ? `${open} ${open ? 0 : hidden}` : ''} ${picked} ${current} ${milliseconds} ${use}`;
    const known = this.drawn.get(line);
    if (known?.key === key) return known.row;

    const runs = this.log.runs(line);
    const text = plainText(runs);
    this.widest = Math.max(this.widest, text.length);
    const matches = this.search?.matches(text) ?? [];
    const look: RowLook = { line, runs, fold: fold && { open, hidden }, milliseconds, use, picked, current, matches };
    const row = drawRow(look, this.painter);
    this.drawn.set(line, { row, key });
    return row;
  }

  private readonly onScroll = (): void => {
    const at = this.scroller.scrollTop;
    if (Math.abs(at - this.placed) < 1) return;
    const up = at < this.placed;
    this.placed = at;
    this.moveTo(this.view.topAt(at), up);
  };

  /** The reader moves. Up ends following, whatever the end does meanwhile; reaching the end starts it. */
  private moveTo(top: number, up: boolean): void {
    this.top = top;
    if (up) this.leaveEnd();
    else if (top >= this.view.lastTop - 0.5) this.following = true;
    this.draw();
    this.schedule(); // whoever shows «following» and «new lines» is told with the next frame
  }

  private leaveEnd(): void {
    if (this.following) this.seenLines = this.log.lines;
    this.following = false;
  }

  private readonly onWheel = (event: WheelEvent): void => {
    // The browser scrolls in its own time: new lines must not pull the reader back before it tells us.
    if (event.deltaY < 0) this.leaveEnd();
    if (!this.view.isScaled || event.ctrlKey || event.deltaY === 0) return;
    // A pixel of the scroll bar is many rows here: the wheel moves rows instead.
    event.preventDefault();
    const rows = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY / ROW : event.deltaY;
    this.moveTo(Math.max(0, Math.min(this.top + rows, this.view.lastTop)), rows < 0);
    this.scrollToTop();
  };

  private readonly onTouch = (event: TouchEvent): void => {
    const y = event.touches[0]?.clientY ?? 0;
    if (event.type === 'touchmove' && y > this.touchY + 2) this.leaveEnd();
    this.touchY = y;
  };
}
