// What goes on in the layers of a run: a heat map of layers × steps of the measure that is chosen,
// with findings below. Used by the view of that name and by the dashboard's tab.

import { viridis } from "./color";
import { h, on, svg } from "./dom";
import { findingList } from "./findings";
import { BINS, type Flow, type Histogram } from "./flow";
import { formatNumber, formatPercent } from "./format";
import type { Frame } from "./frame";
import heatCss from "./heat.css";
import { HeatMap } from "./heatmap";
import { MEASURES, rowsOf, worst, type FlowMeasure, type Row } from "./measures";
import type { Finding } from "./records";
import { facts } from "./tooltip";

export class GradientMap {
  readonly element: HTMLElement;
  private readonly map: HeatMap;
  private readonly select = h(
    "select",
    { class: "field", "aria-label": "Measure" },
    ...MEASURES.map(({ name, label }) => h("option", { value: name }, label)),
  );
  private readonly words = h("div", { "aria-live": "polite" });
  private readonly empty = h(
    "p",
    { class: "muted" },
    "Nothing sampled yet: the first sample comes with the first steps.",
  );
  private readonly open = new Set<string>();
  private measure: FlowMeasure = MEASURES[0]!;
  private rows: Row[] = [];
  private width = 0;
  private shown = "";

  constructor(
    frame: Frame,
    private readonly flow: Flow,
    signal: AbortSignal,
  ) {
    frame.style(heatCss);
    this.map = new HeatMap({
      theme: frame.theme,
      scale: viridis,
      describe: (row, column) => this.describe(row, column),
      onRow: (row) => this.toggle(row),
      signal,
    });
    on(this.select, "change", () => {
      this.choose(this.select.value);
      this.drawMap();
    }, signal);
    this.element = h("div", { class: "gradient-map" }, this.select, this.empty, this.map.element, this.words);
  }

  /** Show this measure from the next drawing on. */
  choose(name: string): void {
    this.measure = MEASURES.find((measure) => measure.name === name) ?? MEASURES[0]!;
    this.select.value = this.measure.name;
  }

  draw(width: number, findings: readonly Finding[]): void {
    this.width = width;
    this.drawMap();
    const words = JSON.stringify(findings);
    if (words === this.shown) return;
    this.shown = words;
    this.words.replaceChildren(findingList(findings));
  }

  private drawMap(): void {
    const { layers, steps } = this.flow[this.measure.from];
    this.empty.hidden = steps.length > 0;
    this.map.element.hidden = steps.length === 0;
    this.rows = rowsOf(layers, this.open);
    const values = this.measure.values(this.flow);
    const grouped = values.map((row) => Float32Array.from(this.rows, ({ members }) => worst(row, members)));
    const { label, share = false } = this.measure;
    this.map.show({ rows: this.rows.map((row) => row.label), steps, values: grouped, label, share }, this.width);
  }

  private toggle(row: number): boolean {
    const group = this.rows[row]?.group;
    if (!group) return false;
    if (!this.open.delete(group)) this.open.add(group);
    this.drawMap();
    return true;
  }

  private describe(row: number, column: number): { nodes: Node[]; text: string } {
    const { measure, flow } = this;
    const { layers, steps } = flow[measure.from];
    const values = measure.values(flow)[column]!;
    const { members } = this.rows[row]!;
    const value = worst(values, members);
    const layer = members.find((member) => Object.is(values[member], value)) ?? members[0]!;
    const step = steps[column]!;
    const rows: [string, string][] = [["step", formatNumber(step)], ...this.numbers(layer, column)];
    const title = members.length > 1 ? `${layers[layer]}, of ${this.rows[row]!.label.slice(2)}` : layers[layer]!;
    const histogram = flow.histograms.at(measure.kind, layer, step);
    const nodes: Node[] = facts(title, rows);
    if (histogram) nodes.push(picture(histogram));
    return { nodes, text: `${title}: ${rows.map(([name, said]) => `${name} ${said}`).join(", ")}` };
  }

  /** What is known of a layer in one sample. */
  private numbers(layer: number, column: number): [string, string][] {
    const { tables } = this.flow[this.measure.from];
    const of = (table: string) => tables[table]?.[column]?.[layer] ?? NaN;
    if (this.measure.from === "gradients") {
      const rows: [string, string][] = [["gradient norm", formatNumber(of("norms"))], ["weight norm", formatNumber(of("weights"))]];
      if (of("weights")) rows.push(["update / weight", formatNumber(of("updates") / of("weights"))]);
      return rows;
    }
    if (Number.isNaN(of("zeros"))) return [["", "not called in this step"]];
    const rows: [string, string][] = [
      ["mean", formatNumber(of("means"))],
      ["std", formatNumber(of("stds"))],
      ["zeros", formatPercent(of("zeros"))],
    ];
    if (!Number.isNaN(of("dead"))) rows.push(["dead units", formatPercent(of("dead"))]);
    if (!Number.isNaN(of("saturated"))) rows.push(["saturated", formatPercent(of("saturated"))]);
    return rows;
  }
}

const WIDTH = 207;
const HEIGHT = 40;

/** A histogram on a scale of octaves: what is nearly 0 in the middle. */
function picture({ step, peak, bins }: Histogram): HTMLElement {
  const most = Math.max(1, ...bins);
  const chart = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "heat-histogram", "aria-hidden": "true" });
  bins.forEach((count, at) => {
    const height = (count / most) * (HEIGHT - 1);
    const place = { x: (at * WIDTH) / BINS + 0.5, width: WIDTH / BINS - 1, y: HEIGHT - height, height };
    chart.append(svg("rect", place));
  });
  const end = formatNumber(2 ** peak, 2);
  const axis = h("div", { class: "row small muted" }, `−${end}`, h("span", { class: "spread" }, "≈ 0"), end);
  return h("div", {}, chart, axis, h("div", { class: "small muted" }, `histogram of step ${formatNumber(step)}`));
}
