// One chart: a quantity, its training and validation curves, with a heading that shows the values
// under the pointer (or the latest). Drawn by uPlot on a canvas.

import uPlot from "uplot";
import { LINE_TOKENS } from "../lib/color";
import { h, on, setText } from "../lib/dom";
import { formatCount, formatNumber } from "../lib/format";
import type { Theme } from "../lib/theme";
import { align, isSecondary, smooth, thin, valueAt, type Points } from "./curves";
import type { Series } from "../lib/rows";

export interface ChartSettings {
  smoothing: number;
  log: boolean;
  /** The steps shown; undefined is all of them. */
  window: readonly [number, number] | undefined;
}

export interface ChartHost {
  theme: Theme;
  settings: ChartSettings;
  /** Charts with one key show their crosshairs at the same step. */
  syncKey: string;
  onWindow(window: readonly [number, number] | undefined): void;
  signal: AbortSignal;
}

const HEIGHT = 188;
const SMALL_HEIGHT = 120;

export class Chart {
  readonly element: HTMLElement;
  private readonly names: string[];
  private readonly area = h("div", { class: "plot" });
  private readonly readings: HTMLElement[];
  private readonly small: boolean;
  private plot: uPlot | undefined;
  private shape = "";
  private drawn: Points[] = [];
  private width = 0;
  private setting = false;

  constructor(
    private readonly title: string,
    private readonly series: readonly { name: string; series: Series }[],
    private readonly host: ChartHost,
  ) {
    this.names = series.map(({ name }) => name);
    this.small = isSecondary(title);
    this.readings = this.names.map(() => h("span", { class: "reading-value" }));
    const legend = h("div", { class: "readings" });
    this.names.forEach((name, index) => {
      const key = h("i", { class: "key", style: `background:var(--nbdl-${tokenOf(name, index)})` });
      legend.append(h("span", { class: "reading" }, key, shortName(name), this.readings[index]!));
    });
    this.element = h(
      "section",
      { class: `chart panel${this.small ? " is-small" : ""}`, tabindex: 0, "aria-label": title },
      h("header", { class: "chart-head" }, h("h3", {}, readable(title)), legend),
      this.area,
    );
    on(this.element, "keydown", (event) => this.key(event), host.signal);
    host.signal.addEventListener("abort", () => this.plot?.destroy());
  }

  /** Whether this chart shows exactly these series. */
  shows(names: readonly string[]): boolean {
    return names.join() === this.names.join();
  }

  /** Draw from the series as they are now. */
  draw(width: number): void {
    const { settings } = this.host;
    this.width = width;
    if (width <= 0) return;
    const { data, count } = this.data();
    const shape = `${settings.log}|${settings.smoothing > 0}|${this.host.theme.dark}|${count}`;
    this.setting = true;
    if (!this.plot || shape !== this.shape) {
      this.plot?.destroy();
      this.shape = shape;
      this.plot = new uPlot(this.options(), data, this.area);
    } else {
      if (this.plot.width !== width) this.plot.setSize({ width, height: this.height });
      this.plot.setData(data, true);
    }
    this.setting = false;
    this.read(this.plot.cursor.idx);
  }

  /** Colours changed: build anew at the next draw. */
  restyle(): void {
    this.shape = "";
    this.draw(this.width);
  }

  remove(): void {
    this.plot?.destroy();
    this.element.remove();
  }

  private get height(): number {
    return this.small ? SMALL_HEIGHT : HEIGHT;
  }

  /** Rows for uPlot: all raw curves, then (when smoothing) all smooth ones. */
  private data(): { data: uPlot.AlignedData; count: number } {
    const { smoothing, log, window } = this.host.settings;
    const columns = Math.max(100, Math.floor(this.width));
    const [from, to] = window ?? [-Infinity, Infinity];
    const raw: Points[] = this.series.map(({ series }) => series);
    const smoothed = smoothing > 0 ? this.series.map(({ series }) => blur(series, smoothing)) : [];
    const all = [...raw, ...smoothed].map((points) => thin(points, columns, from, to));
    this.drawn = smoothing > 0 ? smoothed : raw;
    const drawable = log
      ? (value: number) => Number.isFinite(value) && value > 0
      : (value: number) => Number.isFinite(value);
    const { xs, rows } = align(all, drawable);
    return { data: [xs, ...rows] as uPlot.AlignedData, count: all.length };
  }

  private options(): uPlot.Options {
    const { theme, settings, syncKey } = this.host;
    const [grid, muted] = [theme.color("grid"), theme.color("muted")];
    const font = `11px ${getComputedStyle(this.element).fontFamily || "sans-serif"}`;
    const axis = { stroke: muted, font, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
    return {
      width: this.width,
      height: this.height,
      legend: { show: false },
      padding: [8, 12, 0, 0],
      cursor: {
        sync: { key: syncKey, setSeries: false, scales: ["x", null] },
        points: { size: 7, width: 2 },
        focus: { prox: -1 },
        drag: { x: true, y: false, setScale: false },
      },
      scales: {
        x: { time: false, range: (_, low, high) => this.xRange(low, high) },
        y: { distr: settings.log ? 3 : 1, range: (_, low, high) => yRange(low, high, settings.log) },
      },
      axes: [
        { ...axis, size: 28, gap: 4, values: (_, ticks) => ticks.map((tick) => formatCount(tick)) },
        { ...axis, size: 52, gap: 4, space: 32, values: (_, ticks) => ticks.map(tickText) },
      ],
      series: [{}, ...this.lines()],
      hooks: {
        setCursor: [(plot) => this.read(plot.cursor.idx)],
        setSelect: [(plot) => this.selected(plot)],
        ready: [(plot) => on(plot.over, "dblclick", () => this.host.onWindow(undefined), this.host.signal)],
      },
    };
  }

  private lines(): uPlot.Series[] {
    const { theme, settings } = this.host;
    const lines: uPlot.Series[] = [];
    for (const layer of settings.smoothing > 0 ? ["raw", "smooth"] : ["smooth"]) {
      this.names.forEach((name, index) => {
        const colour = theme.color(tokenOf(name, index));
        const sparse = this.series[index]!.series.length <= 40;
        lines.push({
          stroke: colour,
          width: layer === "raw" ? 1 : 2,
          alpha: layer === "raw" ? 0.32 : 1,
          points: { show: sparse && layer === "smooth", size: 5, fill: colour, width: 0 },
        });
      });
    }
    return lines;
  }

  private xRange(low: number | null, high: number | null): uPlot.Range.MinMax {
    const { window } = this.host.settings;
    if (window) return [window[0], window[1]];
    if (low === null || high === null) return [0, 1];
    return low === high ? [low - 0.5, high + 0.5] : [low, high];
  }

  private selected(plot: uPlot): void {
    const { left, width } = plot.select;
    if (this.setting || width < 4) return;
    const window = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")] as const;
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.host.onWindow(window);
  }

  /** Show the values at an index of the drawn x, or the latest. */
  private read(index: number | null | undefined): void {
    const xs = this.plot?.data[0];
    const step = index === null || index === undefined ? undefined : xs?.[index];
    const said: string[] = [];
    this.drawn.forEach((points, at) => {
      const last = points.values[points.values.length - 1];
      const value = step === undefined ? last : valueAt(points, step);
      setText(this.readings[at]!, formatNumber(value));
      said.push(`${shortName(this.names[at]!)} ${formatNumber(value)}`);
    });
    const place = step === undefined ? "latest" : `step ${formatNumber(step)}`;
    this.element.setAttribute("aria-label", `${readable(this.title)}, ${place}: ${said.join(", ")}`);
    this.element.classList.toggle("is-hovered", step !== undefined);
  }

  /** Arrows walk the crosshair, + and − zoom around it, Escape shows all again. */
  private key(event: KeyboardEvent): void {
    const plot = this.plot;
    if (!plot || event.target !== this.element) return;
    const xs = plot.data[0];
    const at = plot.cursor.idx ?? xs.length - 1;
    const moves: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 };
    const move = moves[event.key];
    if (move !== undefined) {
      const next = Math.min(xs.length - 1, Math.max(0, at + move));
      plot.setCursor({ left: plot.valToPos(xs[next]!, "x"), top: 20 });
    } else if (event.key === "+" || event.key === "-") {
      const { min = 0, max = 1 } = plot.scales["x"] ?? {};
      const half = ((max - min) / 2) * (event.key === "+" ? 0.5 : 2);
      const centre = xs[at] ?? (min + max) / 2;
      this.host.onWindow([centre - half, centre + half]);
    } else if (event.key === "Escape") {
      plot.setCursor({ left: -10, top: -10 });
      this.host.onWindow(undefined);
    } else {
      return;
    }
    event.preventDefault();
  }
}

function blur(series: Series, weight: number): Points {
  // A few points say what they say; smoothing them only hides it.
  if (series.length <= 8) return series;
  return { steps: series.steps, values: smooth(series.values, weight) };
}

function tokenOf(name: string, index: number): string {
  return name.startsWith("val_") ? "val" : LINE_TOKENS[index === 0 ? 0 : index + 1] ?? "sixth";
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

function tickText(tick: number | null): string {
  return tick === null ? "" : Math.abs(tick) >= 1e4 ? formatCount(tick) : formatNumber(tick, 3);
}

function yRange(low: number | null, high: number | null, log: boolean): uPlot.Range.MinMax {
  if (low === null || high === null) return log ? [0.1, 1] : [0, 1];
  if (log) return [low / 1.2, high * 1.2];
  const margin = (high - low) * 0.06 || Math.abs(high) * 0.1 || 0.5;
  // Zero is a floor of meaning for losses and counts: do not draw below it without need.
  return [low >= 0 ? Math.max(0, low - margin) : low - margin, high + margin];
}
