import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { mount } from "../bundles/runs";
import { rowsOf, worst } from "../lib/measures";
import { givePage, Packer, settle, TestPort, type Drawn } from "./page";

let drawn: Drawn[];
let host: HTMLElement;
let port: TestPort;
let unmount: () => void;

type Extra = (packer: Packer) => Record<string, unknown>;

function tell(start: number, rows: number[][], findings: unknown[] = [], extra: Extra = () => ({})): void {
  const packer = new Packer();
  const shape = [rows.length, 2];
  const table = () => packer.array("float32", rows.flat(), shape);
  const steps = rows.map((_, i) => 10 * (start + i));
  const gradients = {
    layers: ["first", "<b>last</b>"],
    start,
    end: start + rows.length,
    steps: packer.array("float64", steps),
    norms: table(),
    weights: table(),
    updates: table(),
  };
  const record = { title: "net", status: "running", gradients, findings, ...extra(packer) };
  port.say({ type: "record", record }, packer.buffers);
}

const one = <E extends HTMLElement>(selector: string) => host.shadowRoot!.querySelector<E>(selector)!;

beforeEach(() => {
  drawn = givePage();
  host = document.createElement("div");
  document.body.append(host);
  port = new TestPort();
  unmount = mount("gradients", host, port);
});

afterEach(() => {
  unmount();
  host.remove();
  vi.unstubAllGlobals();
});

it("draws a cell for each layer and sample, with names as drawn text", async () => {
  tell(0, [[1, 2], [3, 4], [5, 6]]);
  await settle();
  expect(drawn.filter(({ name }) => name === "fillRect").length).toBe(6);
  const texts = drawn.filter(({ name }) => name === "fillText").map(({ args }) => args[0]);
  expect(texts).toContain("<b>last</b>");
  expect(one(".gradients header").textContent).toContain("net · 2 layers · 3 samples");
});

it("marks a cell that is no number by a cross as well as by colour", async () => {
  tell(0, [[1, 2], [NaN, Infinity]]);
  await settle();
  expect(drawn.filter(({ name }) => name === "lineTo").length).toBe(4);
});

it("appends what comes, and greets again when something is missing", async () => {
  tell(0, [[1, 2]]);
  tell(1, [[1, 2]]);
  await settle();
  expect(one(".gradients header").textContent).toContain("2 samples");
  tell(7, [[1, 2]]);
  expect(port.sent.at(-1)).toEqual({ type: "hello", have: { gradients: 2, activations: 0, histograms: 0 } });
});

it("says cells in words as the arrow keys walk them", async () => {
  tell(0, [[1, 2], [3, 4]]);
  await settle();
  one(".heat-area").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft" }));
  one(".heat-area").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown" }));
  expect(one(".unseen").textContent).toBe(
    "<b>last</b>: step 10, gradient norm 4, weight norm 4, update / weight 1",
  );
});

it("writes findings as text with their level", async () => {
  tell(0, [[1, 2]], [{ level: "bad", title: "<i>NaN</i>", text: "at step 3", layer: "first" }]);
  await settle();
  expect(one(".findings .bad").textContent).toBe("✕<i>NaN</i> at step 3");
});

/** Two layers' outputs at two steps, one of them not called at the second; and a histogram. */
const outputs: Extra = (packer) => {
  const table = (values: number[]) => packer.array("float32", values, [2, 2]);
  const activations = {
    layers: ["relu", "out"],
    start: 0,
    end: 2,
    steps: packer.array("float64", [1, 5]),
    means: table([0.5, -2, 0.25, NaN]),
    stds: table([1, 1, 1, NaN]),
    zeros: table([0.5, 0, 0.75, NaN]),
    dead: table([0, NaN, 0.25, NaN]),
    saturated: table([NaN, NaN, NaN, NaN]),
  };
  const bins = Array.from({ length: 23 }, (_, at) => (at === 22 ? 255 : 0));
  const histograms = {
    start: 0,
    end: 1,
    places: packer.array("int32", [5, 2, 0, 3], [1, 4]),
    bins: packer.array("uint8", bins, [1, 23]),
  };
  return { activations, histograms, measure: "zeros" };
};

it("shows the measure that is asked for, on a scale of its own", async () => {
  tell(0, [[1, 2]], [], outputs);
  await settle();
  expect(one<HTMLSelectElement>("select").value).toBe("zeros");
  expect(one(".heat-legend").textContent).toContain("fraction of zeros0 %100 %");
  const select = one<HTMLSelectElement>("select");
  select.value = "mean";
  select.dispatchEvent(new Event("change"));
  expect(one(".heat-legend").textContent).toContain("activation mean0.252");
});

it("tells of a cell what is known of the layer, and draws its histogram", async () => {
  tell(0, [[1, 2]], [], outputs);
  await settle();
  const area = one(".heat-area");
  area.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft" }));
  expect(one(".unseen").textContent).toBe("relu: step 5, mean 0.25, std 1, zeros 75.0 %, dead units 25.0 %");
  expect(one(".tooltip").querySelectorAll("rect").length).toBe(23);
  expect(one(".tooltip").textContent).toContain("−8≈ 08histogram of step 5");
  area.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown" }));
  expect(one(".unseen").textContent).toContain("not called in this step");
});

it("keeps a cell that was clicked until it is clicked again", async () => {
  tell(0, [[1, 2], [3, 4]]);
  await settle();
  const area = one(".heat-area");
  const click = () => area.dispatchEvent(new MouseEvent("click", { clientX: 700, clientY: 5 }));
  click();
  area.dispatchEvent(new MouseEvent("pointerleave"));
  expect(one(".tooltip").hidden).toBe(false);
  click();
  expect(one(".tooltip").hidden).toBe(true);
});

it("groups layers by module where they are many, and opens a group", () => {
  const layers = Array.from({ length: 120 }, (_, at) => `h.${Math.floor(at / 12)}.${at % 12}.weight`);
  const closed = rowsOf(layers, new Set());
  expect(closed.map(({ label }) => label)).toContain("▸ h.0 (12)");
  expect(closed.length).toBe(10);
  const open = rowsOf(layers, new Set(["h.1"]));
  expect(open.length).toBe(22);
  expect(open[2]!.label).toBe("· h.1.0.weight");
  expect(worst(Float32Array.of(1, 5, NaN), [0, 1])).toBe(5);
  expect(worst(Float32Array.of(1, 5, NaN), [0, 2])).toBeNaN();
  expect(rowsOf(["a", "b"], new Set()).map(({ label }) => label)).toEqual(["a", "b"]);
});
