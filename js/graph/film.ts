// A run's measures on the graph, step by step: a slider, and a button that plays them.

import { h, on, setText } from "../lib/dom";
import { formatNumber, formatPercent } from "../lib/format";
import type { GraphNode, GraphRecord } from "../lib/records";
import type { Measure } from "./measures";

const EACH = 250; // milliseconds a step is shown

export class Film {
  readonly measures: Measure[] = [];
  readonly element = h("div", { class: "film row small", hidden: true });
  /** Called when another step is to be seen. */
  onStep = () => {};
  private at = 0;
  private timer = 0;
  private readonly play = h("button", { class: "button", type: "button" });
  private readonly slider = h("input", { type: "range", min: 0, step: 1, "aria-label": "Step" });
  private readonly said = h("output", {});

  constructor(private readonly record: GraphRecord, signal: AbortSignal) {
    const { frames, nodes } = record;
    if (!frames) return;
    const places = new Map(nodes.map((node, place) => [node, place]));
    const last = frames.steps.data.length - 1;
    frames.names.forEach((name, number) => {
      const values = frames.values.data.subarray(number * (last + 1) * nodes.length, (number + 1) * (last + 1) * nodes.length);
      const of = (node: GraphNode) => values[this.at * nodes.length + places.get(node)!]!;
      const good = values.filter((value) => value > 0 && Number.isFinite(value));
      if (!good.length) return;
      const most = good.reduce((a, b) => Math.max(a, b));
      const least = good.reduce((a, b) => Math.min(a, b));
      this.measures.push({
        name: `run ${name}`,
        label: `${frames.labels[number]}, by step`,
        of: (node) => (of(node) >= 0 && Number.isFinite(of(node)) ? of(node) : null),
        isBad: (node) => !Number.isFinite(of(node)),
        text: name === "zeros" ? (value) => formatPercent(value) : (value) => formatNumber(value, 3),
        range: [Math.max(least, most / 1e6), most],
      });
    });
    this.slider.max = String(last);
    this.element.append(this.play, this.slider, this.said);
    on(this.slider, "input", () => this.show(Number(this.slider.value)), signal);
    on(this.play, "click", () => (this.timer ? this.stop() : this.start()), signal);
    signal.addEventListener("abort", () => this.stop());
    this.stop();
    this.show(last);
  }

  /** Offer the slider while one of the measures is shown. */
  offer(measure: Measure | null): void {
    const mine = measure !== null && this.measures.includes(measure);
    this.element.hidden = !mine;
    if (!mine) this.stop();
  }

  private show(at: number): void {
    this.at = at;
    this.slider.value = String(at);
    const words = `step ${formatNumber(this.record.frames!.steps.data[at])}`;
    setText(this.said, words);
    this.slider.setAttribute("aria-valuetext", words);
    this.onStep();
  }

  private start(): void {
    const last = Number(this.slider.max);
    if (this.at === last) this.show(0);
    setText(this.play, "pause");
    this.timer = window.setInterval(() => {
      if (this.at === last) this.stop();
      else this.show(this.at + 1);
    }, EACH);
  }

  private stop(): void {
    clearInterval(this.timer);
    this.timer = 0;
    setText(this.play, "play");
  }
}
