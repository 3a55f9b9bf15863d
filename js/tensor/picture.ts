// The picture of a tensor's part: panels of cells, or points; walked by pointer and keys.

import { inkOn } from "../lib/color";
import { h, on, setText } from "../lib/dom";
import { formatNumber } from "../lib/format";
import type { TensorRecord } from "../lib/records";
import type { Theme } from "../lib/theme";
import { facts, Tooltip } from "../lib/tooltip";
import { addressOf, axisOf, Colours, saidOf, shapeOf, SIGNS } from "./cells";
import { bound, corner, fit, placeAt, type Grid, type Place } from "./panels";
import { Points } from "./points";

const HIGH = 400;

export interface PictureEvents {
  /** Someone wants to keep a number: its address and what it is. */
  onPin(address: string, value: string): void;
  /** Someone wants these cells alone: from one corner to the other. */
  onZoom(from: Place, to: Place): void;
  onWhole(): void;
}

export class Picture {
  readonly element: HTMLElement;
  private readonly canvas = h("canvas", { "aria-hidden": "true" });
  private readonly spoken = h("span", { class: "unseen", "aria-live": "polite" });
  private readonly tooltip: Tooltip;
  private readonly still = h("canvas");
  private record: TensorRecord | undefined;
  private points: Points | null = null;
  private grid: Grid = { across: 1, width: 0, height: 0, head: 0 };
  private at: Place | null = null;
  private from: Place | null = null;
  private width = 0;

  constructor(
    private readonly theme: Theme,
    private readonly events: PictureEvents,
    signal: AbortSignal,
  ) {
    this.element = h("div", { class: "cells", tabindex: 0, role: "application" }, this.canvas, this.spoken);
    this.tooltip = new Tooltip(this.element);
    on(this.element, "pointermove", (event) => this.point(event), signal);
    on(this.element, "pointerdown", (event) => this.press(event), signal);
    on(this.element, "pointerup", (event) => this.release(event), signal);
    on(this.element, "pointerleave", () => this.forget(), signal);
    on(this.element, "blur", () => this.forget(), signal);
    on(this.element, "dblclick", () => this.zoom(0.25), signal);
    on(this.element, "keydown", (event) => this.key(event), signal);
  }

  show(record: TensorRecord, width: number): void {
    this.record = record;
    this.width = width;
    this.points = record.points.shape[0] ? new Points(record, this.theme) : null;
    const { panels, rows, columns } = shapeOf(record);
    const what = this.points ? `${record.points.shape[0]} points` : `${panels} × ${rows} × ${columns} cells`;
    this.element.setAttribute("aria-label", `Picture of ${record.title || record.kind}: ${what}. ` +
      "Arrow keys walk, Enter keeps a number, plus and minus zoom.");
    this.draw();
  }

  // ----- drawing ---------------------------------------------------------------------------

  draw(): void {
    const { record, width } = this;
    const context = this.canvas.getContext("2d");
    if (!record || width <= 0 || !context) return;
    const shape = shapeOf(record);
    this.grid = fit(shape, width, HIGH, record.square);
    const [, top] = shape.panels ? corner(this.grid, shape, shape.panels - 1) : [0, 0];
    const height = this.points ? HIGH : Math.max(1, top + shape.rows * this.grid.height + 1);
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.cssText = `width:${width}px;height:${height}px`;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const font = getComputedStyle(this.element).fontFamily || "sans-serif";
    context.font = `11px ${font}`;
    if (this.points) this.points.draw(context, width, height);
    else if (shape.rows) this.drawPanels(context, record);
    this.still.width = this.canvas.width;
    this.still.height = this.canvas.height;
    this.still.getContext("2d")?.drawImage(this.canvas, 0, 0);
    this.drawMark();
  }

  private drawPanels(context: CanvasRenderingContext2D, record: TensorRecord): void {
    const shape = shapeOf(record);
    const { grid } = this;
    const colours = new Colours(record, this.theme);
    const axis = axisOf(record, "panels");
    const page = h("canvas", { width: shape.columns, height: shape.rows });
    const inside = page.getContext("2d");
    const pixels = inside?.createImageData(shape.columns, shape.rows);
    if (!inside || !pixels) return;
    for (let panel = 0; panel < shape.panels; panel++) {
      const [x, y] = corner(grid, shape, panel);
      const first = panel * shape.rows * shape.columns;
      for (let cell = 0; cell < shape.rows * shape.columns; cell++) {
        const [red, green, blue] = colours.of(first + cell);
        pixels.data.set([red, green, blue, 255], 4 * cell);
      }
      inside.putImageData(pixels, 0, 0);
      context.imageSmoothingEnabled = false;
      context.drawImage(page, x, y, shape.columns * grid.width, shape.rows * grid.height);
      context.strokeStyle = this.theme.color("line");
      context.lineWidth = 1;
      context.strokeRect(x - 0.5, y - 0.5, shape.columns * grid.width + 1, shape.rows * grid.height + 1);
      if (axis && grid.head) {
        context.fillStyle = this.theme.color("muted");
        context.textAlign = "left";
        context.textBaseline = "alphabetic";
        context.fillText(`${axis.name} ${axis.start + panel}`, x, y - 5, shape.columns * grid.width);
      }
    }
    this.drawWords(context, record, colours);
  }

  /** The numbers where cells are large enough, and a sign on what is none. */
  private drawWords(context: CanvasRenderingContext2D, record: TensorRecord, colours: Colours): void {
    const { grid } = this;
    const shape = shapeOf(record);
    if (grid.width < 9 || grid.height < 9) return;
    const written = grid.width >= 38 && grid.height >= 14 && record.mode !== "image";
    context.textAlign = "center";
    context.textBaseline = "middle";
    record.cells.data.forEach((value, index) => {
      const mark = record.marks.data[index] ?? 0;
      const said = mark ? SIGNS[mark]! : written ? formatNumber(value, grid.width > 46 ? 3 : 2) : "";
      if (!said) return;
      const column = index % shape.columns;
      const row = Math.floor(index / shape.columns) % shape.rows;
      const [x, y] = corner(grid, shape, Math.floor(index / shape.columns / shape.rows));
      context.fillStyle = inkOn(colours.of(index));
      context.fillText(said, x + (column + 0.5) * grid.width, y + (row + 0.5) * grid.height + 0.5);
    });
  }

  /** What is pointed at, and what is being marked to be seen alone. */
  private drawMark(): void {
    const context = this.canvas.getContext("2d");
    if (!context || !this.record || this.still.width === 0) return;
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.drawImage(this.still, 0, 0);
    context.restore();
    const at = this.at;
    if (!at) return;
    if (this.points) {
      this.points.drawMark(context, at.row);
      return;
    }
    const from = this.from ?? at;
    const [x, y] = corner(this.grid, shapeOf(this.record), at.panel);
    const [left, right] = [Math.min(from.column, at.column), Math.max(from.column, at.column) + 1];
    const [top, bottom] = [Math.min(from.row, at.row), Math.max(from.row, at.row) + 1];
    const { width, height } = this.grid;
    context.lineWidth = 2;
    context.strokeStyle = this.theme.color("accent");
    context.strokeRect(x + left * width, y + top * height, (right - left) * width, (bottom - top) * height);
  }

  // ----- pointing --------------------------------------------------------------------------

  private placeOf(event: MouseEvent, near = false): Place | null {
    if (!this.record) return null;
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    if (!this.points) return placeAt(this.grid, shapeOf(this.record), x, y, near);
    const row = this.points.nearest(x, y);
    return row < 0 ? null : { panel: 0, row, column: 0 };
  }

  private point(event: PointerEvent): void {
    const place = this.placeOf(event, this.from !== null);
    if (!place || (this.from && place.panel !== this.from.panel)) {
      if (!this.from) this.forget();
      return;
    }
    this.choose(place, event.clientX, event.clientY);
  }

  private press(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.from = this.placeOf(event);
    if (this.from) this.at = this.from;
  }

  private release(event: PointerEvent): void {
    const { from } = this;
    this.from = null;
    if (!from || !this.at) return;
    const moved = Math.abs(from.row - this.at.row) + Math.abs(from.column - this.at.column);
    if (moved > 1 && !this.points) this.events.onZoom(from, this.at);
    else if (event.detail < 2) this.pin();
    this.drawMark();
  }

  private choose(place: Place, x: number, y: number): void {
    this.at = place;
    this.drawMark();
    const { title, value, kind } = this.told(place);
    this.tooltip.show(x, y, ...facts(title, [[kind, value]]));
  }

  private told(place: Place): { title: string; value: string; kind: string } {
    const record = this.record!;
    if (this.points) return { title: `row ${record.rows.data[place.row]}`, ...this.points.said(place.row) };
    return { title: addressOf(record, place), ...saidOf(record, place) };
  }

  private pin(): void {
    if (!this.at || !this.record) return;
    const { title, value } = this.told(this.at);
    this.events.onPin(title, value);
  }

  private forget(): void {
    this.tooltip.hide();
    if (!this.at && !this.from) return;
    this.at = this.from = null;
    this.drawMark();
  }

  /** See a part around the cell alone, so many times as long on each side. */
  private zoom(share: number): void {
    const record = this.record;
    if (!this.at || !record || this.points) return;
    const { panel, row, column } = this.at;
    const { rows, columns } = shapeOf(record);
    const [high, wide] = [Math.ceil(rows * share), Math.ceil(columns * share)];
    const from = { panel, row: bound(row - high, rows), column: bound(column - wide, columns) };
    this.events.onZoom(from, { panel, row: bound(row + high, rows), column: bound(column + wide, columns) });
  }

  // ----- keys ------------------------------------------------------------------------------

  private key(event: KeyboardEvent): void {
    if (!this.record || !this.walk(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  private walk(key: string): boolean {
    const moves: Record<string, readonly [number, number]> = {
      ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
    };
    const move = moves[key];
    if (move) this.step(move[0], move[1]);
    else if (key === "Enter" || key === " ") this.pin();
    else if (key === "+" || key === "=") this.zoom(0.25);
    else if (key === "-") this.events.onWhole();
    else if (key === "Escape") this.forget();
    else return false;
    return true;
  }

  private step(down: number, right: number): void {
    const shape = shapeOf(this.record!);
    const count = this.points ? this.record!.rows.data.length : shape.rows;
    const from = this.at ?? { panel: 0, row: -down, column: -right };
    let { panel, column } = from;
    let row = from.row + (this.points ? down + right : down);
    if (!this.points) column += right;
    // Past a panel's side lies the next panel.
    if (column >= shape.columns && panel + 1 < shape.panels) [panel, column] = [panel + 1, 0];
    if (column < 0 && panel > 0) [panel, column] = [panel - 1, shape.columns - 1];
    row = bound(row, count);
    const place = { panel, row, column: this.points ? 0 : bound(column, shape.columns) };
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = this.points?.place(row) ?? this.middle(place);
    this.choose(place, box.left + x, box.top + y);
    const { title, value, kind } = this.told(place);
    setText(this.spoken, `${title}: ${kind} ${value}`);
  }

  private middle(place: Place): [number, number] {
    const [x, y] = corner(this.grid, shapeOf(this.record!), place.panel);
    return [x + (place.column + 0.5) * this.grid.width, y + (place.row + 1) * this.grid.height];
  }
}

