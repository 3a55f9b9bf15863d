// The points of a projection: one a row of the table.

import { formatNumber } from "../lib/format";
import type { TensorRecord } from "../lib/records";
import type { Theme } from "../lib/theme";

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
    context.fillStyle = this.theme.color("accent");
    context.globalAlpha = 0.55;
    this.xs.forEach((_, i) => this.dot(context, i, 3));
    context.globalAlpha = 1;
  }

  drawMark(context: CanvasRenderingContext2D, row: number): void {
    context.fillStyle = this.theme.color("val");
    this.dot(context, row, 5);
  }

  private dot(context: CanvasRenderingContext2D, row: number, radius: number): void {
    context.beginPath();
    context.arc(this.xs[row]!, this.ys[row]!, radius, 0, 2 * Math.PI);
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
    const [x, y] = this.record.points.data.subarray(2 * row, 2 * row + 2);
    return { value: `${formatNumber(x, 3)}, ${formatNumber(y, 3)}`, kind: "at" };
  }
}
