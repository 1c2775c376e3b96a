/** Which line stands in which row when some lines are hidden. Ranges come in order and do not overlap. */
export class RowMap {
  private readonly from: number[] = [];
  private readonly to: number[] = [];
  /** Lines hidden before each range. */
  private readonly before: number[] = [];
  readonly count: number;

  constructor(lines: number, hidden: Iterable<[number, number]>) {
    let sum = 0;
    for (const [from, to] of hidden) {
      this.from.push(from);
      this.to.push(to);
      this.before.push(sum);
      sum += to - from + 1;
    }
    this.count = Math.max(0, lines - sum);
  }

  lineOf(row: number): number {
    // Ranges that begin at or before this row: each begins at the row of the line it would have been.
    const ranges = this.search((i) => (this.from[i] ?? 0) - (this.before[i] ?? 0) <= row);
    return ranges === 0 ? row : row + this.hiddenUpTo(ranges - 1);
  }

  /** The row of a line; for a hidden one, of the last line above it that is shown. */
  rowOf(line: number): number {
    const ranges = this.search((i) => (this.from[i] ?? 0) <= line);
    if (ranges === 0) return line;
    const last = ranges - 1;
    if (line > (this.to[last] ?? 0)) return line - this.hiddenUpTo(last);
    return Math.max(0, (this.from[last] ?? 0) - (this.before[last] ?? 0) - 1);
  }

  private hiddenUpTo(range: number): number {
    return (this.before[range] ?? 0) + (this.to[range] ?? 0) - (this.from[range] ?? 0) + 1;
  }

  /** How many ranges from the first on a condition holds for. */
  private search(holds: (range: number) => boolean): number {
    let [low, high] = [0, this.from.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (holds(middle)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
