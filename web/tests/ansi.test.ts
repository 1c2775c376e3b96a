import { describe, expect, it } from 'vitest';
import {
  BOLD,
  DEFAULT,
  DIM,
  INVERSE,
  ITALIC,
  PLAIN,
  parseLine,
  plainText,
  TRUE_COLOUR,
  UNDERLINE,
} from '../src/lib/ansi';

const parse = (text: string, start = PLAIN) => parseLine(text, start);
const shown = (text: string) => plainText(parse(text).runs);

describe('colours', () => {
  it('leave plain text alone', () => {
    expect(parse('plain')).toEqual({ runs: [{ text: 'plain', style: PLAIN }], end: PLAIN });
  });

  it.each([
    ['31', 1],
    ['97', 15],
    ['38;5;208', 208],
    ['38:5:208', 208],
    ['38;2;1;2;3', TRUE_COLOUR + 0x010203],
    ['38:2:1:2:3', TRUE_COLOUR + 0x010203],
    ['38:2::1:2:3', TRUE_COLOUR + 0x010203],
  ])('are read from %s', (code, fg) => {
    expect(parse(`\x1b[${code}mx`).runs[0]?.style).toEqual({ fg, bg: DEFAULT, flags: 0 });
  });

  it('of the ground and the letters mix with looks in one sequence', () => {
    expect(parse('\x1b[1;3;4;7;31;102mx').runs[0]?.style).toEqual({
      fg: 1,
      bg: 10,
      flags: BOLD | ITALIC | UNDERLINE | INVERSE,
    });
  });

  it('go on into the next line until they are reset', () => {
    const { end } = parse('\x1b[31mred');
    expect(parse('still red\x1b[0m plain', end).runs.map((run) => run.style.fg)).toEqual([1, DEFAULT]);
  });

  it('are switched off one by one', () => {
    expect(parse('\x1b[1;2;31;42m\x1b[22;39mx').runs[0]?.style).toEqual({ fg: DEFAULT, bg: 2, flags: 0 });
    expect(parse('\x1b[1;2m\x1b[mx').end).toBe(PLAIN);
    expect(parse('\x1b[2mx').end.flags).toBe(DIM);
  });

  it.each(['\x1b[38;5;999mx', '\x1b[38;2;1mx', '\x1b[38mx', '\x1b[>4;2mx', '\x1b[99999mx', '\x1b[;;;mx'])(
    'that are nonsense change nothing: %j',
    (text) => {
      expect(shown(text)).toBe('x');
      expect(parse(text).end.fg).toBe(DEFAULT);
    },
  );

  it('beside each other with the same look are one run', () => {
    expect(parse('a\x1b[?25lb\x07c').runs).toHaveLength(1);
  });
});

describe('a line that is written over', () => {
  it('shows its last state', () => {
    expect(shown('10%\r50%\r100%')).toBe('100%');
  });

  it("keeps its text when a terminal's line ends with a return", () => {
    expect(shown('done\r')).toBe('done');
    expect(shown('done\r\x1b[0m')).toBe('done');
  });

  it('is empty when it was erased', () => {
    expect(shown('travis_time:start:0a1b\r\x1b[0K')).toBe('');
    expect(shown('secret\x1b[2K')).toBe('');
    expect(shown('bar\x1b[1G\x1b[Kdone')).toBe('done');
  });

  it('loses nothing by erasing to the right of its end', () => {
    expect(shown('kept\x1b[K')).toBe('kept');
  });

  it('loses the marks before its text', () => {
    expect(shown('travis_fold:start:install\r\x1b[0Ktravis_time:start:0a\r\x1b[0K$ make')).toBe('$ make');
  });

  it('still hands its colours on', () => {
    expect(parse('\x1b[31mred\rnew').runs).toEqual([{ text: 'new', style: { fg: 1, bg: DEFAULT, flags: 0 } }]);
  });

  it('follows a spinner that rubs out', () => {
    expect(shown('|\b/\b-\bdone')).toBe('done');
    expect(shown('\b\bx')).toBe('x');
  });
});

describe('what is meant for a terminal alone', () => {
  it.each([
    ['\x1b]0;a title\x07text'],
    ['\x1b]8;;https://example.org\x1b\\text\x1b]8;;\x1b\\'],
    ['\x1bPdevice\x1b\\text'],
    ['\x1b_mark\x1b\\text'],
    ['\x1b(Btext'],
    ['\x1b=text'],
    ['\x1b[?2004h\x1b[3A\x1b[10;20Htext'],
    ['\x00\x07te\x01xt'],
    ['\x9b31mtext'],
  ])('is not shown: %j', (text) => {
    expect(shown(text)).toBe('text');
  });

  it.each(['text\x1b', 'text\x1b[', 'text\x1b[31', 'text\x1b]0;never ends', 'text\x1b('])(
    'may break off: %j',
    (text) => {
      expect(shown(text)).toBe('text');
    },
  );

  it('keeps tabs, which have a width', () => {
    expect(shown('a\tb')).toBe('a\tb');
  });
});
