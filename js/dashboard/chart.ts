// One chart: a quantity, its training and validation curves, with a heading that shows the values
// under the pointer (or the latest).

import { LINE_TOKENS } from "../lib/color";
import { h, on, setText } from "../lib/dom";
import { formatNumber } from "../lib/format";
import { Plot, type Line } from "../lib/plot";
import type { Series } from "../lib/rows";
import type { Theme } from "../lib/theme";
import { hold, indexAt, isSecondary, nearest, smooth, thin, type Points } from "./curves";

export interface ChartSettings {
  smoothing: number;
  log: boolean;
  /** The steps shown; undefined is all of them. */
  window: readonly [number, number] | undefined;
}

export interface ChartHost {
  theme: Theme;
  settings: ChartSettings;
  /** The last step of any series: all charts end there. */
  lastStep(): number;
  /** What is marked on the curves, and where. */
  marks(): readonly { step: number | null; text: string }[];
  /** Points of a series in the steps shown, where there are more than the series has. */
  detail(name: string): Points | undefined;
  /** Another run's points of a series, to compare with. */
  other(name: string): Points | undefined;
  hover(step: number | undefined): void;
  choose(window: readonly [number, number] | undefined): void;
  signal: AbortSignal;
}

const HEIGHT = 188;
const SMALL_HEIGHT = 120;
const FEW = 40; // so few points are each shown

export class Chart {
  readonly element: HTMLElement;
  /** About the machine or the schedule: drawn lower than what is learned. */
  readonly small: boolean;
  private readonly names: string[];
  private readonly plot: Plot;
  private readonly readings: HTMLElement[];
  private readonly place = h("span", { class: "chart-step" });
  private curves: Points[] = [];
  private others: (Points | undefined)[] = [];
  private step: number | undefined;

  constructor(
    private readonly title: string,
    private readonly series: readonly { name: string; series: Series }[],
    private readonly host: ChartHost,
  ) {
    this.names = series.map(({ name }) => name);
    this.small = isSecondary(title);
    this.readings = this.names.map(() => h("span", { class: "reading-value" }));
    this.plot = new Plot(host.theme, host, host.signal);
    const legend = h("div", { class: "readings" });
    this.names.forEach((name, index) => {
      const key = h("i", { class: "key", style: `background:var(--nbdl-${tokenOf(name, index)})` });
      legend.append(h("span", { class: "reading" }, key, shortName(name), this.readings[index]!));
    });
    this.element = h(
      "section",
      { class: `chart${this.small ? " is-small" : ""}`, tabindex: 0, role: "group" },
      h("header", { class: "chart-head" }, h("h3", {}, readable(title)), this.place, legend),
      this.plot.element,
    );
    on(this.element, "keydown", (event) => this.key(event), host.signal);
  }

  /** Whether this chart shows exactly these series. */
  shows(names: readonly string[]): boolean {
    return names.join() === this.names.join();
  }

  /** Draw from the series as they are now. */
  draw(width: number): void {
    if (width <= 0) return;
    const { smoothing, log } = this.host.settings;
    const seen = this.series.map(({ name, series }) => this.host.detail(name) ?? series);
    const raw: Points[] = this.names.map((name, index) =>
      name === "lr" ? hold(seen[index]!, this.host.lastStep()) : seen[index]!,
    );
    const blurred = this.names.map((name, index) => blur(name, seen[index]!, smoothing));
    this.curves = blurred.map((points, index) => points ?? raw[index]!);
    const faint = blurred.flatMap((points, index) => (points ? [this.line(raw, index, width, true)] : []));
    const lines = this.curves.map((_, index) => this.line(this.curves, index, width, false));
    this.others = this.names.map((name) => this.host.other(name));
    const dashed = this.others.flatMap((points, index) => {
      if (!points) return [];
      const curve = blur(this.names[index]!, points, smoothing) ?? points;
      return [{ ...this.line([curve], 0, width, false), token: tokenOf(this.names[index]!, index), dots: false, dashed: true }];
    });
    const height = this.small ? SMALL_HEIGHT : HEIGHT;
    this.plot.draw({ lines: [...faint, ...dashed, ...lines], window: this.window, log, width, height });
    this.plot.mark(this.host.marks().map(({ step, text }) => ({ step: step ?? 0, text })));
    this.read();
  }

  /** Show the values at a step; undefined shows the latest. */
  point(step: number | undefined): void {
    this.step = step;
    this.read();
  }

  private get window(): readonly [number, number] {
    const first = Math.min(...this.series.map(({ series }) => series.steps[0] ?? Infinity));
    return this.host.settings.window ?? [Number.isFinite(first) ? Math.min(first, 1) : 0, this.host.lastStep()];
  }

  private line(points: readonly Points[], index: number, width: number, faint: boolean): Line {
    const token = tokenOf(this.names[index]!, index);
    const thinned = thin(points[index]!, Math.max(100, Math.floor(width)), ...this.window);
    return { ...thinned, token, faint, dots: !faint && points[index]!.steps.length <= FEW };
  }

  private read(): void {
    const at = this.step;
    const readings = this.curves.map((points, index) => {
      const place = at === undefined ? points.steps.length - 1 : nearest(points.steps, at);
      return { value: points.values[place] ?? NaN, token: tokenOf(this.names[index]!, index) };
    });
    const said = readings.map(({ value }, index) => {
      const text = (this.curves[index]!.steps.length ? formatNumber(value) : "–") + this.versus(index);
      setText(this.readings[index]!, text);
      return `${shortName(this.names[index]!)} ${text}`.trim();
    });
    const main = this.curves[0];
    const step = at === undefined || !main?.steps.length ? at : main.steps[nearest(main.steps, at)];
    this.plot.point(step, readings);
    const place = step === undefined ? "" : `step ${formatNumber(step)}`;
    setText(this.place, place);
    this.element.setAttribute("aria-label", `${readable(this.title)}, ${place || "latest"}: ${said.join(", ")}`);
  }

  /** The other run's value beside a reading. */
  private versus(index: number): string {
    const points = this.others[index];
    if (!points?.steps.length) return "";
    const place = this.step === undefined ? points.steps.length - 1 : nearest(points.steps, this.step);
    return ` ⁄ ${formatNumber(points.values[place]!)}`;
  }

  /** Arrows walk the crosshair, Home and End take it to the ends, + and − zoom around it, Escape shows all again. */
  private key(event: KeyboardEvent): void {
    const steps = this.curves[0]?.steps;
    if (event.target !== this.element || !steps?.length) return;
    const last = steps.length - 1;
    const here = this.step === undefined ? last : indexAt(steps, this.step);
    const places: Record<string, number> = {
      ArrowLeft: here - 1, ArrowRight: here + 1, PageUp: here - 20, PageDown: here + 20, Home: 0, End: last,
    };
    const place = places[event.key];
    const [low, high] = this.window;
    if (place !== undefined) {
      this.host.hover(steps[Math.min(last, Math.max(0, place))]);
    } else if (event.key === "+" || event.key === "-") {
      const half = ((high - low) / 2) * (event.key === "+" ? 0.5 : 2);
      const centre = this.step ?? (low + high) / 2;
      this.host.choose([Math.max(0, centre - half), Math.min(this.host.lastStep(), centre + half)]);
    } else if (event.key === "Escape") {
      this.host.hover(undefined);
      this.host.choose(undefined);
    } else {
      return;
    }
    event.preventDefault();
  }
}

/** A series smoothed, or undefined where smoothing would only hide what it says: few points, or a
 *  chart of the machine or the schedule. */
function blur(name: string, series: Points, weight: number): Points | undefined {
  if (weight === 0 || series.steps.length <= FEW || isSecondary(name)) return undefined;
  return { steps: series.steps, values: smooth(series.values, weight) };
}

function tokenOf(name: string, index: number): string {
  if (name.startsWith("val_")) return "val";
  return LINE_TOKENS[index === 0 ? 0 : index + 1] ?? "sixth";
}

function shortName(name: string): string {
  if (name.startsWith("val_")) return "val";
  return isSecondary(name) ? "" : "train";
}

/** A name of the history as a heading. */
export function readable(title: string): string {
  const known: Record<string, string> = { lr: "learning rate", throughput: "samples per second" };
  return known[title] ?? title.replaceAll("_", " ");
}
