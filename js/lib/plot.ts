// Curves on a canvas with axes; over it, as elements, what follows the pointer: a crosshair, a dot
// on each curve, a selection. Moving the pointer never redraws the curves.

import { axisFor, placeOn, tickTexts, ticksOf, valueOn, type Axis } from "./axis";
import { h, on } from "./dom";
import type { Theme } from "./theme";

export interface Line {
  steps: ArrayLike<number>;
  values: ArrayLike<number>;
  /** A design token: 'train' is --nbdl-train. */
  token: string;
  /** Drawn faint, behind: the raw values under a smoothed curve. */
  faint: boolean;
  /** Each point is shown, not only the line between. */
  dots: boolean;
  /** Of another run. */
  dashed?: boolean;
}

export interface Plan {
  lines: readonly Line[];
  /** The steps shown. */
  window: readonly [number, number];
  log: boolean;
  width: number;
  height: number;
}

const [LEFT, RIGHT, TOP, FOOT] = [52, 16, 10, 28];
const CLICK = 4; // a drag shorter than this is a click

export class Plot {
  readonly element: HTMLElement;
  private readonly canvas = h("canvas", { "aria-hidden": "true" });
  private readonly cross = h("div", { class: "plot-cross", hidden: true });
  private readonly band = h("div", { class: "plot-band", hidden: true });
  private readonly flags = h("div", {});
  private plan: Plan | undefined;
  private x: Axis = { low: 0, high: 1, log: false };
  private y: Axis = { low: 0, high: 1, log: false };
  private dragFrom: number | undefined;

  constructor(
    private readonly theme: Theme,
    private readonly act: {
      /** The pointer is at a step, or left. */
      hover(step: number | undefined): void;
      /** Steps were chosen, or all of them again. */
      choose(window: readonly [number, number] | undefined): void;
    },
    signal: AbortSignal,
  ) {
    this.element = h("div", { class: "plot" }, this.canvas, this.band, this.flags, this.cross);
    on(this.element, "pointermove", (event) => this.move(event), signal);
    on(this.element, "pointerleave", () => act.hover(undefined), signal);
    on(this.element, "pointerdown", (event) => this.press(event), signal);
    on(this.element, "pointerup", (event) => this.release(event), signal);
    on(this.element, "pointercancel", () => this.endDrag(), signal);
    on(this.element, "dblclick", () => act.choose(undefined), signal);
  }

  draw(plan: Plan): void {
    this.plan = plan;
    const { canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(plan.width * ratio);
    canvas.height = Math.round(plan.height * ratio);
    canvas.style.cssText = `width:${plan.width}px;height:${plan.height}px`;
    const context = canvas.getContext("2d");
    if (!context) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const [low, high] = plan.window;
    this.x = { low, high: high > low ? high : low + 1, log: false, whole: true };
    this.y = axisFor(...extent(plan), plan.log);
    this.drawAxes(context);
    context.save();
    context.beginPath();
    context.rect(LEFT - 4, 0, plan.width - LEFT - RIGHT + 8, plan.height - FOOT + 4);
    context.clip();
    for (const line of plan.lines) this.drawLine(context, line);
    context.restore();
  }

  /** Draw lines from top to bottom; what each means is told where the pointer rests on it. */
  mark(marks: readonly { step: number; text: string }[]): void {
    const height = (this.plan?.height ?? 0) - TOP - FOOT;
    const inside = marks.filter(({ step }) => placeOn(this.x, step) >= 0 && placeOn(this.x, step) <= 1);
    const lines = inside.map(({ step, text }) => {
      const style = `left:${this.left(step) - 4}px;top:${TOP}px;height:${height}px`;
      return h("i", { class: "plot-mark", style, title: text, role: "img", "aria-label": text });
    });
    const drawn = lines.map(({ outerHTML }) => outerHTML).join("");
    if (drawn !== this.flags.innerHTML) this.flags.replaceChildren(...lines); // else a pointer rests on one
  }

  /** Put the crosshair at a step with a dot for each reading; undefined takes it away. */
  point(step: number | undefined, readings: readonly { value: number; token: string }[]): void {
    const left = step === undefined ? NaN : this.left(step);
    const inside = left >= LEFT - 1 && left <= (this.plan?.width ?? 0) - RIGHT + 1;
    this.cross.hidden = !inside;
    if (!inside || !this.plan) return;
    this.cross.style.cssText =
      `left:${left}px;top:${TOP}px;height:${this.plan.height - TOP - FOOT}px`;
    const dots = readings.map(({ value, token }) => {
      const top = this.top(value) - TOP;
      const style = `top:${top}px;background:var(--nbdl-${token})`;
      return Number.isFinite(top) ? h("i", { style }) : null;
    });
    this.cross.replaceChildren(...dots.filter((dot) => dot !== null));
  }

  private left(step: number): number {
    return LEFT + placeOn(this.x, step) * ((this.plan?.width ?? 0) - LEFT - RIGHT);
  }

  private top(value: number): number {
    const room = (this.plan?.height ?? 0) - TOP - FOOT;
    return TOP + (1 - placeOn(this.y, value)) * room;
  }

  private step(event: PointerEvent): number {
    const room = (this.plan?.width ?? 0) - LEFT - RIGHT;
    const place = (event.clientX - this.canvas.getBoundingClientRect().left - LEFT) / room;
    return valueOn(this.x, Math.min(1, Math.max(0, place)));
  }

  private drawAxes(context: CanvasRenderingContext2D): void {
    const { width, height } = this.plan!;
    context.font = `11px ${getComputedStyle(this.element).fontFamily || "sans-serif"}`;
    context.lineWidth = 1;
    context.strokeStyle = this.theme.color("grid");
    context.fillStyle = this.theme.color("muted");
    context.textBaseline = "middle";
    context.textAlign = "right";
    const rows = ticksOf(this.y, Math.max(2, Math.floor(height / 44)));
    const values = tickTexts(rows);
    for (const [at, tick] of rows.entries()) {
      const y = Math.round(this.top(tick)) + 0.5;
      if (y < TOP - 1 || y > height - FOOT + 1) continue;
      context.beginPath();
      context.moveTo(LEFT, y);
      context.lineTo(width - RIGHT, y);
      context.stroke();
      context.fillText(values[at]!, LEFT - 8, y);
    }
    context.fillText("step", LEFT - 8, height - 12);
    context.textAlign = "center";
    const columns = ticksOf(this.x, Math.max(2, Math.floor(width / 96)));
    const steps = tickTexts(columns);
    for (const [at, tick] of columns.entries()) {
      const x = this.left(tick);
      if (x >= LEFT - 1 && x <= width - RIGHT + 1) context.fillText(steps[at]!, x, height - 12);
    }
  }

  private drawLine(context: CanvasRenderingContext2D, line: Line): void {
    const { steps, values, faint } = line;
    context.strokeStyle = context.fillStyle = this.theme.color(line.token);
    context.globalAlpha = faint ? 0.3 : 1;
    context.lineWidth = faint ? 1 : line.dashed ? 1.5 : 2;
    context.setLineDash(line.dashed ? [5, 4] : []);
    context.lineJoin = context.lineCap = "round";
    context.beginPath();
    let pen = false;
    for (let i = 0; i < steps.length; i++) {
      const [x, y] = [this.left(steps[i]!), this.top(values[i]!)];
      if (!Number.isFinite(y)) {
        pen = false;
        continue;
      }
      if (pen) context.lineTo(x, y);
      else context.moveTo(x, y);
      pen = true;
    }
    context.stroke();
    for (let i = 0; line.dots && i < steps.length; i++) {
      const y = this.top(values[i]!);
      if (!Number.isFinite(y)) continue;
      context.beginPath();
      context.arc(this.left(steps[i]!), y, 2.5, 0, 2 * Math.PI);
      context.fill();
    }
    context.globalAlpha = 1;
  }

  private move(event: PointerEvent): void {
    this.act.hover(this.step(event));
    if (this.dragFrom === undefined) return;
    const [from, to] = [this.left(this.dragFrom), this.left(this.step(event))];
    const { height } = this.plan!;
    this.band.hidden = Math.abs(to - from) < CLICK;
    this.band.style.cssText =
      `left:${Math.min(from, to)}px;width:${Math.abs(to - from)}px;` +
      `top:${TOP}px;height:${height - TOP - FOOT}px`;
  }

  private press(event: PointerEvent): void {
    if (event.button !== 0 || !this.plan) return;
    this.dragFrom = this.step(event);
    this.element.setPointerCapture?.(event.pointerId);
  }

  private release(event: PointerEvent): void {
    const from = this.dragFrom;
    this.endDrag();
    if (from === undefined) return;
    const to = this.step(event);
    if (Math.abs(this.left(to) - this.left(from)) < CLICK) return;
    this.act.choose([Math.min(from, to), Math.max(from, to)]);
  }

  private endDrag(): void {
    this.dragFrom = undefined;
    this.band.hidden = true;
  }
}

/** The least and the greatest value that can be drawn. */
function extent({ lines, log, window }: Plan): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const { steps, values } of lines) {
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (!Number.isFinite(value) || (log && value <= 0)) continue;
      if (steps[i]! < window[0] || steps[i]! > window[1]) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return [low, high];
}
