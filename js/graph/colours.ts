// Colours: one per family of operations (told apart by the colour-blind as well), mixed into the
// host's own background, so that they suit any light or dark theme.

import { css, mix, parseHex, type Rgb } from "../lib/color";
import type { Theme } from "../lib/theme";

// Families that do the learning have strong colours; plumbing is grey. The same table is in
// nbdl/inspection/static/graph.py.
const FAMILIES: Record<string, [light: string, dark: string]> = {
  convolution: ["#1f66d1", "#6aa5ff"],
  linear: ["#5a4bc4", "#a99bff"],
  attention: ["#9440a8", "#d08ae6"],
  recurrent: ["#b3336b", "#f587b3"],
  embedding: ["#8a5a1c", "#d9a566"],
  normalization: ["#0b7a5e", "#4fc9a4"],
  activation: ["#c4560b", "#ff9d4d"],
  pooling: ["#0f7f9e", "#5cc4e0"],
  random: ["#7a6a00", "#d6c04a"],
  loss: ["#c0262d", "#ff7b7b"],
  parameter: ["#7a6a00", "#d6c04a"],
  input: ["#3d4450", "#c4c9d2"],
  output: ["#3d4450", "#c4c9d2"],
  gradient: ["#8a3b12", "#e0a184"],
  oneDNN: ["#1f66d1", "#6aa5ff"],
  loop: ["#0b7a5e", "#4fc9a4"],
  "special loop": ["#9440a8", "#d08ae6"],
  NumPy: ["#c4560b", "#ff9d4d"],
  added: ["#0b7a5e", "#4fc9a4"],
  removed: ["#c0262d", "#ff7b7b"],
  changed: ["#b06a00", "#ffb44d"],
  reshaped: ["#1f66d1", "#6aa5ff"],
};
const PLAIN: [string, string] = ["#7b828e", "#8f97a5"];

export interface Paint {
  fill: string;
  stroke: string;
  /** The bar at the left end. */
  mark: string;
}

export interface Palette {
  dark: boolean;
  background: string;
  text: string;
  muted: string;
  faint: string;
  edge: string;
  accent: string;
  bad: string;
  /** Of an expanded group, by depth. */
  group(depth: number): Paint;
  family(name: string): Paint;
  /** Has this family a colour of its own? */
  named(family: string): boolean;
  /** Of the operation that failed. */
  failed: Paint;
  /** Of a measure between 0 and 1. */
  heat(share: number): Paint;
}

/** The palette of the theme as it is now; `read` gives a design token's value. */
export function palette(dark: boolean, read: (token: string) => string): Palette {
  const background = parse(read("bg"), dark ? [22, 24, 29] : [255, 255, 255]);
  const text = parse(read("text"), dark ? [228, 230, 234] : [29, 33, 41]);
  const towards = (colour: Rgb, share: number) => css(mix(background, colour, share));
  const paint = (colour: Rgb, fill: number, stroke: number): Paint => ({
    fill: towards(colour, fill),
    stroke: towards(colour, stroke),
    mark: css(colour),
  });
  const families = new Map<string, Paint>();
  return {
    dark,
    background: css(background),
    text: css(text),
    muted: towards(text, 0.66),
    faint: towards(text, 0.4),
    edge: towards(text, 0.5),
    accent: read("accent"),
    bad: read("bad"),
    group: (depth) => paint(text, depth % 2 === 0 ? 0.035 : 0.065, 0.22),
    family: (name) => {
      let found = families.get(name);
      if (!found) {
        const [light, bright] = FAMILIES[name] ?? PLAIN;
        found = paint(parse(dark ? bright : light, text), dark ? 0.16 : 0.1, dark ? 0.5 : 0.45);
        families.set(name, found);
      }
      return found;
    },
    failed: paint(parse(read("bad"), [192, 38, 45]), 0.14, 1),
    named: (family) => family in FAMILIES,
    heat: (share) => {
      const strong = parse(dark ? "#ff9d4d" : "#c4560b", text);
      const amount = 0.04 + 0.5 * Math.min(Math.max(share, 0), 1);
      return { fill: towards(strong, amount), stroke: towards(strong, 0.6), mark: css(strong) };
    },
  };
}

export function paletteOf(theme: Theme): Palette {
  return palette(theme.dark, (token) => theme.color(token));
}

/** Colours as browsers compute them: rgb(…), color(srgb …), or #rrggbb. */
export function parse(colour: string, otherwise: Rgb): Rgb {
  if (/^#[0-9a-f]{6}$/i.test(colour.trim())) return parseHex(colour.trim());
  const numbers = colour.match(/[\d.]+(?:e-?\d+)?/g)?.map(Number) ?? [];
  if (numbers.length < 3) return otherwise;
  const scale = colour.startsWith("color(") ? 255 : 1;
  return [numbers[0]! * scale, numbers[1]! * scale, numbers[2]! * scale];
}
