// Which part is seen, and how: the way of looking, which axes, and a slider for each of the others.

import { h, on, setText } from "../lib/dom";
import type { TensorAxis, TensorRecord } from "../lib/records";

export interface Look {
  mode?: string;
  part?: string;
  rows?: number;
  columns?: number;
  panels?: number;
  index?: number[];
  window?: number[] | null;
}

const MODES: Record<string, string> = {
  values: "Values", image: "Image", pca: "PCA", tsne: "t-SNE", umap: "UMAP",
};
const PARTS = ["abs", "angle", "real", "imag"];
const ROLES = ["rows", "columns", "panels"] as const;

export class Controls {
  readonly element = h("div", { class: "controls row live" });
  private shown = "";
  private record!: TensorRecord;
  private readonly sliders = new Map<number, { input: HTMLInputElement; said: HTMLElement }>();

  constructor(
    private readonly onLook: (change: Look) => void,
    private readonly signal: AbortSignal,
  ) {}

  /** Follow the record; a slider in somebody's hand stays the same element. */
  update(record: TensorRecord): void {
    this.record = record;
    const kind = JSON.stringify([
      record.modes, record.mode, record.part, record.axes.map(({ name, size, role }) => [name, size, role]),
      this.zoomed(),
    ]);
    if (kind !== this.shown) {
      this.shown = kind;
      this.build();
    }
    for (const [axis, { input, said }] of this.sliders) {
      const { start, stop, size, role } = record.axes[axis]!;
      if (document.activeElement !== input) input.value = String(start);
      const place = role === "panels" ? `${start}–${stop - 1}` : String(start);
      setText(said, `${place} of ${size}`);
    }
  }

  private zoomed(): boolean {
    const whole = ({ role, start, stop, size }: TensorAxis) =>
      (role !== "rows" && role !== "columns") || stop - start === size;
    return !this.record.axes.every(whole);
  }

  private build(): void {
    const { record } = this;
    this.sliders.clear();
    const parts: HTMLElement[] = [];
    if (record.modes.length > 1) parts.push(this.modes());
    if (record.part) {
      parts.push(this.select("part", PARTS, record.part, (part) => this.onLook({ part })));
    }
    if (record.mode === "values" && record.shape.length > 2) parts.push(...ROLES.map((role) => this.axes(role)));
    if (record.mode === "values" || record.mode === "image") {
      record.axes.forEach((axis, number) => {
        const some = axis.role === "panels" && axis.stop - axis.start < axis.size;
        if ((axis.role === "index" && axis.size > 1) || some) parts.push(this.slider(axis, number));
      });
    }
    if (this.zoomed()) {
      const whole = h("button", { class: "button", type: "button" }, "Show all");
      on(whole, "click", () => this.onLook({ window: null }), this.signal);
      parts.push(whole);
    }
    this.element.replaceChildren(...parts);
  }

  private modes(): HTMLElement {
    const group = h("div", { class: "modes", role: "group", "aria-label": "Way of looking" });
    for (const mode of this.record.modes) {
      const pressed = String(mode === this.record.mode);
      const button = h("button", { class: "button", type: "button", "aria-pressed": pressed }, MODES[mode] ?? mode);
      on(button, "click", () => this.onLook({ mode, window: null }), this.signal);
      group.append(button);
    }
    return group;
  }

  private axes(role: (typeof ROLES)[number]): HTMLElement {
    const { axes } = this.record;
    const names = axes.map(({ name, size }) => `${name} (${size})`);
    const at = axes.findIndex((axis) => axis.role === role);
    const choose = (text: string) => {
      const chosen = names.indexOf(text);
      // What was there takes the place that this axis had.
      const other = ROLES.find((name) => chosen >= 0 && axes[chosen]!.role === name);
      this.onLook({ window: null, ...this.places(), ...(other && { [other]: at }), [role]: chosen });
    };
    return this.select(role, role === "panels" ? ["–", ...names] : names, names[at] ?? "–", choose);
  }

  private places(): Look {
    const { axes } = this.record;
    return Object.fromEntries(ROLES.map((role) => [role, axes.findIndex((axis) => axis.role === role)]));
  }

  private select(name: string, options: string[], chosen: string, choose: (text: string) => void): HTMLElement {
    const field = h("select", { class: "field", "aria-label": name }, ...options.map((text) => h("option", {}, text)));
    field.selectedIndex = Math.max(0, options.indexOf(chosen));
    on(field, "change", () => choose(options[field.selectedIndex]!), this.signal);
    return h("label", {}, h("span", { class: "muted small" }, name), field);
  }

  private slider(axis: TensorAxis, number: number): HTMLElement {
    const last = axis.role === "panels" ? axis.size - (axis.stop - axis.start) : axis.size - 1;
    const input = h("input", { type: "range", min: 0, max: last, step: 1, value: axis.start, "aria-label": axis.name });
    const said = h("span", { class: "muted small" });
    on(input, "input", () => {
      const index = this.record.axes.map(({ role, start }) => (role === "rows" || role === "columns" ? 0 : start));
      index[number] = Number(input.value);
      this.onLook({ index });
    }, this.signal);
    this.sliders.set(number, { input, said });
    return h("label", {}, h("span", { class: "small" }, axis.name), input, said);
  }
}
