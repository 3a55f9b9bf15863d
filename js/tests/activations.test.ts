import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { mount } from "../bundles/walks";
import { givePage, Packer, settle, TestPort } from "./page";

let host: HTMLElement;
let port: TestPort;
let unmount: () => void;

const NAME = "<img src=x onerror=alert(1)>";
const GRAPH = {
  title: NAME, subtitle: "", nodes: [], edges: { $array: 0, dtype: "int32", shape: [0, 3] }, params: 0,
  trainable: 0, flops: 0, memory: 0, error: "", findings: [],
};

function step(phase: string, column: number, neuron: number, node = ""): Record<string, unknown> {
  return {
    phase, node, column, neuron, title: `${phase} ${NAME}`, lines: [`a = ${column}`],
    looks: node ? ["output", "gradient"] : [],
  };
}

function tell(network: boolean, walk: unknown[]): void {
  const packer = new Packer();
  packer.array("float32", []);
  const row = (...values: number[]) => packer.array("float64", values);
  const table = (values: number[], shape: number[]) => packer.array("float64", values, shape);
  const column = (name: string, values: number[], weights: number[], sources: number) => ({
    name, function: "tanh", weights: table(weights, [weights.length ? values.length : 0, sources]),
    bias: row(...(weights.length ? values.map(() => 0.5) : [])), sums: row(...values), values: row(...values),
    d_weights: table(weights.map((w) => -w), [values.length, sources]), d_bias: row(...values),
    d_sums: row(...values), d_values: row(...values.map((value) => 10 * value)),
  });
  const columns = [column("input", [1, 2], [], 0), column(NAME, [3], [0.25, -0.75], 2)];
  const record = {
    graph: GRAPH, objective: "gradients of the loss", walk,
    network: network ? { columns, loss: 7, objective: "mse", example: 0, examples: 3 } : null,
  };
  port.say({ type: "record", kind: "ActivationRecord", record }, packer.buffers);
}

const LESSON = [
  step("forward", 1, 0, "0"), step("loss", 2, -1), step("backward", 1, 0, "0"), step("backward", 0, 0),
  step("backward", 0, 1),
];

const root = () => host.shadowRoot!;
const one = <E extends Element = HTMLElement>(selector: string) => root().querySelector<E>(selector)!;
const press = (label: string) => one<HTMLButtonElement>(`[aria-label="${label}"]`).click();
const said = (selector: string) => [...root().querySelectorAll(selector)].map(({ textContent }) => textContent);

beforeEach(() => {
  givePage();
  vi.stubGlobal("ResizeObserver", class { observe() {} disconnect() {} });
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener() {} }));
  host = document.createElement("div");
  document.body.append(host);
  port = new TestPort();
  unmount = mount("activations", host, port);
});

afterEach(() => {
  unmount();
  host.remove();
  vi.unstubAllGlobals();
});

it("shows values forward and derivatives backward, step by step", async () => {
  tell(true, LESSON);
  await settle();
  expect(said(".network .value")).toEqual(["1", "2", "3"]);
  expect(said(".network .d")).toEqual([]);
  expect(said(".network .edge text")).toEqual(["0.25", "−0.75"]);
  press("Next step");
  await settle();
  expect(said(".network .value")).toContain("7");
  expect(one(".stepper [role=status]").textContent).toBe("step 2 of 5 · loss");
  press("Next step");
  await settle();
  expect(said(".network .d")).toEqual(["−0.25", "0.75", "30"]);
  press("End: last step");
  await settle();
  expect(said(".network .d")).toEqual(["−0.25", "0.75", "10", "20", "30"]);
  press("Start: first step");
  await settle();
  expect(said(".network .d")).toEqual([]);
});

it("is walked by keys, and stays within the walk", async () => {
  tell(true, LESSON);
  await settle();
  const key = (name: string) =>
    one(".stepper").dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
  for (const name of ["End", "ArrowRight", "ArrowLeft"]) key(name);
  expect(one(".stepper [role=status]").textContent).toBe("step 4 of 5 · backward");
  key("Home");
  key("ArrowLeft");
  expect(one(".stepper [role=status]").textContent).toBe("step 1 of 5 · forward");
});

it("goes to the steps of a neuron that is chosen, which can be reached by keys", async () => {
  tell(true, LESSON);
  await settle();
  const neurons = [...root().querySelectorAll("g.neuron [tabindex]")];
  expect(neurons.map((each) => each.getAttribute("aria-label"))[2]).toBe(`layer ${NAME} tanh, neuron 1: 3`);
  neurons[2]!.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
  expect(one(".stepper [role=status]").textContent).toBe("step 3 of 5 · backward");
});

it("writes names and formulas as text", async () => {
  tell(true, LESSON);
  await settle();
  expect(root().querySelector("img")).toBeNull();
  expect(one(".lines").textContent).toBe(`forward ${NAME}a = 1`);
  expect(said(".network .name")).toContain(`layer ${NAME} tanh`);
});

it("asks for another example", async () => {
  tell(true, LESSON);
  await settle();
  const slider = one<HTMLInputElement>('[aria-label="example"]');
  slider.value = "2";
  slider.dispatchEvent(new Event("input"));
  expect(port.sent.at(-1)).toEqual({ type: "hello", have: { example: 2 } });
});

it("opens a layer's tensor in the viewer, which hears of that tensor alone", async () => {
  tell(false, [step("forward", -1, -1, "conv")]);
  await settle();
  expect(root().querySelector(".network")).toBeNull();
  one<HTMLButtonElement>(".looks button").click();
  expect(port.sent.at(-1)).toEqual({ type: "hello", have: { tensor: ["conv", "output"] } });
  const other = { title: "relu: output", notes: [] };
  port.say({ type: "record", kind: "TensorRecord", record: other });
  expect(one(".tensor h3").textContent).toBe("");
  expect(one(".looks button").getAttribute("aria-pressed")).toBe("true");
});

it("hides the walk where there is none", async () => {
  tell(false, []);
  await settle();
  expect(one(".walk").hidden).toBe(true);
  expect(one(".activations > .small").textContent).toBe("gradients of the loss");
});
