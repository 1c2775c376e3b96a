/** A row's height in pixels; styles/log.css says the same. */
export const ROW = 20;

/** Firefox lays out nothing taller than about 17.9 million pixels, Chromium 33.5. */
const TALLEST = 12_000_000;

/** The window through which a long list is seen: which rows, and where they are put. Fractions of rows are allowed. */
export class Viewport {
  constructor(
    readonly rows: number,
    /** Of the window, in pixels. */
    readonly height: number,
  ) {}

  /** The height that the scroll bar sees. */
  get space(): number {
    return Math.min(this.rows * ROW, TALLEST);
  }

  /** A pixel on the scroll bar is more than a pixel of rows. */
  get isScaled(): boolean {
    return this.rows * ROW > TALLEST;
  }

  /** The row at the top when the end is in sight. */
  get lastTop(): number {
    return Math.max(0, this.rows - this.height / ROW);
  }

  topAt(scroll: number): number {
    if (!this.isScaled) return scroll / ROW;
    return (scroll / Math.max(1, this.space - this.height)) * this.lastTop;
  }

  scrollAt(top: number): number {
    const within = Math.max(0, Math.min(top, this.lastTop));
    if (!this.isScaled) return within * ROW;
    return (within / this.lastTop) * (this.space - this.height);
  }

  /** The rows to draw, a few more than are seen, and how far down to put the first. */
  window(top: number, spare = 8): { first: number; end: number; offset: number } {
    const first = Math.max(0, Math.floor(top) - spare);
    const end = Math.min(this.rows, Math.ceil(top + this.height / ROW) + spare);
    const offset = this.isScaled ? this.scrollAt(top) - (top - first) * ROW : first * ROW;
    return { first, end, offset: Math.round(offset) };
  }
}
