// The gradient flow of a run: heat map of layers × steps with findings below. Used by the view of
// that name and by the dashboard's tab.

import { viridis } from "./color";
import { h } from "./dom";
import { findingList } from "./findings";
import { formatNumber } from "./format";
import type { Frame } from "./frame";
import heatCss from "./heat.css";
import { HeatMap } from "./heatmap";
import type { Finding } from "./records";
import type { GradientRows } from "./rows";
import { facts } from "./tooltip";

export class GradientMap {
  readonly element: HTMLElement;
  private readonly map: HeatMap;
  private readonly words = h("div", { "aria-live": "polite" });
  private readonly empty = h(
    "p",
    { class: "muted" },
    "No gradients sampled yet: the first sample comes with the first steps.",
  );
  private shown = "";

  constructor(
    frame: Frame,
    private readonly rows: GradientRows,
    signal: AbortSignal,
  ) {
    frame.style(heatCss);
    this.map = new HeatMap({
      theme: frame.theme,
      scale: viridis,
      measure: "gradient norm",
      describe: (row, column) => this.describe(row, column),
      signal,
    });
    this.element = h("div", { class: "gradient-map" }, this.empty, this.map.element, this.words);
  }

  draw(width: number, findings: readonly Finding[]): void {
    const { layers, steps, norms } = this.rows;
    this.empty.hidden = steps.length > 0;
    this.map.element.hidden = steps.length === 0;
    this.map.show({ rows: layers, steps, values: norms }, width);
    const words = JSON.stringify(findings);
    if (words === this.shown) return;
    this.shown = words;
    this.words.replaceChildren(findingList(findings));
  }

  private describe(row: number, column: number): { nodes: HTMLElement[]; text: string } {
    const layer = this.rows.layers[row] ?? "";
    const norm = this.rows.norms[column]?.[row];
    const weight = this.rows.weights[column]?.[row];
    const update = this.rows.updates[column]?.[row];
    const rows: [string, string][] = [
      ["step", formatNumber(this.rows.steps[column])],
      ["gradient norm", formatNumber(norm)],
    ];
    if (weight !== undefined) rows.push(["weight norm", formatNumber(weight)]);
    if (weight && update !== undefined) rows.push(["update / weight", formatNumber(update / weight)]);
    const text = `${layer}: ${rows.map(([name, value]) => `${name} ${value}`).join(", ")}`;
    return { nodes: facts(layer, rows), text };
  }
}
