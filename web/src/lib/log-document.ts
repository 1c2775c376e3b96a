import { applySgr, PLAIN, parseLine, plainText, type Run, readSequence, type Style } from './ansi';
import { Folds } from './folds';
import { LogStore } from './log-store';
import { findMarks, type Mark, withoutMarks } from './marks';

/** Colours are remembered at every so many lines, and read on from there. */
const CHECKPOINT = 256;

/** A log as it is read: lines with colours, folds and times. Grows at its end only. */
export class LogDocument {
  readonly store = new LogStore();
  readonly folds = new Folds();
  private scanned = 0;
  private readonly styles: Style[] = [];
  private readonly times = new Map<number, number>();
  private readonly timers = new Map<string, number>();
  private readonly names = new Map<number, string>();

  get lines(): number {
    return this.store.lines;
  }

  /** `keepFoldsOpen`: somebody reads in the middle, so a fold that ends now is not folded away. */
  append(bytes: Uint8Array, keepFoldsOpen = false): void {
    this.store.append(bytes);
    this.scan(this.store.endedLines, keepFoldsOpen);
  }

  /** Nothing more will come: a last line without an end counts, too. */
  finish(): void {
    this.scan(this.store.lines, true);
  }

  /** What to draw for a line. */
  runs(line: number): Run[] {
    return this.read(line, this.styleAt(line));
  }

  /** A line as it reads, without its looks: much quicker, because the lines above don't matter. */
  plain(line: number): string {
    return plainText(this.read(line, PLAIN));
  }

  /** How long the command on a line took, in milliseconds, where the log says so. */
  timeOf(line: number): number | null {
    return this.times.get(line) ?? null;
  }

  /** The name of the timer that `timeOf` a line comes from. */
  timerOf(line: number): string | null {
    return this.names.get(line) ?? null;
  }

  private read(line: number, style: Style): Run[] {
    const { runs } = parseLine(this.store.text(line), style);
    const first = runs[0];
    if (first && this.mayCarryMark(first.text)) first.text = withoutMarks(first.text);
    // A heading without words of its own gets the fold's name.
    const name = this.folds.headedBy(line)?.name;
    return name && runs.every((run) => run.text.trim() === '') ? [{ text: name, style: PLAIN }] : runs;
  }

  private mayCarryMark(text: string): boolean {
    return text.startsWith('::') || text.startsWith('##[') || text.startsWith('travis_');
  }

  private scan(to: number, keepFoldsOpen: boolean): void {
    if (to <= this.scanned) return;
    const base = this.store.start(this.scanned);
    const text = this.store.latin1Of(this.scanned, to);
    this.scanned = to;
    for (const mark of findMarks(text)) this.apply(mark, this.store.lineAt(base + mark.at), keepFoldsOpen);
  }

  private apply(mark: Mark, line: number, keepFoldsOpen: boolean): void {
    switch (mark.kind) {
      case 'fold-start':
        this.folds.start(mark.name, line);
        break;
      case 'fold-end':
        // The end's mark stands before the next line's text, or alone on its line.
        this.folds.end(mark.name, this.hasText(line) ? line - 1 : line, keepFoldsOpen);
        break;
      case 'group-start':
        this.folds.start(null, line);
        break;
      case 'group-end':
        this.folds.end(null, line - 1, keepFoldsOpen);
        this.folds.hide(line);
        break;
      case 'time-start':
        this.timers.set(mark.name, line);
        break;
      case 'time-end': {
        const started = this.timers.get(mark.name);
        this.timers.delete(mark.name);
        if (started === undefined) break;
        this.times.set(started, mark.milliseconds);
        this.names.set(started, mark.name);
        break;
      }
      case 'error':
        this.folds.fail();
        break;
    }
  }

  private hasText(line: number): boolean {
    const text = plainText(parseLine(this.store.text(line), PLAIN).runs);
    return withoutMarks(text.trim()) !== '';
  }

  /** The colours a line starts with: what the lines above it left switched on. */
  private styleAt(line: number): Style {
    const checkpoint = Math.floor(line / CHECKPOINT);
    const style = this.checkpointStyle(checkpoint);
    return this.readOn(style, checkpoint * CHECKPOINT, line);
  }

  private checkpointStyle(checkpoint: number): Style {
    // Back to where colours are known, which is seldom far: nearly everything that paints also resets.
    let known = checkpoint;
    while (known > 0 && this.styles[known] === undefined && !this.resetsBefore(known)) known--;
    let style =
      this.styles[known] ?? (known === 0 ? PLAIN : this.readOn(PLAIN, (known - 1) * CHECKPOINT, known * CHECKPOINT));
    this.styles[known] = style;
    for (; known < checkpoint; known++) {
      style = this.readOn(style, known * CHECKPOINT, (known + 1) * CHECKPOINT);
      this.styles[known + 1] = style;
    }
    return style;
  }

  private resetsBefore(checkpoint: number): boolean {
    return lastReset(this.store.latin1Of((checkpoint - 1) * CHECKPOINT, checkpoint * CHECKPOINT)) >= 0;
  }

  private readOn(style: Style, from: number, to: number): Style {
    if (from >= to) return style;
    const text = this.store.latin1Of(from, to);
    const reset = lastReset(text);
    let read = reset >= 0 ? PLAIN : style;
    for (let at = text.indexOf('\x1b[', Math.max(0, reset)); at >= 0; at = text.indexOf('\x1b[', at)) {
      const sequence = readSequence(text, at);
      if (sequence.final === 'm') read = applySgr(read, sequence.parameters);
      at = Math.max(sequence.end, at + 2);
    }
    return read;
  }
}

function lastReset(text: string): number {
  return Math.max(text.lastIndexOf('\x1b[0m'), text.lastIndexOf('\x1b[m'));
}
