// A heat map on a canvas: rows by name, columns by step, colour by the logarithm of a positive
// number. NaN and infinity are marked, not coloured. It can be walked with the arrow keys, and every
// cell it points at is also said in words.

import { spacing } from "./axis";
import { css, type Scale } from "./color";
import { h, on, setText, svg } from "./dom";
import { formatNumber, shorten } from "./format";
import type { Theme } from "./theme";
import { Tooltip } from "./tooltip";

export interface HeatMapData {
  rows: readonly string[];
  steps: readonly number[];
  /** values[column][row]: magnitudes; what is negative is no number at all. */
  values: readonly Float32Array[];
  /** What the numbers are, for the legend and for readers: 'gradient norm'. */
  label: string;
  /** Shares between 0 and 1: coloured as they are, not by their logarithm. */
  share: boolean;
}

export interface HeatMapOptions {
  theme: Theme;
  scale: Scale;
  /** Nodes of the tooltip of a cell, and the same in one sentence. */
  describe(row: number, column: number): { nodes: Node[]; text: string };
  /** A row's name was clicked, or Enter pressed in it; false where that means nothing. */
  onRow(row: number): boolean;
  signal: AbortSignal;
}

const LABEL_FONT = "11px";
const FOOT = 24;
const MAX_LABEL = 28;

export class HeatMap {
  readonly element: HTMLElement;
  private readonly canvas = h("canvas", { "aria-hidden": "true" });
  private readonly area: HTMLElement;
  private readonly spoken = h("span", { class: "unseen", "aria-live": "polite" });
  private readonly legend = h("div", { class: "heat-legend" });
  private readonly tooltip: Tooltip;
  private data: HeatMapData = { rows: [], steps: [], values: [], label: "", share: false };
  /** The cell that was clicked keeps its tooltip until another one is, or Escape is pressed. */
  private pinned = false;
  /** Where the map was then: a tooltip does not scroll with it. */
  private pinnedAt = 0;
  private at: { row: number; column: number } | undefined;
  /** What is drawn without the mark: moving the mark copies it back. */
  private readonly drawn = h("canvas");
  private width = 0;
  private left = 0;

  constructor(private readonly options: HeatMapOptions) {
    this.area = h(
      "div",
      { class: "heat-area", tabindex: 0, role: "application", "aria-label": this.label() },
      this.canvas,
    );
    this.element = h("div", { class: "heat" }, this.area, this.legend, this.spoken);
    this.tooltip = new Tooltip(this.element);
    const { signal } = options;
    on(this.area, "pointermove", (event) => this.pinned || this.point(event), signal);
    on(this.area, "pointerleave", () => this.pinned || this.forget(), signal);
    on(this.area, "click", (event) => this.click(event), signal);
    on(this.area, "blur", () => this.forget(), signal);
    document.addEventListener("scroll", () => this.moved(), { capture: true, signal });
    on(this.area, "keydown", (event) => this.key(event), signal);
    options.theme.onChange(() => this.draw(), signal);
  }

  /** Show these numbers, `width` pixels wide. */
  show(data: HeatMapData, width: number): void {
    const same = data.rows.length === this.data.rows.length && data.label === this.data.label;
    this.data = data;
    this.width = width;
    if (!same) this.forget();
    this.area.setAttribute("aria-label", this.label());
    this.draw();
  }

  private label(): string {
    const { rows, steps, label } = this.data;
    return (
      `Heat map of the ${label}: ${rows.length} layers, ${steps.length} samples. ` +
      "Arrow keys walk the cells, Enter keeps one or opens a group."
    );
  }

  private get rowHeight(): number {
    return Math.min(24, Math.max(12, Math.floor(440 / Math.max(1, this.data.rows.length))));
  }

  /** How many columns are drawn: several steps share one where there are more than pixels. */
  private get columns(): number {
    const room = Math.max(1, this.width - this.left - 1);
    return Math.max(1, Math.min(this.data.steps.length, Math.floor(room / 2)));
  }

  private samples(column: number): [number, number] {
    const { length } = this.data.steps;
    const from = Math.floor((column * length) / this.columns);
    return [from, Math.max(from + 1, Math.floor(((column + 1) * length) / this.columns))];
  }

  private draw(): void {
    const { rows, steps } = this.data;
    if (this.width <= 0 || rows.length === 0 || steps.length === 0) return;
    const context = this.canvas.getContext("2d");
    if (!context) return;
    const font = getComputedStyle(this.area).fontFamily || "sans-serif";
    context.font = `${LABEL_FONT} ${font}`;
    const longest = Math.max(...rows.map((row) => context.measureText(shorten(row, MAX_LABEL)).width));
    this.left = Math.min(this.width * 0.4, Math.ceil(longest) + 12);
    const height = rows.length * this.rowHeight + FOOT;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.cssText = `width:${this.width}px;height:${height}px`;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.font = `${LABEL_FONT} ${font}`;
    const range = this.data.share ? ([0, 1] as const) : logRange(this.data.values);
    this.drawCells(context, range);
    this.drawLabels(context);
    this.drawLegend(range);
    this.drawn.width = this.canvas.width;
    this.drawn.height = this.canvas.height;
    this.drawn.getContext("2d")?.drawImage(this.canvas, 0, 0);
    this.drawMark();
  }

  private drawCells(context: CanvasRenderingContext2D, [low, high]: readonly [number, number]): void {
    const { theme, scale } = this.options;
    const width = (this.width - this.left) / this.columns;
    const gap = this.rowHeight >= 12 ? 1 : 0;
    const bad = theme.color("bad");
    const none = theme.color("line");
    for (let column = 0; column < this.columns; column++) {
      const [from, to] = this.samples(column);
      const x = this.left + column * width;
      for (let row = 0; row < this.data.rows.length; row++) {
        const value = worst(this.data.values, from, to, row);
        const finite = Number.isFinite(value);
        const place = this.data.share ? value : Math.log10(value);
        const part = high > low ? (place - low) / (high - low) : 0.5;
        const shown = value > 0 || (value === 0 && this.data.share);
        context.fillStyle = !finite ? bad : shown ? css(scale(part)) : none;
        context.fillRect(x, row * this.rowHeight, width + 0.5, this.rowHeight - gap);
        if (!finite) this.cross(context, x, row * this.rowHeight, width);
      }
    }
  }

  /** A cell that is no number is known by its shape too, not by colour alone. */
  private cross(context: CanvasRenderingContext2D, x: number, y: number, width: number): void {
    const size = Math.min(width, this.rowHeight) - 4;
    if (size < 3) return;
    const [left, top] = [x + (width - size) / 2, y + (this.rowHeight - size) / 2];
    context.strokeStyle = this.options.theme.color("bg");
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(left, top);
    context.lineTo(left + size, top + size);
    context.moveTo(left + size, top);
    context.lineTo(left, top + size);
    context.stroke();
  }

  private drawLabels(context: CanvasRenderingContext2D): void {
    const { rows, steps } = this.data;
    context.fillStyle = this.options.theme.color("text");
    context.textBaseline = "middle";
    context.textAlign = "right";
    const every = Math.ceil(12 / this.rowHeight);
    for (let row = 0; row < rows.length; row += every) {
      const y = row * this.rowHeight + this.rowHeight / 2;
      context.fillText(shorten(rows[row]!, MAX_LABEL), this.left - 8, y, this.left - 8);
    }
    context.fillStyle = this.options.theme.color("muted");
    this.drawSteps(context, steps, rows.length * this.rowHeight + FOOT / 2);
  }

  /** The first step, the last, and between them every so many samples, a round number of them. */
  private drawSteps(context: CanvasRenderingContext2D, steps: readonly number[], y: number): void {
    const room = this.width - this.left;
    const last = steps.length - 1;
    context.textAlign = "left";
    context.fillText(`step ${formatNumber(steps[0])}`, this.left, y);
    if (last === 0) return;
    context.textAlign = "right";
    context.fillText(formatNumber(steps[last]), this.width, y);
    context.textAlign = "center";
    const every = spacing(steps.length, room / 96, true);
    for (let index = every; index < last; index += every) {
      const x = this.left + ((index + 0.5) / steps.length) * room;
      if (x > this.left + 64 && x < this.width - 48) context.fillText(formatNumber(steps[index]), x, y);
    }
  }

  private drawMark(): void {
    const context = this.canvas.getContext("2d");
    if (!context || this.drawn.width === 0) return;
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.drawImage(this.drawn, 0, 0);
    context.restore();
    if (!this.at) return;
    const width = (this.width - this.left) / this.columns;
    const x = this.left + this.at.column * width;
    const y = this.at.row * this.rowHeight;
    context.strokeStyle = this.options.theme.color("text");
    context.lineWidth = 1.5;
    context.strokeRect(x - 0.5, y - 0.5, Math.max(4, width) + 1, this.rowHeight);
  }

  private drawLegend([low, high]: readonly [number, number]): void {
    const { scale } = this.options;
    const { share, label } = this.data;
    const stops = Array.from({ length: 9 }, (_, i) => css(scale(i / 8))).join(",");
    const bar = h("span", { class: "heat-bar", style: `background:linear-gradient(90deg,${stops})` });
    const bad = svg("svg", { viewBox: "0 0 10 10", class: "heat-bad", "aria-hidden": "true" });
    bad.append(svg("path", { d: "M2.5 2.5l5 5M7.5 2.5l-5 5" }));
    this.legend.replaceChildren(
      h("span", { class: "muted" }, label),
      share ? "0 %" : formatNumber(10 ** low, 2),
      bar,
      share ? "100 %" : formatNumber(10 ** high, 2),
      h("span", { class: "heat-key" }, h("i", { class: "heat-zero" }), share ? "none" : "0 or none"),
      h("span", { class: "heat-key" }, bad, "NaN or ∞"),
    );
  }

  /** The cell below the pointer; column -1 is the row's name. */
  private cell(event: MouseEvent): { row: number; column: number } | undefined {
    const box = this.canvas.getBoundingClientRect();
    const x = event.clientX - box.left - this.left;
    const column = x < 0 ? -1 : Math.floor((x / (this.width - this.left)) * this.columns);
    const row = Math.floor((event.clientY - box.top) / this.rowHeight);
    const outside = column >= this.columns || row < 0 || row >= this.data.rows.length;
    return outside ? undefined : { row, column };
  }

  private point(event: MouseEvent): void {
    const cell = this.cell(event);
    if (!cell || cell.column < 0) this.forget();
    else this.choose(cell.row, cell.column, event.clientX, event.clientY);
  }

  private click(event: MouseEvent): void {
    const cell = this.cell(event);
    const again = this.pinned && cell?.row === this.at?.row && cell?.column === this.at?.column;
    this.forget();
    if (!cell || again) return;
    if (cell.column < 0) {
      this.options.onRow(cell.row);
      return;
    }
    this.choose(cell.row, cell.column, event.clientX, event.clientY);
    this.pin();
  }

  private pin(): void {
    this.pinned = true;
    this.pinnedAt = this.canvas.getBoundingClientRect().top;
  }

  private moved(): void {
    const now = this.canvas.getBoundingClientRect().top;
    if (this.pinned && Math.abs(now - this.pinnedAt) > 4) this.forget();
  }

  private choose(row: number, column: number, x: number, y: number): void {
    if (this.at?.row !== row || this.at.column !== column) {
      this.at = { row, column };
      this.drawMark();
    }
    const [, end] = this.samples(column);
    this.tooltip.show(x, y, ...this.options.describe(row, end - 1).nodes);
  }

  private forget(): void {
    this.pinned = false;
    this.tooltip.hide();
    if (!this.at) return;
    this.at = undefined;
    this.drawMark();
  }

  private key(event: KeyboardEvent): void {
    const moves: Record<string, readonly [number, number]> = {
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
      Home: [0, -this.columns],
      End: [0, this.columns],
    };
    if (event.key === "Escape") this.forget();
    if ((event.key === "Enter" || event.key === " ") && this.at) {
      event.preventDefault();
      if (this.pinned) this.forget();
      else if (!this.options.onRow(this.at.row)) this.pin();
    }
    const move = moves[event.key];
    if (!move || this.data.rows.length === 0) return;
    event.preventDefault();
    this.pinned = false;
    const from = this.at ?? { row: 0, column: this.columns - 1 - move[1] };
    const row = clamp(from.row + (this.at ? move[0] : 0), this.data.rows.length);
    const column = clamp(from.column + move[1], this.columns);
    const top = row * this.rowHeight;
    const { scrollTop, clientHeight } = this.area;
    if (top < scrollTop) this.area.scrollTop = top;
    else if (top + this.rowHeight > scrollTop + clientHeight) this.area.scrollTop = top + this.rowHeight - clientHeight;
    const box = this.canvas.getBoundingClientRect();
    const x = this.left + ((column + 0.5) / this.columns) * (this.width - this.left);
    this.choose(row, column, box.left + x, box.top + (row + 1) * this.rowHeight);
    setText(this.spoken, this.options.describe(row, this.samples(column)[1] - 1).text);
  }
}

function clamp(value: number, length: number): number {
  return Math.min(length - 1, Math.max(0, value));
}

/** The number that matters most among samples that share a column: what is no number, else the
 *  greatest. */
function worst(values: readonly Float32Array[], from: number, to: number, row: number): number {
  let found = -1;
  for (let at = from; at < to; at++) {
    const value = values[at]![row]!;
    if (!Number.isFinite(value)) return value;
    if (value > found) found = value;
  }
  return found;
}

/** The powers of ten between which the positive numbers lie; one unlucky sample does not stretch it
 *  beyond 12 decades below the greatest. */
export function logRange(values: readonly Float32Array[]): readonly [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const column of values) {
    for (const value of column) {
      if (!(value > 0) || !Number.isFinite(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (low > high) return [-1, 0];
  const top = Math.log10(high);
  return [Math.max(Math.log10(low), top - 12), top];
}

