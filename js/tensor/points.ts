// The points of a projection: one a row of the table.

import { formatNumber } from "../lib/format";
import type { TensorRecord } from "../lib/records";
import type { Theme } from "../lib/theme";

const COLOURS = ["train", "val", "third", "fourth", "fifth", "sixth"] as const;

/** Classes with a look of their own: six colours as discs, rings and squares. */
export const LOOKS = 3 * COLOURS.length;

const EDGE = 12;
const REACH = 14;

export class Points {
  private xs: number[] = [];
  private ys: number[] = [];

  constructor(
    private readonly record: TensorRecord,
    private readonly theme: Theme,
  ) {}

  draw(context: CanvasRenderingContext2D, width: number, height: number): void {
    const { data } = this.record.points;
    const [x, y] = [0, 1].map((side) => data.filter((_, i) => i % 2 === side)) as [Float32Array, Float32Array];
    const middle = (of: Float32Array) => (Math.min(...of) + Math.max(...of)) / 2;
    const span = (of: Float32Array) => Math.max(...of) - Math.min(...of) || 1;
    const scale = Math.min((width - 2 * EDGE) / span(x), (height - 2 * EDGE) / span(y));
    const [cx, cy] = [middle(x), middle(y)];
    this.xs = Array.from(x, (value) => width / 2 + (value - cx) * scale);
    this.ys = Array.from(y, (value) => height / 2 - (value - cy) * scale);
    context.strokeStyle = this.theme.color("line");
    context.strokeRect(0.5, 0.5, width - 1, height - 1);
    const { classes, codes } = this.record;
    this.xs.forEach((px, i) => dot(context, this.theme, px, this.ys[i]!, classes.length ? codes.data[i]! : 0));
  }

  drawMark(context: CanvasRenderingContext2D, row: number): void {
    context.fillStyle = this.theme.color("val");
    context.beginPath();
    context.arc(this.xs[row]!, this.ys[row]!, 5, 0, 2 * Math.PI);
    context.fill();
  }

  /** The point within reach of (x, y) that is nearest; -1: none. */
  nearest(x: number, y: number): number {
    let [found, best] = [-1, REACH];
    this.xs.forEach((px, row) => {
      const distance = Math.hypot(px - x, this.ys[row]! - y);
      if (distance < best) [found, best] = [row, distance];
    });
    return found;
  }

  place(row: number): [number, number] {
    return [this.xs[row]!, this.ys[row]!];
  }

  said(row: number): { value: string; kind: string } {
    const { classes, codes } = this.record;
    if (classes.length) return { value: classes[codes.data[row]!] ?? "none", kind: "label" };
    const [x, y] = this.record.points.data.subarray(2 * row, 2 * row + 2);
    return { value: `${formatNumber(x, 3)}, ${formatNumber(y, 3)}`, kind: "at" };
  }
}

/** One point in the look of its class; grey without one. */
export function dot(context: CanvasRenderingContext2D, theme: Theme, x: number, y: number, code: number): void {
  const known = code >= 0 && code < LOOKS;
  const shape = Math.floor(code / COLOURS.length);
  const colour = theme.color(known ? COLOURS[code % COLOURS.length]! : "faint");
  context.fillStyle = context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.globalAlpha = known && shape === 1 ? 1 : 0.6;
  context.beginPath();
  if (known && shape === 2) context.rect(x - 2.8, y - 2.8, 5.6, 5.6);
  else context.arc(x, y, known ? 3 : 2.4, 0, 2 * Math.PI);
  if (known && shape === 1) context.stroke();
  else context.fill();
  context.globalAlpha = 1;
}
