// @vitest-environment jsdom
import { afterEach, describe, expect, it, vi } from "vitest";
import { palette } from "../colours";
import { Colouring } from "../colouring";
import { Film } from "../film";
import { rangeOf } from "../measures";
import { lenet } from "./records";

const colours = palette(false, () => "rgb(255, 255, 255)");

function filmed(values: number[][]) {
  const record = lenet();
  const steps = values.length;
  const data = new Float32Array(2 * steps * record.nodes.length).fill(-1);
  values.forEach((row, at) => row.forEach((value, node) => (data[at * record.nodes.length + node] = value)));
  record.frames = {
    names: ["gradient", "zeros"],
    labels: ["gradient norm", "fraction of zeros"],
    steps: { data: Float64Array.from(values, (_, at) => 10 * at), shape: [steps] },
    values: { data, shape: [2, steps, record.nodes.length] },
  };
  const life = new AbortController();
  const film = new Film(record, life.signal);
  const colouring = new Colouring(record, film.measures);
  colouring.choose("run gradient", colours);
  film.offer(colouring.measure);
  return { record, film, colouring, life };
}

afterEach(() => vi.useRealTimers());

describe("a run's measures on the graph", () => {
  it("are offered where they have numbers, on one scale for all steps", () => {
    const { record, film, colouring } = filmed([[1], [100]]);
    expect(film.measures.map(({ label }) => label)).toEqual(["gradient norm, by step"]);
    expect(rangeOf(record, colouring.measure!)).toEqual([1, 100]);
    expect(film.element.hidden).toBe(false);
    film.offer(null);
    expect(film.element.hidden).toBe(true);
  });

  it("follow the slider, which says the step", () => {
    const { record, film, colouring } = filmed([[1], [100]]);
    const slider = film.element.querySelector("input")!;
    let told = 0;
    film.onStep = () => told++;
    expect(colouring.measure!.of(record.nodes[0]!)).toBe(100);
    slider.value = "0";
    slider.dispatchEvent(new Event("input"));
    expect(colouring.measure!.of(record.nodes[0]!)).toBe(1);
    expect(slider.getAttribute("aria-valuetext")).toBe("step 0");
    expect(told).toBe(1);
  });

  it("mark what is no number, and leave what has none", () => {
    const { record, colouring } = filmed([[1, NaN]]);
    expect(colouring.paintOf(1, colours)).toEqual(colours.failed);
    expect(colouring.measure!.of(record.nodes[2]!)).toBeNull();
  });

  it("grow while the run goes on: the last step goes along, another one stays", () => {
    const { record, film, colouring } = filmed([[1], [100]]);
    const slider = film.element.querySelector("input")!;
    const longer = filmed([[1], [100], [1000]]).record.frames!;
    expect(film.update(longer)).toBe(true);
    expect(colouring.measure!.of(record.nodes[0]!)).toBe(1000);
    expect(rangeOf(record, colouring.measure!)).toEqual([1, 1000]);
    slider.value = "1";
    slider.dispatchEvent(new Event("input"));
    const other = filmed([[1], [100], [1000], [7]]).record.frames!;
    expect(film.update(other)).toBe(true);
    expect(film.element.textContent).toContain("step 10");
    expect([slider.value, slider.max]).toEqual(["1", "3"]);
  });

  it("are made anew when another measure gets its first numbers", () => {
    const { film, record } = filmed([[1], [100]]);
    const frames = record.frames!;
    const data = frames.values.data.slice().fill(0.5);
    expect(film.update({ ...frames, values: { ...frames.values, data } })).toBe(false);
  });

  it("play to the end and stop there", () => {
    vi.useFakeTimers();
    const { film, life } = filmed([[1], [2], [3]]);
    const button = film.element.querySelector("button")!;
    button.click();
    expect(film.element.textContent).toBe("pausestep 0");
    vi.advanceTimersByTime(2000);
    expect(film.element.textContent).toBe("playstep 20");
    life.abort();
  });
});
