// What stands in a cell: its colour, its sign where it is no number, and where it lies in the tensor.

import { diverging, divergingOnDark, parseHex, viridis, type Rgb, type Scale } from "../lib/color";
import { formatNumber } from "../lib/format";
import type { TensorAxis, TensorRecord } from "../lib/records";
import type { Theme } from "../lib/theme";
import type { Place, Shape } from "./panels";

/** Of what is no number: NaN, ∞, −∞, masked. */
export const SIGNS = ["", "×", "+", "−", ""] as const;
export const NOT_A_NUMBER = "#d1006c";
const SAID = ["", "NaN", "∞", "−∞", "masked"] as const;

export function shapeOf(record: TensorRecord): Shape {
  const [panels = 0, rows = 0, columns = 0] = record.cells.shape;
  return { panels, rows, columns };
}

export function indexOf(record: TensorRecord, { panel, row, column }: Place): number {
  const { rows, columns } = shapeOf(record);
  return (panel * rows + row) * columns + column;
}

export function axisOf(record: TensorRecord, role: string): TensorAxis | undefined {
  return record.axes.find((axis) => axis.role === role);
}

/** The colours of numbers: parts of the way from the low to the high end. */
export function scaleOf(record: TensorRecord, theme: Theme): Scale {
  if (record.palette !== "diverging") return viridis;
  return theme.dark ? divergingOnDark : diverging;
}

/** How far a number lies from the low end to the high one; halved, as their distance may overflow. */
export function shareOf({ low, high }: TensorRecord, value: number): number {
  const span = high / 2 - low / 2;
  return span > 0 ? (value / 2 - low / 2) / span : 0.5;
}

/** The colour of each cell. */
export class Colours {
  private readonly scale: Scale;
  private readonly signs: Rgb[];

  constructor(
    private readonly record: TensorRecord,
    theme: Theme,
  ) {
    this.scale = scaleOf(record, theme);
    const text = rgbOf(theme.color("text"));
    this.signs = [text, parseHex(NOT_A_NUMBER), text, text, rgbOf(theme.color("line"))];
  }

  of(index: number): Rgb {
    const { record } = this;
    const mark = record.marks.data[index] ?? 0;
    if (mark) return this.signs[mark]!;
    const { data } = record.image;
    if (record.mode === "image") return [data[3 * index]!, data[3 * index + 1]!, data[3 * index + 2]!];
    return this.scale(shareOf(record, record.cells.data[index]!));
  }
}

function rgbOf(text: string): Rgb {
  const [red = 128, green = 128, blue = 128] = (text.match(/[\d.]+/g) ?? []).map(Number);
  // color-mix comes back as color(srgb 0.1 0.2 0.3).
  return text.startsWith("color") ? [255 * red, 255 * green, 255 * blue] : [red, green, blue];
}

/** Where a cell lies: "[3, 0, 4:8, 7]". */
export function addressOf(record: TensorRecord, { panel, row, column }: Place): string {
  const at: Record<string, number> = { panels: panel, rows: row, columns: column };
  const parts = record.axes.map(({ role, start, stop, every }) => {
    if (role === "colour") return ":";
    const first = start + (at[role] ?? 0) * every;
    return every > 1 ? `${first}:${Math.min(stop, first + every)}` : String(first);
  });
  return `[${parts.join(", ")}]`;
}

/** The number of a cell in words, and what kind of number it is. */
export function saidOf(record: TensorRecord, place: Place): { value: string; kind: string } {
  const index = indexOf(record, place);
  const mark = record.marks.data[index] ?? 0;
  const shared = record.axes.filter(({ every }) => every > 1).map(({ every }) => every);
  const colours = axisOf(record, "colour")?.size ?? 1;
  const mean = shared.length ? `mean of ${shared.join("×")}` : colours > 1 ? "mean of the colours" : "value";
  if (mark) return { value: SAID[mark]!, kind: shared.length ? "among the numbers" : "value" };
  return { value: formatNumber(record.cells.data[index], 6), kind: mean };
}
