import { BOLD, type Colour, DEFAULT, DIM, INVERSE, type Style, TRUE_COLOUR } from './ansi';

export type Rgb = readonly [number, number, number];

/** A ground to write on, its own ink, and the sixteen colours that programs ask for by number. */
export interface Theme {
  ground: Rgb;
  ink: Rgb;
  sixteen: readonly Rgb[];
}

const hex = (text: string): Rgb => {
  const value = Number.parseInt(text, 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
};

const sixteen = (text: string) => text.split(' ').map(hex);

// The grounds are --log-ground of styles/tokens.css: a test holds both to it.
export const DARK: Theme = {
  ground: hex('10141a'),
  ink: hex('d5dbe3'),
  sixteen: sixteen(
    '7d8794 f0776f 5fc27e d9a94a 6ba8f5 c88cf0 4fc1c9 d5dbe3 8d97a5 ff938b 7fdc9b efc36b 8fc0ff dca8ff 77dbe2 ffffff',
  ),
};

export const LIGHT: Theme = {
  ground: hex('fbfcfd'),
  ink: hex('1d2530'),
  sixteen: sixteen(
    '1d2530 b3261e 1a6b35 7d5600 1d56b8 7a2fa8 0b6570 59626e 59626e c4302b 1f7a3d 8a5f00 2563cc 8a3bbd 0f7280 3a434e',
  ),
};

/** WCAG AA for text of this size. */
const FLOOR = 4.5;

/** The colours to draw a style with. Null is the page's own: nothing needs to be set. */
export interface Paint {
  ink: string | null;
  ground: string | null;
}

/** Draws on a theme, and remembers: a log has few styles and many lines. */
export class Painter {
  private readonly known = new Map<string, Paint>();

  constructor(readonly theme: Theme) {}

  paint(style: Style): Paint {
    if (style.fg === DEFAULT && style.bg === DEFAULT && !(style.flags & (INVERSE | DIM))) return NOTHING;
    const key = `${style.fg},${style.bg},${style.flags & (INVERSE | DIM | BOLD)}`;
    let paint = this.known.get(key);
    if (!paint) {
      paint = this.mix(style);
      this.known.set(key, paint);
      // True colour can make a new style for every letter (lolcat); what is remembered stays bounded.
      if (this.known.size > 4096) this.known.clear();
    }
    return paint;
  }

  private mix(style: Style): Paint {
    const bold = style.fg >= 0 && style.fg < 8 && style.flags & BOLD ? style.fg + 8 : style.fg;
    let ink = this.rgb(bold) ?? this.theme.ink;
    let ground = this.rgb(style.bg);
    if (style.flags & INVERSE) [ink, ground] = [ground ?? this.theme.ground, ink];
    const under = ground ?? this.theme.ground;
    if (style.flags & DIM) ink = blend(ink, under, 0.35);
    return { ink: css(readable(ink, under)), ground: ground && css(ground) };
  }

  private rgb(colour: Colour): Rgb | null {
    if (colour === DEFAULT) return null;
    if (colour >= TRUE_COLOUR) return [(colour >> 16) & 255, (colour >> 8) & 255, colour & 255];
    if (colour < 16) return this.theme.sixteen[colour] ?? null;
    if (colour >= 232) {
      const grey = 8 + (colour - 232) * 10;
      return [grey, grey, grey];
    }
    const step = (n: number) => (n === 0 ? 0 : 55 + n * 40);
    const cube = colour - 16;
    return [step(Math.floor(cube / 36)), step(Math.floor(cube / 6) % 6), step(cube % 6)];
  }
}

const NOTHING: Paint = { ink: null, ground: null };

/** The nearest ink of the same hue that can be read on `under`: moved towards black or white only as far as needed. */
export function readable(ink: Rgb, under: Rgb): Rgb {
  if (contrast(ink, under) >= FLOOR) return ink;
  const goal: Rgb = contrast([255, 255, 255], under) >= contrast([0, 0, 0], under) ? [255, 255, 255] : [0, 0, 0];
  for (let part = 0.1; part < 1; part += 0.1) {
    const lifted = blend(ink, goal, part);
    if (contrast(lifted, under) >= FLOOR) return lifted;
  }
  return goal;
}

/** The contrast of two colours as WCAG counts it: 1 to 21. */
export function contrast(one: Rgb, other: Rgb): number {
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

function luminance(colour: Rgb): number {
  const [r, g, b] = colour.map((part) => {
    const value = part / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function blend(one: Rgb, other: Rgb, part: number): Rgb {
  const mix = (a: number, b: number) => Math.round(a + (b - a) * part);
  return [mix(one[0], other[0]), mix(one[1], other[1]), mix(one[2], other[2])];
}

function css(colour: Rgb): string {
  return `rgb(${colour.join(' ')})`;
}
