import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { mount } from "../bundles/runs";
import { givePage, Packer, settle, TestPort, type Drawn } from "./page";

let drawn: Drawn[];
let host: HTMLElement;
let port: TestPort;
let unmount: () => void;

function tell(start: number, rows: number[][], findings: unknown[] = []): void {
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
  const record = { title: "net", status: "running", gradients, findings };
  port.say({ type: "record", record }, packer.buffers);
}

const one = (selector: string) => host.shadowRoot!.querySelector<HTMLElement>(selector)!;

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
  expect(port.sent.at(-1)).toEqual({ type: "hello", have: { gradients: 2 } });
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
