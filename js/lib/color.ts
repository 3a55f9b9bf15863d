// Colour scales: perceptually uniform and readable with any colour vision.

export type Rgb = readonly [number, number, number];
export type Scale = (part: number) => Rgb;

// Ten stops each of matplotlib's viridis and cividis; linear between them.
const VIRIDIS = "4401544828783e498931688e26828e1f9e8935b7796ece58b5de2bfde725";
// From blue over white (on dark pages: black) to orange: in OKLab the lightness changes evenly from
// the middle to both ends; hues that people without red or green tell apart. Also in static/scales.py.
const DIVERGING = "0042992f66b55f8ac98eaddbc0d1eaf5f5f5e6c9b8d29f80bb7548a14b00733300";
const DIVERGING_DARK = "80c5ff60a3da5182aa42627d3443512626264e3e3176573da17149cd8c55fba962";
const CIVIDIS = "00224e1235703b496c575d6d7071738a8678a59c74c3b369e1cc55fee838";

function scaleOf(digits: string): Scale {
  const stops: Rgb[] = [];
  for (let at = 0; at < digits.length; at += 6) stops.push(parseHex(digits.slice(at, at + 6)));
  return (part) => {
    const place = Math.min(1, Math.max(0, part)) * (stops.length - 1);
    const low = Math.min(stops.length - 2, Math.floor(place));
    return mix(stops[low]!, stops[low + 1]!, place - low);
  };
}

/** Dark violet to yellow, for magnitudes. */
export const viridis = scaleOf(VIRIDIS);
/** Dark blue to yellow; the same for people who see no red or no green. */
export const cividis = scaleOf(CIVIDIS);

/** Around a middle of 0.5: blue below, orange above. */
export const diverging = scaleOf(DIVERGING);
export const divergingOnDark = scaleOf(DIVERGING_DARK);

/** "#1f66d1" or "1f66d1" as [r, g, b]. */
export function parseHex(hex: string): Rgb {
  const value = parseInt(hex.replace("#", ""), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

/** Between two colours: part 0 is the first, 1 the second. */
export function mix(first: Rgb, second: Rgb, part: number): Rgb {
  const between = (a: number, b: number) => Math.round(a + (b - a) * part);
  return [
    between(first[0], second[0]),
    between(first[1], second[1]),
    between(first[2], second[2]),
  ];
}

export function css([red, green, blue]: Rgb, alpha = 1): string {
  return alpha === 1 ? `rgb(${red} ${green} ${blue})` : `rgb(${red} ${green} ${blue} / ${alpha})`;
}

/** How light a colour looks, 0 to 1 (sRGB relative luminance). */
export function luminance(colour: Rgb): number {
  const [red, green, blue] = colour.map((channel) => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Black or white, whichever reads better on this colour. */
export function inkOn(colour: Rgb): string {
  return luminance(colour) > 0.19 ? "#101114" : "#ffffff"; // equal contrast lies at about 0.19
}

/** The tokens of the lines of a chart, in order of use. */
export const LINE_TOKENS = ["train", "val", "third", "fourth", "fifth", "sixth"] as const;
