import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BOLD, DEFAULT, DIM, INVERSE, PLAIN, TRUE_COLOUR } from '../src/lib/ansi';
import { contrast, DARK, LIGHT, Painter, type Rgb, type Theme } from '../src/lib/colours';

const themes: [string, Theme][] = [
  ['dark', DARK],
  ['light', LIGHT],
];
const read = (css: string | null): Rgb | null => (css?.match(/\d+/g)?.map(Number) as unknown as Rgb) ?? null;

describe.each(themes)('in the %s theme', (_, theme) => {
  const painter = new Painter(theme);
  const contrastOf = (style: typeof PLAIN) => {
    const paint = painter.paint(style);
    return contrast(read(paint.ink) ?? theme.ink, read(paint.ground) ?? theme.ground);
  };

  it('every colour of the palette can be read on the ground, bold and dim too', () => {
    for (let fg = 0; fg < 256; fg++) {
      for (const flags of [0, BOLD, DIM]) {
        expect(contrastOf({ fg, bg: DEFAULT, flags }), `colour ${fg}, flags ${flags}`).toBeGreaterThanOrEqual(4.5);
      }
    }
  });

  it('every colour can be read on every other', () => {
    for (let fg = -1; fg < 256; fg += 5) {
      for (let bg = 0; bg < 256; bg += 3) {
        expect(contrastOf({ fg, bg, flags: 0 }), `${fg} on ${bg}`).toBeGreaterThanOrEqual(4.5);
        expect(contrastOf({ fg, bg, flags: INVERSE }), `${fg} on ${bg} inverse`).toBeGreaterThanOrEqual(4.5);
      }
    }
  });

  it('true colour can be read, even that of the ground itself', () => {
    const [r, g, b] = theme.ground;
    expect(contrastOf({ fg: TRUE_COLOUR + r * 65536 + g * 256 + b, bg: DEFAULT, flags: 0 })).toBeGreaterThanOrEqual(
      4.5,
    );
  });

  it('plain text is left to the style sheet', () => {
    expect(painter.paint(PLAIN)).toEqual({ ink: null, ground: null });
  });
});

it('keeps a colour that can be read as it is', () => {
  expect(new Painter(DARK).paint({ fg: TRUE_COLOUR + 0x00ff00, bg: DEFAULT, flags: 0 }).ink).toBe('rgb(0 255 0)');
});

it("has the style sheet's grounds", () => {
  const grounds = [...readFileSync('src/styles/tokens.css', 'utf8').matchAll(/--log-ground: #(\w{6})/g)];
  const hex = (colour: Rgb) => colour.map((part) => part.toString(16).padStart(2, '0')).join('');
  expect(grounds.map((found) => found[1])).toEqual([hex(LIGHT.ground), hex(DARK.ground)]);
});
