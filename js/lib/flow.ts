// What goes on in the layers of a run: samples by layer, and histograms, that grow as parts come.

import type { ActivationPart, GradientPart, HistogramPart } from "./records";

type Tables = Record<string, { data: Float32Array }>;

/** Samples of some measures by layer, one row a sampled step. */
class LayerRows {
  layers: string[] = [];
  steps: number[] = [];
  end = 0;
  /** Of each measure the rows: tables[measure][sample][layer]. */
  readonly tables: Record<string, Float32Array[]> = {};

  constructor(private readonly measures: readonly string[]) {
    for (const measure of measures) this.tables[measure] = [];
  }

  merge(part: GradientPart | ActivationPart): boolean {
    if (part.layers.join("\n") !== this.layers.join("\n")) {
      if (part.start > 0) return false;
      this.layers = part.layers;
      this.end = 0;
      this.forgetFrom(-Infinity);
    }
    if (part.start > this.end) return false;
    const width = this.layers.length;
    const rows = part.steps.data.length;
    const thinned = rows !== part.end - part.start;
    if (thinned && part.start < this.end) this.forgetFrom(part.steps.data[0] ?? Infinity);
    for (let row = thinned ? 0 : Math.max(0, this.end - part.start); row < rows; row++) {
      this.steps.push(part.steps.data[row]!);
      for (const measure of this.measures) {
        const { data } = (part as unknown as Tables)[measure]!;
        this.tables[measure]!.push(data.slice(row * width, (row + 1) * width));
      }
    }
    this.end = Math.max(this.end, part.end);
    return true;
  }

  private forgetFrom(step: number): void {
    let keep = this.steps.length;
    while (keep > 0 && this.steps[keep - 1]! >= step) keep--;
    this.steps.length = keep;
    for (const measure of this.measures) this.tables[measure]!.length = keep;
  }
}

export interface Histogram {
  step: number;
  /** The largest magnitude lies below 2 ** peak. */
  peak: number;
  /** Shares: octaves of the negative numbers, what is nearly 0, octaves of the positive ones. */
  bins: Uint8Array;
}

export const BINS = 23;

class Histograms {
  end = 0;
  private readonly known = new Map<string, Histogram[]>();

  merge({ start, end, places, bins }: HistogramPart): boolean {
    if (start > this.end) return false;
    if (end <= this.end) return true;
    if (start === 0) this.known.clear();
    for (let at = start && this.end - start; at * 4 < places.data.length; at++) {
      const [step, kind, layer, peak] = places.data.subarray(4 * at, 4 * at + 4);
      const key = `${kind}:${layer}`;
      const list = this.known.get(key) ?? [];
      this.known.set(key, list);
      list.push({ step: step!, peak: peak!, bins: bins.data.slice(BINS * at, BINS * (at + 1)) });
    }
    this.end = end;
    return true;
  }

  /** The newest at or before a step; before the first, that one. */
  at(kind: number, layer: number, step: number): Histogram | undefined {
    const list = this.known.get(`${kind}:${layer}`) ?? [];
    return list.findLast((each) => each.step <= step) ?? list[0];
  }
}

/** All of it, for one run. */
export class Flow {
  readonly gradients = new LayerRows(["norms", "weights", "updates"]);
  readonly activations = new LayerRows(["means", "stds", "zeros", "dead", "saturated"]);
  readonly histograms = new Histograms();

  /** Take in what came; false when something between is missing. */
  merge(record: {
    gradients: GradientPart | null;
    activations: ActivationPart | null;
    histograms: HistogramPart | null;
  }): boolean {
    const { gradients, activations, histograms } = record;
    const whole = [
      !gradients || this.gradients.merge(gradients),
      !activations || this.activations.merge(activations),
      !histograms || this.histograms.merge(histograms),
    ];
    return whole.every(Boolean);
  }

  /** What to tell Python when asking for the rest. */
  have(): Record<string, number> {
    const { gradients, activations, histograms } = this;
    return { gradients: gradients.end, activations: activations.end, histograms: histograms.end };
  }
}
