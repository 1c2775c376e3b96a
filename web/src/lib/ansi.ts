/** -1 the ground's own, 0–255 of the palette, from TRUE_COLOUR on 24 bits of red, green, blue. */
export type Colour = number;
export const DEFAULT: Colour = -1;
export const TRUE_COLOUR = 0x1000000;

export const BOLD = 1;
export const DIM = 2;
export const ITALIC = 4;
export const UNDERLINE = 8;
export const INVERSE = 16;
export const HIDDEN = 32;
export const STRIKE = 64;

/** How text looks; never changed in place, so it can be kept and compared. */
export interface Style {
  readonly fg: Colour;
  readonly bg: Colour;
  readonly flags: number;
}

export interface Run {
  text: string;
  style: Style;
}

export interface ParsedLine {
  runs: Run[];
  /** What the next line starts with: colours do not end at a line's end. */
  end: Style;
}

export const PLAIN: Style = { fg: DEFAULT, bg: DEFAULT, flags: 0 };

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this file is about
const CONTROL = /[\0-\x08\x0a-\x1f\x7f-\x9f]/g;
const ESC = 0x1b;

/**
 * Reads one line as a terminal would show it once it stands still: the last state of a progress bar, nothing that
 * was erased, no cursor tricks. Runs of plain text only: whoever draws them makes text nodes.
 */
export function parseLine(text: string, start: Style): ParsedLine {
  CONTROL.lastIndex = 0;
  if (!CONTROL.test(text)) return { runs: text === '' ? [] : [{ text, style: start }], end: start };

  let runs: Run[] = [];
  let style = start;
  let returned = false; // the cursor is at the line's start: the next text overwrites what stands there

  const put = (from: number, to: number) => {
    if (to <= from) return;
    if (returned) {
      runs = [];
      returned = false;
    }
    const last = runs.at(-1);
    if (last?.style === style) last.text += text.slice(from, to);
    else runs.push({ text: text.slice(from, to), style });
  };

  for (let at = 0; at < text.length; ) {
    CONTROL.lastIndex = at;
    const stop = CONTROL.exec(text)?.index ?? text.length;
    put(at, stop);
    if (stop === text.length) break;

    const code = text.charCodeAt(stop);
    at = stop + 1;
    if (code === 0x0d) returned = true;
    else if (code === 0x08) rubOut(runs);
    else if (code === ESC || code === 0x9b) {
      const sequence = readSequence(text, stop);
      at = sequence.end;
      if (sequence.final === 'm') style = applySgr(style, sequence.parameters);
      else if (sequence.final === 'G' && Number(sequence.parameters || '1') === 1) returned = true;
      else if (sequence.final === 'K' && (returned || /^[12]$/.test(sequence.parameters))) {
        runs = [];
        returned = false;
      }
    }
  }
  return { runs, end: style };
}

/** The text of runs without their looks. */
export function plainText(runs: readonly Run[]): string {
  let text = '';
  for (const run of runs) if (!(run.style.flags & HIDDEN)) text += run.text;
  return text;
}

function rubOut(runs: Run[]) {
  const last = runs.at(-1);
  if (!last) return;
  last.text = last.text.slice(0, -1);
  if (last.text === '') runs.pop();
}

interface Sequence {
  final: string;
  parameters: string;
  end: number;
}

/** Reads the escape sequence at `at`. One without an end takes what is left of the line, as in a terminal. */
export function readSequence(text: string, at: number): Sequence {
  const kind = text.charCodeAt(at) === ESC ? text[at + 1] : '[';
  const body = text.charCodeAt(at) === ESC ? at + 2 : at + 1;
  if (kind === '[') {
    let end = body;
    while (end < text.length && text.charCodeAt(end) >= 0x20 && text.charCodeAt(end) < 0x40) end++;
    return { final: text[end] ?? '', parameters: text.slice(body, end), end: Math.min(end + 1, text.length) };
  }
  if (kind !== undefined && ']PX^_'.includes(kind)) {
    // A string for the terminal itself (title, link, mark): nothing of it is shown.
    for (let end = body; end < text.length; end++) {
      const code = text.charCodeAt(end);
      if (code === 0x07 || code === 0x9c) return { final: '', parameters: '', end: end + 1 };
      if (code === ESC && text[end + 1] === '\\') return { final: '', parameters: '', end: end + 2 };
    }
    return { final: '', parameters: '', end: text.length };
  }
  // Charset choices such as ESC ( B have a byte between; all else is two characters long.
  const between = kind !== undefined && ' #%()*+-./'.includes(kind) ? 1 : 0;
  return { final: '', parameters: '', end: Math.min(body + between, text.length) };
}

const SET: Record<number, number> = {
  1: BOLD,
  2: DIM,
  3: ITALIC,
  4: UNDERLINE,
  7: INVERSE,
  8: HIDDEN,
  9: STRIKE,
  21: UNDERLINE,
};
const CLEAR: Record<number, number> = {
  22: BOLD | DIM,
  23: ITALIC,
  24: UNDERLINE,
  27: INVERSE,
  28: HIDDEN,
  29: STRIKE,
};

/** Select Graphic Rendition: what stands between ESC [ and m. */
export function applySgr(style: Style, parameters: string): Style {
  if (parameters === '' || parameters === '0') return PLAIN;
  if (/[^0-9;:]/.test(parameters)) return style; // private, such as ESC [ > 4 ; 2 m
  let { fg, bg, flags } = style;
  const codes = parameters.split(';');
  for (let i = 0; i < codes.length; i++) {
    const sub = (codes[i] ?? '').split(':');
    const code = Number(sub[0]);
    if (code === 0) {
      fg = DEFAULT;
      bg = DEFAULT;
      flags = 0;
    } else if (code === 4 && sub[1] === '0') flags &= ~UNDERLINE;
    else if (SET[code] !== undefined) flags |= SET[code];
    else if (CLEAR[code] !== undefined) flags &= ~CLEAR[code];
    else if (code >= 30 && code <= 37) fg = code - 30;
    else if (code >= 40 && code <= 47) bg = code - 40;
    else if (code >= 90 && code <= 97) fg = code - 82;
    else if (code >= 100 && code <= 107) bg = code - 92;
    else if (code === 39) fg = DEFAULT;
    else if (code === 49) bg = DEFAULT;
    else if (code === 38 || code === 48 || code === 58) {
      const [colour, used] = sub.length > 1 ? [colonColour(sub), 0] : semicolonColour(codes, i);
      i += used;
      if (colour !== null && code === 38) fg = colour;
      if (colour !== null && code === 48) bg = colour;
    }
  }
  return fg === DEFAULT && bg === DEFAULT && flags === 0 ? PLAIN : { fg, bg, flags };
}

/** 38;5;N and 38;2;R;G;B, and how many codes that took. */
function semicolonColour(codes: string[], at: number): [Colour | null, number] {
  if (codes[at + 1] === '5') return [palette(codes[at + 2]), 2];
  if (codes[at + 1] === '2') return [rgb(codes[at + 2], codes[at + 3], codes[at + 4]), 4];
  return [null, 1];
}

/** 38:5:N, 38:2:R:G:B and 38:2:SPACE:R:G:B. */
function colonColour(sub: string[]): Colour | null {
  if (sub[1] === '5') return palette(sub[2]);
  if (sub[1] !== '2') return null;
  return sub.length > 5 ? rgb(sub[3], sub[4], sub[5]) : rgb(sub[2], sub[3], sub[4]);
}

function palette(text: string | undefined): Colour | null {
  const value = Number(text ?? '');
  return value >= 0 && value <= 255 ? value : null;
}

function rgb(...parts: (string | undefined)[]): Colour | null {
  let colour = 0;
  for (const part of parts) {
    const value = Number(part);
    if (!(value >= 0 && value <= 255)) return null;
    colour = colour * 256 + value;
  }
  return TRUE_COLOUR + colour;
}
