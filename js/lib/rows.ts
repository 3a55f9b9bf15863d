// Rows that grow while a run goes on: points of a series. Parts may overlap
// what is here (another page asked for them) or come thinned; a part that would leave a hole is
// refused, and the view asks again.

import type { SeriesPart } from "./records";

/** One series: x and y in arrays that double when they are full. */
export class Series {
  private xs = new Float64Array(256);
  private ys = new Float32Array(256);
  private count = 0;
  /** How many points Python has told of; fewer may be kept, where they came thinned. */
  end = 0;

  get length(): number {
    return this.count;
  }
  get steps(): Float64Array {
    return this.xs.subarray(0, this.count);
  }
  get values(): Float32Array {
    return this.ys.subarray(0, this.count);
  }
  get last(): number | undefined {
    return this.ys[this.count - 1];
  }

  /** Add a part; false when points are missing between what is here and the part. */
  merge(part: SeriesPart): boolean {
    if (part.start > this.end) return false;
    if (part.end <= this.end) return true;
    const { data: steps } = part.steps;
    const { data: values } = part.values;
    let from = 0;
    if (part.start < this.end && steps.length === part.end - part.start) {
      from = this.end - part.start;
    } else if (part.start < this.end) {
      // A thinned part has no index for each point: it replaces what lies at its steps.
      const first = steps[0] ?? Infinity;
      while (this.count > 0 && this.xs[this.count - 1]! >= first) this.count--;
    }
    const added = steps.length - from;
    this.reserve(this.count + added);
    this.xs.set(steps.subarray(from), this.count);
    this.ys.set(values.subarray(from), this.count);
    this.count += added;
    this.end = part.end;
    return true;
  }

  private reserve(size: number): void {
    if (size <= this.xs.length) return;
    const room = Math.max(size, 2 * this.xs.length);
    const [xs, ys] = [new Float64Array(room), new Float32Array(room)];
    xs.set(this.steps);
    ys.set(this.values);
    this.xs = xs;
    this.ys = ys;
  }
}
