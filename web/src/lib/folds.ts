import { RowMap } from './row-map';

/** A part of a log with a heading: a phase, a command, a group that the script itself opened. */
export interface Fold {
  /** Travis's name (`install.2`), or null for a `::group::`. */
  name: string | null;
  /** The line that is always shown. */
  head: number;
  /** The last line that belongs to it; null while it goes on. */
  end: number | null;
  /** Something in it went wrong, or its end never came: it is shown. */
  failed: boolean;
  /** What the reader wished; null as long as they said nothing. */
  toggled: boolean | null;
}

/** All folds of a log, and which of them are open. */
export class Folds {
  private readonly all: Fold[] = [];
  private readonly byHead = new Map<number, Fold>();
  private readonly hidden: number[] = [];
  private stack: Fold[] = [];
  private failedPhases: ReadonlySet<string> = new Set();
  private map: { rows: RowMap; lines: number } | null = null;

  get list(): readonly Fold[] {
    return this.all;
  }

  /** The fold whose heading a line is, if there is something below it to hide. */
  headedBy(line: number): Fold | null {
    const fold = this.byHead.get(line);
    return fold && (fold.end === null || fold.end > line) ? fold : null;
  }

  start(name: string | null, line: number): void {
    // Groups don't nest, and a name that starts again has ended: what came before ends above this line.
    const same = this.stack.find((fold) => fold.name === name);
    if (same) this.close(same, line - 1);
    const fold: Fold = { name, head: line, end: null, failed: false, toggled: null };
    this.all.push(fold);
    this.byHead.set(line, fold);
    this.stack.push(fold);
    this.map = null;
  }

  /** `line` is the last that belongs to it. An end without a start says nothing. */
  end(name: string | null, line: number, keepOpen: boolean): void {
    const fold = this.stack.findLast((open) => open.name === name);
    if (!fold) return;
    this.close(fold, line);
    // Folding away what somebody is reading right now is the worst thing a log can do.
    if (keepOpen && fold.toggled === null) fold.toggled = true;
  }

  /** Something went wrong at this point: in every fold that is open here. */
  fail(): void {
    for (const fold of this.stack) fold.failed = true;
    this.map = null;
  }

  /** Phases that ended with anything but 0: the last fold of each is shown. */
  setFailedPhases(phases: ReadonlySet<string>): void {
    if (phases.size === this.failedPhases.size && [...phases].every((phase) => this.failedPhases.has(phase))) return;
    this.failedPhases = phases;
    this.map = null;
  }

  /** A line that is only a mark: never shown. */
  hide(line: number): void {
    this.hidden.push(line);
    this.map = null;
  }

  isOpen(fold: Fold): boolean {
    return fold.toggled ?? (fold.end === null || fold.failed || this.isLastOfFailedPhase(fold));
  }

  toggle(fold: Fold, open = !this.isOpen(fold)): void {
    fold.toggled = open;
    this.map = null;
  }

  toggleAll(open: boolean): void {
    for (const fold of this.all) fold.toggled = open;
    this.map = null;
  }

  /** Opens whatever hides a line. */
  reveal(line: number): void {
    for (const fold of this.all) {
      if (fold.head >= line) break;
      if ((fold.end ?? line) >= line && !this.isOpen(fold)) this.toggle(fold, true);
    }
  }

  /** Which line stands in which row, for a log of so many lines. */
  rows(lines: number): RowMap {
    if (this.map?.lines !== lines) this.map = { lines, rows: new RowMap(lines, this.hiddenRanges(lines)) };
    return this.map.rows;
  }

  private close(fold: Fold, line: number): void {
    const at = this.stack.indexOf(fold);
    // What was opened inside and never ended is where things went wrong, more often than not.
    for (const inner of this.stack.splice(at)) {
      inner.end = Math.max(inner.head, line);
      if (inner !== fold) inner.failed = true;
    }
    this.map = null;
  }

  private isLastOfFailedPhase(fold: Fold): boolean {
    const phase = phaseOf(fold);
    if (phase === null || !this.failedPhases.has(phase)) return false;
    return this.all.findLast((other) => phaseOf(other) === phase) === fold;
  }

  private *hiddenRanges(lines: number): Generator<[number, number]> {
    let single = 0;
    let after = 0; // the first line not yet told of
    const singlesBefore = function* (this: Folds, line: number): Generator<[number, number]> {
      for (; (this.hidden[single] ?? line) < line; single++) {
        const hidden = this.hidden[single] ?? 0;
        if (hidden >= after) yield [hidden, hidden];
      }
    }.bind(this);

    for (const fold of this.all) {
      if (fold.head < after || this.isOpen(fold)) continue;
      const end = Math.min(fold.end ?? lines - 1, lines - 1);
      if (end <= fold.head) continue;
      yield* singlesBefore(fold.head + 1);
      yield [fold.head + 1, end];
      after = end + 1;
    }
    yield* singlesBefore(lines);
  }
}

/** `install.2` is a fold of the phase `install`. */
function phaseOf(fold: Fold): string | null {
  return fold.name?.replace(/\.\d+$/, '') ?? null;
}
