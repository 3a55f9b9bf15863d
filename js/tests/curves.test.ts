import { describe, expect, it } from "vitest";
import { group, hold, nearest, smooth, thin } from "../dashboard/curves";
import { Flow } from "../lib/flow";
import { Series } from "../lib/rows";
import type { GradientPart, SeriesPart } from "../lib/records";

const part = (start: number, end: number, values?: number[], steps?: number[]): SeriesPart => {
  const all = Array.from({ length: end - start }, (_, i) => start + i);
  const data = { steps: new Float64Array(steps ?? all), values: new Float32Array(values ?? all) };
  return {
    name: "loss",
    start,
    end,
    steps: { data: data.steps, shape: [data.steps.length] },
    values: { data: data.values, shape: [data.values.length] },
  };
};

describe("a series", () => {
  it("grows by parts, and takes of an overlapping part only what is new", () => {
    const series = new Series();
    expect(series.merge(part(0, 300))).toBe(true);
    expect(series.merge(part(250, 700))).toBe(true);
    expect(series.merge(part(100, 200))).toBe(true);
    expect(series.length).toBe(700);
    expect([...series.values.slice(298, 302)]).toEqual([298, 299, 300, 301]);
    expect(series.end).toBe(700);
  });
  it("refuses a part that would leave a hole", () => {
    const series = new Series();
    series.merge(part(0, 10));
    expect(series.merge(part(11, 20))).toBe(false);
    expect(series.length).toBe(10);
  });
  it("lets a thinned part replace what lies at its steps", () => {
    const series = new Series();
    series.merge(part(0, 10));
    expect(series.merge(part(5, 1000, [1, 2, 3], [5, 500, 999]))).toBe(true);
    expect([...series.steps]).toEqual([0, 1, 2, 3, 4, 5, 500, 999]);
    expect(series.end).toBe(1000);
    expect(series.merge(part(1000, 1001))).toBe(true);
  });
});

describe("gradient rows", () => {
  const sample = (start: number, rows: number, layers = ["a", "b"]): GradientPart => {
    const numbers = new Float32Array(rows * layers.length).map((_, i) => start * layers.length + i);
    const table = { data: numbers, shape: [rows, layers.length] };
    const steps = new Float64Array(rows).map((_, i) => 10 * (start + i));
    return {
      layers,
      start,
      end: start + rows,
      steps: { data: steps, shape: [rows] },
      norms: table,
      weights: table,
      updates: table,
    };
  };
  it("grow, skip what is known, refuse holes, and start again for another model", () => {
    const rows = new Flow().gradients;
    expect(rows.merge(sample(0, 3))).toBe(true);
    expect(rows.merge(sample(2, 3))).toBe(true);
    expect(rows.steps).toEqual([0, 10, 20, 30, 40]);
    expect([...rows.tables["norms"]![4]!]).toEqual([8, 9]);
    expect(rows.merge(sample(9, 1))).toBe(false);
    expect(rows.merge(sample(0, 1, ["c"]))).toBe(true);
    expect(rows.steps).toEqual([0]);
  });
});

describe("smooth", () => {
  it("weight 0 is the raw curve; a constant stays itself from the first point", () => {
    expect([...smooth([3, 1, 2], 0)]).toEqual([3, 1, 2]);
    smooth([5, 5, 5], 0.9).forEach((value) => expect(value).toBeCloseTo(5));
  });
  it("passes what is no number through and does not average it in", () => {
    const out = smooth([1, NaN, 1], 0.5);
    expect(out[1]).toBeNaN();
    expect(out[2]).toBeCloseTo(1);
  });
});

describe("thin", () => {
  const steps = Array.from({ length: 10_000 }, (_, i) => i);
  it("keeps every spike", () => {
    const values = steps.map(() => 0);
    values[7777] = 9;
    values[1234] = -9;
    const thinned = thin({ steps, values }, 200);
    expect(thinned.steps.length).toBeLessThanOrEqual(400);
    expect(Math.max(...Array.from(thinned.values))).toBe(9);
    expect(Math.min(...Array.from(thinned.values))).toBe(-9);
    expect(Array.from(thinned.steps)).toEqual([...Array.from(thinned.steps)].sort((a, b) => a - b));
  });
  it("gives all points of a small window and one beyond each edge", () => {
    const thinned = thin({ steps, values: steps }, 200, 50, 60);
    expect(thinned.steps[0]).toBe(49);
    expect(thinned.steps[thinned.steps.length - 1]).toBe(60);
  });
});

it("nearest finds the closest step", () => {
  expect([-5, 1, 14, 16, 99].map((step) => nearest([0, 10, 20], step))).toEqual([0, 0, 1, 2, 2]);
  expect(nearest([], 3)).toBe(-1);
});

it("hold keeps a set value until the next one and to the end", () => {
  expect(hold({ steps: [1, 5], values: [0.1, 0.2] }, 9)).toEqual({
    steps: [1, 4, 5, 9],
    values: [0.1, 0.1, 0.2, 0.2],
  });
});

it("group puts training and validation into one chart, losses first, the machine last", () => {
  const names = ["throughput", "accuracy", "loss", "lr", "val_loss", "val_accuracy"];
  expect(group(names)).toEqual([
    { title: "loss", names: ["loss", "val_loss"] },
    { title: "accuracy", names: ["accuracy", "val_accuracy"] },
    { title: "throughput", names: ["throughput"] },
    { title: "lr", names: ["lr"] },
  ]);
});
