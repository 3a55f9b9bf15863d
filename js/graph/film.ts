// A run's measures on the graph, step by step: a slider, and a button that plays them. While the
// run goes on, newer steps come; whoever looks at the last one goes along.

import { h, on, setText } from "../lib/dom";
import { formatNumber, formatPercent } from "../lib/format";
import type { FlowFrames, GraphNode, GraphRecord } from "../lib/records";
import type { Measure } from "./measures";

const EACH = 250; // milliseconds a step is shown

export class Film {
  readonly measures: Measure[] = [];
  readonly element = h("div", { class: "film row small", hidden: true });
  /** Called when another step is to be seen. */
  onStep = () => {};
  private frames: FlowFrames | null;
  private at = 0;
  private timer = 0;
  private readonly play = h("button", { class: "button", type: "button" });
  private readonly slider = h("input", { type: "range", min: 0, step: 1, "aria-label": "Step" });
  private readonly said = h("output", {});

  constructor(record: GraphRecord, signal: AbortSignal) {
    const { frames, nodes } = record;
    this.frames = frames;
    if (!frames) return;
    const places = new Map(nodes.map((node, place) => [node, place]));
    for (const [number, range] of rangesOf(frames)) {
      const name = frames.names[number]!;
      const of = (node: GraphNode) => valuesOf(this.frames!, number)[this.at * nodes.length + places.get(node)!]!;
      this.measures.push({
        name: `run ${name}`,
        label: `${frames.labels[number]}, by step`,
        of: (node) => (of(node) >= 0 && Number.isFinite(of(node)) ? of(node) : null),
        isBad: (node) => !Number.isFinite(of(node)),
        text: name === "zeros" ? (value) => formatPercent(value) : (value) => formatNumber(value, 3),
        range,
      });
    }
    this.element.append(this.play, this.slider, this.said);
    on(this.slider, "input", () => this.show(Number(this.slider.value)), signal);
    on(this.play, "click", () => (this.timer ? this.stop() : this.start()), signal);
    signal.addEventListener("abort", () => this.stop());
    this.stop();
    this.slider.max = String(this.last);
    this.show(this.last);
  }

  private get last(): number {
    return this.frames!.steps.data.length - 1;
  }

  /** Show what the run has come to since; false where that takes other measures than there are. */
  update(frames: FlowFrames): boolean {
    const ranges = rangesOf(frames);
    const names = [...ranges.keys()].map((number) => `run ${frames.names[number]}`);
    if (names.join() !== this.measures.map(({ name }) => name).join()) return false;
    const [goesAlong, step] = [this.at === this.last, this.frames!.steps.data[this.at]!];
    this.frames = frames;
    [...ranges.values()].forEach((range, place) => (this.measures[place]!.range = range));
    this.slider.max = String(this.last);
    // The steps that are kept change: the one nearest to what was seen takes its place.
    const near = frames.steps.data.findIndex((other) => other >= step);
    this.show(goesAlong || near < 0 ? this.last : near);
    return true;
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
    const words = `step ${formatNumber(this.frames!.steps.data[at])}`;
    setText(this.said, words);
    this.slider.setAttribute("aria-valuetext", words);
    this.onStep();
  }

  private start(): void {
    if (this.at === this.last) this.show(0);
    setText(this.play, "pause");
    this.timer = window.setInterval(() => {
      if (this.at === this.last) this.stop();
      else this.show(this.at + 1);
    }, EACH);
  }

  private stop(): void {
    clearInterval(this.timer);
    this.timer = 0;
    setText(this.play, "play");
  }
}

/** The numbers of one measure, step after step. */
function valuesOf({ values, names }: FlowFrames, number: number): Float32Array {
  const each = values.data.length / names.length;
  return values.data.subarray(number * each, (number + 1) * each);
}

/** The measures that have numbers, each with the least and the most over all steps. */
function rangesOf(frames: FlowFrames): Map<number, [number, number]> {
  const found = new Map<number, [number, number]>();
  frames.names.forEach((_, number) => {
    const good = valuesOf(frames, number).filter((value) => value > 0 && Number.isFinite(value));
    if (!good.length) return;
    const most = good.reduce((a, b) => Math.max(a, b));
    found.set(number, [Math.max(good.reduce((a, b) => Math.min(a, b)), most / 1e6), most]);
  });
  return found;
}
