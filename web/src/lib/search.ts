import type { LogDocument } from './log-document';

/** Lines looked through at once: a few milliseconds' work. */
const BATCH = 2000;

/** Looks for a text in a log, a batch at a time, and goes on as the log grows. Capitals count only if there are any. */
export class LogSearch {
  /** Lines with a match, in order. */
  readonly found: number[] = [];
  private next = 0;
  private readonly needle: string;
  private readonly exact: boolean;

  constructor(
    private readonly log: LogDocument,
    readonly query: string,
  ) {
    this.exact = query !== query.toLowerCase();
    this.needle = query;
  }

  /** Looks at the next batch of lines that have ended; false when there is none. */
  advance(allLinesEnded: boolean): boolean {
    const limit = allLinesEnded ? this.log.lines : this.log.store.endedLines;
    if (this.needle === '' || this.next >= limit) return false;
    const to = Math.min(this.next + BATCH, limit);
    this.lookAt(this.next, to);
    this.next = to;
    return this.next < limit;
  }

  /** Where the query stands in a line's text: pairs of start and end. */
  matches(text: string): [number, number][] {
    const places: [number, number][] = [];
    if (this.needle === '') return places;
    const hay = this.fold(text);
    const length = this.needle.length;
    for (let at = hay.indexOf(this.needle); at >= 0; at = hay.indexOf(this.needle, at + length)) {
      places.push([at, at + length]);
    }
    return places;
  }

  private lookAt(from: number, to: number): void {
    let text = this.log.store.textOf(from, to).replaceAll('\r\n', '\n');
    const raw = text.includes('\r') || text.includes('\x1b') || text.includes('::') || text.includes('##[');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
    if (raw) text = text.replace(/\x1b\[[0-9;:?]*[A-Za-z]/g, '');
    // Some letters grow when they are lowered; here only lines are counted, so places may shift.
    if (!this.exact) text = text.toLowerCase();

    let line = from;
    let lineEnd = text.indexOf('\n');
    for (let at = text.indexOf(this.needle); at >= 0; ) {
      while (lineEnd >= 0 && lineEnd < at) {
        line++;
        lineEnd = text.indexOf('\n', lineEnd + 1);
      }
      // What was overwritten or is a mark can't be seen, so it must not be found.
      if (!raw || this.matches(this.log.plain(line)).length > 0) this.found.push(line);
      at = lineEnd < 0 ? -1 : text.indexOf(this.needle, lineEnd + 1);
    }
  }

  private fold(text: string): string {
    if (this.exact) return text;
    const folded = text.toLowerCase();
    // Some letters grow when they are lowered (İ): places would be off, so such text is taken as it is.
    return folded.length === text.length ? folded : text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  }
}
