const BLOCK = 1 << 20;
const NEWLINE = 10;

/** No line is drawn longer than this, in bytes: a browser lays out a text of megabytes for seconds. */
export const LONGEST_DRAWN = 16 * 1024;

const utf8 = new TextDecoder();
// One character a byte, so that a position in the text is a position in the log. For looking, never for showing.
const latin1 = new TextDecoder('latin1');

/**
 * A log's bytes and where its lines begin. Bytes, not text: half the memory for any log with one umlaut in it,
 * a character may straddle two chunks, and offsets stay the server's. Lines count from 0 here, from 1 for people.
 */
export class LogStore {
  private readonly blocks: Uint8Array[] = [];
  private starts = new Uint32Array(1024);
  private begun = 1;
  private size = 0;

  /** Bytes so far; where the next chunk belongs. */
  get bytes(): number {
    return this.size;
  }

  /** Lines so far, one that has not ended yet included. */
  get lines(): number {
    return this.start(this.begun - 1) === this.size ? this.begun - 1 : this.begun;
  }

  /** Lines that have ended: what is in them will not change. */
  get endedLines(): number {
    return this.begun - 1;
  }

  append(bytes: Uint8Array): void {
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) this.begin(this.size + at + 1);
    for (let done = 0; done < bytes.length; ) {
      const inBlock = this.size % BLOCK;
      if (inBlock === 0) this.blocks.push(new Uint8Array(BLOCK));
      const part = bytes.subarray(done, done + BLOCK - inBlock);
      this.blocks.at(-1)?.set(part, inBlock);
      done += part.length;
      this.size += part.length;
    }
  }

  /** Where a line begins, in bytes. */
  start(line: number): number {
    return line < this.begun ? (this.starts[line] ?? 0) : this.size;
  }

  /** Where a line's text ends, in bytes, its newline left out. */
  end(line: number): number {
    return line + 1 < this.begun ? this.start(line + 1) - 1 : this.size;
  }

  /** The line that holds the byte at an offset. */
  lineAt(offset: number): number {
    let [low, high] = [0, this.begun - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.start(middle) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** A line as the log has it, escape sequences and all; the middle of an endless one is left out. */
  text(line: number): string {
    const [from, to] = [this.start(line), this.end(line)];
    if (to - from <= LONGEST_DRAWN) return utf8.decode(this.slice(from, to));
    // The last state of an endless progress bar is what counts; of an endless text its beginning is.
    const tail = utf8.decode(this.slice(to - LONGEST_DRAWN, to));
    const returned = tail.replace(/\r+$/, '').lastIndexOf('\r');
    if (returned >= 0) return tail.slice(returned);
    return `${utf8.decode(this.slice(from, from + LONGEST_DRAWN))} … ${to - from - LONGEST_DRAWN} bytes more: see raw`;
  }

  /** Lines `from` up to, not including, `to` as text. */
  textOf(from: number, to: number): string {
    return utf8.decode(this.slice(this.start(from), this.start(to)));
  }

  /** The same with one character a byte: to look for marks in, and to know at which byte they stand. */
  latin1Of(from: number, to: number): string {
    return latin1.decode(this.slice(this.start(from), this.start(to)));
  }

  private slice(from: number, to: number): Uint8Array {
    const block = Math.floor(from / BLOCK);
    const base = block * BLOCK;
    if (to - base <= BLOCK) return this.blocks[block]?.subarray(from - base, to - base) ?? new Uint8Array();
    const whole = new Uint8Array(to - from);
    for (let at = from; at < to; ) {
      const part = this.blocks[Math.floor(at / BLOCK)]?.subarray(at % BLOCK, Math.min(BLOCK, (at % BLOCK) + to - at));
      if (!part) break;
      whole.set(part, at - from);
      at += part.length;
    }
    return whole;
  }

  private begin(offset: number): void {
    if (this.begun === this.starts.length) {
      const larger = new Uint32Array(this.starts.length * 2);
      larger.set(this.starts);
      this.starts = larger;
    }
    this.starts[this.begun++] = offset;
  }
}
