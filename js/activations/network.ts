// A small dense network as neurons and edges with their numbers, as far as the walk has come.
// nbdl/inspection/static/network.py draws the same for still pictures.

import { css, diverging, divergingOnDark } from "../lib/color";
import { svg, type Child } from "../lib/dom";
import { formatNumber } from "../lib/format";
import type { NetworkRecord, NeuronColumn, WalkStep } from "../lib/records";
import type { Theme } from "../lib/theme";

const RADIUS = 26;
const ROOM = 400;
const WRITTEN = 48;

export class Network {
  readonly element = svg("svg", { class: "network", role: "group", "aria-label": "The network" });
  private network!: NetworkRecord;
  private walk: readonly WalkStep[] = [];
  private at = 0;

  constructor(
    private readonly theme: Theme,
    private readonly onNeuron: (column: number, neuron: number) => void,
  ) {}

  draw(network: NetworkRecord, walk: readonly WalkStep[], at: number, width: number): void {
    Object.assign(this, { network, walk, at });
    const root = this.element.getRootNode() as ShadowRoot;
    const focused = this.element.contains(root.activeElement) ? root.activeElement!.id : "";
    const { columns } = network;
    const most = Math.max(...columns.map((column) => column.values.data.length));
    const step = Math.max(58, Math.min(108, ROOM / most));
    const height = most * step + 40;
    const place = (column: number, neuron: number): [number, number] => [
      48 + ((width - 208) * column) / Math.max(1, columns.length - 1),
      30 + (most * step) / 2 + (neuron - (columns[column]!.values.data.length - 1) / 2) * step,
    ];
    this.element.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.element.setAttribute("height", String(height));
    const edges = columns.slice(1).flatMap((column, i) => this.edges(column, i + 1, place));
    this.element.replaceChildren(
      ...this.loss(place, width, height),
      ...edges.map(([line]) => line!),
      ...(edges.length > WRITTEN ? [] : edges.map(([, label]) => label!)),
      ...columns.flatMap((column, i) => this.column(column, i, place, step)),
    );
    if (focused) root.getElementById(focused)?.focus();
  }

  /** Whether the walk has come to this neuron in this phase. */
  private seen(phase: string, column: number, neuron: number): boolean {
    const index = this.walk.findIndex((s) => s.phase === phase && s.column === column && s.neuron === neuron);
    return index >= 0 ? index <= this.at : column === 0 && phase === "forward";
  }

  private isAt(column: number, neuron: number): boolean {
    const step = this.walk[this.at];
    return step?.column === column && step.neuron === neuron;
  }

  private edges(column: NeuronColumn, at: number, place: (c: number, n: number) => [number, number]): SVGElement[][] {
    const [, sources = 0] = column.weights.shape;
    const scale = this.theme.dark ? divergingOnDark : diverging;
    const most = column.weights.data.reduce((high, w) => Math.max(high, Math.abs(w)), 0) || 1;
    return Array.from(column.weights.data, (weight, index) => {
      const [neuron, source] = [Math.floor(index / sources), index % sources];
      const [x0, y0] = place(at - 1, source);
      const [x1, y1] = place(at, neuron);
      const part = 0.72 - (0.34 * source) / Math.max(1, sources - 1);
      const [x, y] = [x0 + part * (x1 - x0), y0 + part * (y1 - y0)];
      // A step forward reads the edges into its neuron, a step back those that lead out of it.
      const back = this.walk[this.at]?.phase === "backward";
      const lit = this.isAt(at, neuron) || (back && this.isAt(at - 1, source));
      const share = weight / most / 2;
      const stroke = css(scale(0.5 + Math.sign(share) * 0.14 + 0.7 * share));
      const width = 1 + (2.5 * Math.abs(weight)) / most + (lit ? 1.5 : 0);
      const line = svg("line", { x1: x0, y1: y0, x2: x1, y2: y1, stroke, "stroke-width": width });
      line.style.opacity = lit || this.seen("forward", at, neuron) ? "1" : "0.25";
      const derivative = this.seen("backward", at, neuron) && word(x, y + 10, column.d_weights.data[index]!, 2, "d");
      return [line, svg("g", { class: "edge" }, word(x, y - 2, weight, 2), derivative)];
    });
  }

  private column(
    column: NeuronColumn, at: number, place: (c: number, n: number) => [number, number], step: number,
  ): SVGElement[] {
    const title = at === 0 ? "input" : `layer ${column.name} ${column.function}`;
    const scale = this.theme.dark ? divergingOnDark : diverging;
    const most = column.values.data.reduce((high, a) => Math.max(high, Math.abs(a)), 0) || 1;
    const neurons = Array.from(column.values.data, (value, neuron) => {
      const [x, y] = place(at, neuron);
      const known = this.seen("forward", at, neuron);
      const back = this.seen("backward", at, neuron);
      const derivative = column.d_values.data[neuron]!;
      const fill = known ? css(scale(0.5 + (0.12 * value) / most)) : this.theme.color("bg");
      const bias = column.bias.data[neuron];
      const said = known ? formatNumber(value) : "not computed yet";
      const button = svg(
        "g",
        {
          id: `n${at}-${neuron}`, tabindex: 0,
          role: "button", "aria-label": `${title}, neuron ${neuron + 1}: ${said}` +
            (back ? `, derivative ${formatNumber(derivative)}` : ""),
        },
        svg("circle", { cx: x, cy: y, r: RADIUS, fill }),
      );
      const group = svg(
        "g",
        { class: this.isAt(at, neuron) ? "neuron at" : "neuron" },
        button,
        // The button's label says it all; what is drawn is the same in fewer digits.
        svg(
          "g",
          { "aria-hidden": "true" },
          known && word(x, back ? y : y + 4, value, 3, "value"),
          back && word(x, y + 13, derivative, 2, "d"),
          bias !== undefined && step >= 70 &&
            svg("text", { x: x + RADIUS - 2, y: y - RADIUS + 4, class: "bias" }, `b ${formatNumber(bias, 2)}`),
        ),
      );
      const go = () => this.onNeuron(at, neuron);
      group.addEventListener("click", go);
      button.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") go();
      });
      return group;
    });
    return [svg("text", { x: place(at, 0)[0], y: 14, class: "name" }, title), ...neurons];
  }

  private loss(place: (c: number, n: number) => [number, number], width: number, height: number): SVGElement[] {
    const { columns, loss } = this.network;
    const last = columns.length - 1;
    const [x, y] = [width - 48, (height - 40) / 2 + 30];
    const index = this.walk.findIndex((step) => step.phase === "loss");
    const lines = Array.from(columns[last]!.values.data, (_, neuron) => {
      const [x0, y0] = place(last, neuron);
      return svg("line", { x1: x0, y1: y0, x2: x, y2: y, class: "to-loss" });
    });
    const box = svg(
      "g",
      { class: index === this.at ? "neuron at" : "neuron" },
      svg("rect", { x: x - 36, y: y - 20, width: 72, height: 40, rx: 6 }),
      svg("text", { x, y: y - 4, class: "name" }, "L"),
      this.at >= index && word(x, y + 12, loss, 3, "value"),
    );
    return [...lines, box];
  }
}

function word(x: number, y: number, value: number, digits: number, kind = ""): Child {
  return svg("text", { x, y, class: kind }, formatNumber(value, digits));
}
