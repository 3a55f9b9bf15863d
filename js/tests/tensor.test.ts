import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { mount } from "../bundles/values";
import { fit, placeAt } from "../tensor/panels";
import { givePage, Packer, settle, TestPort, type Drawn } from "./page";

let drawn: Drawn[];
let host: HTMLElement;
let port: TestPort;
let unmount: () => void;

const NAME = "<img src=x onerror=alert(1)>";

type Change = Record<string, unknown>;

function tell(change: Change | ((packer: Packer) => Change) = {}, values = [1, -2, 3, 0, 5, -6], marks: number[] = []): void {
  const packer = new Packer();
  const axis = (name: string, size: number, role: string, more = {}) => {
    return { name, size, role, start: 0, stop: role === "index" ? 1 : size, every: 1, ...more };
  };
  const record = {
    title: NAME,
    kind: "ndarray",
    dtype: "float32",
    device: "cpu",
    shape: [4, 2, 3],
    size: 24,
    nbytes: 96,
    stats: {
      mean: 0, std: 1, low: -6, high: 5, norm: 1, zeros: 0.25, nans: 3, infinities: 0,
      histogram: packer.array("float32", [1, 2, 3]),
    },
    facts: [["looks like", NAME]],
    notes: ["of a sample"],
    mode: "values",
    modes: ["values", "pca"],
    part: "",
    axes: [axis("time", 4, "index"), axis("rows", 2, "rows"), axis("columns", 3, "columns")],
    palette: "diverging",
    low: -6,
    high: 6,
    square: false,
    cells: packer.array("float64", values, [1, 2, 3]),
    marks: packer.array("uint8", marks),
    image: packer.array("uint8", []),
    points: packer.array("float32", [], [0, 2]),
    rows: packer.array("float32", []),
    classes: [],
    codes: packer.array("int32", []),
    ...(typeof change === "function" ? change(packer) : change),
  };
  port.say({ type: "record", record }, packer.buffers);
}

const root = () => host.shadowRoot!;
const one = <E extends HTMLElement = HTMLElement>(selector: string) => root().querySelector<E>(selector)!;
const key = (name: string) => one(".cells").dispatchEvent(new KeyboardEvent("keydown", { key: name }));

beforeEach(() => {
  drawn = givePage();
  host = document.createElement("div");
  document.body.append(host);
  port = new TestPort();
  unmount = mount("tensor", host, port);
});

afterEach(() => {
  unmount();
  host.remove();
  vi.unstubAllGlobals();
});

it("draws the cells and says the statistics, names as text", async () => {
  tell();
  await settle();
  expect(drawn.filter(({ name }) => name === "putImageData").length).toBe(1);
  const texts = drawn.filter(({ name }) => name === "fillText").map(({ args }) => args[0]);
  expect(texts).toContain("−6");
  expect(one("h3").textContent).toBe(NAME);
  expect(root().querySelector("img")).toBeNull();
  expect(one("aside").textContent).toContain("zeros25 %");
  expect(one("dd.bad").textContent).toBe("3");
});

it("signs cells that are no number, and explains the signs", async () => {
  tell({}, [0, 0, 0, 0, 0, 0], [1, 2, 3, 4, 0, 0]);
  await settle();
  const texts = drawn.filter(({ name }) => name === "fillText").map(({ args }) => args[0]);
  expect(texts.slice(0, 3)).toEqual(["×", "+", "−"]);
  expect(one(".legend").textContent).toContain("NaN+∞−−∞masked");
});

it("says cells in words as the arrow keys walk them, and keeps what is chosen", async () => {
  tell();
  await settle();
  key("ArrowRight");
  key("ArrowRight");
  key("ArrowDown");
  expect(one(".cells .unseen").textContent).toBe("[0, 1, 1]: value 5");
  key("Enter");
  expect(one(".pins li").textContent).toBe("[0, 1, 1]5×");
  one(".pins button").click();
  expect(one(".pins").children.length).toBe(0);
});

it("asks for another part when a slider moves, one question at a time", async () => {
  tell();
  await settle();
  const slider = one<HTMLInputElement>('input[type="range"]');
  for (const value of ["1", "2", "3"]) {
    slider.value = value;
    slider.dispatchEvent(new Event("input"));
  }
  const asked = () => port.sent.slice(1).map((message) => message["have"]);
  expect(asked()).toEqual([{ look: { index: [1, 0, 0] } }]);
  tell();
  expect(asked().length).toBe(2);
  expect(asked()[1]).toEqual({ look: { index: [3, 0, 0] } });
  tell();
  expect(asked().length).toBe(2);
});

it("asks for a window around a cell, and for the whole again", async () => {
  tell();
  await settle();
  key("ArrowRight");
  key("+");
  expect(port.sent.at(-1)!["have"]).toEqual({ look: { window: [0, 2, 0, 2] } });
  tell();
  key("-");
  expect(port.sent.at(-1)!["have"]).toEqual({ look: { window: null } });
});

it("exchanges axes, and asks for another way of looking", async () => {
  tell();
  await settle();
  const rows = one<HTMLSelectElement>(".controls select");
  rows.selectedIndex = 2;
  rows.dispatchEvent(new Event("change"));
  expect(port.sent.at(-1)!["have"]).toEqual({ look: { window: null, rows: 2, columns: 1, panels: -1 } });
  tell();
  one(".modes button:last-child").click();
  expect(port.sent.at(-1)!["have"]).toMatchObject({ look: { mode: "pca" } });
});

it("says the label of a point, and which look stands for which", async () => {
  const names = [NAME, ...Array.from({ length: 19 }, (_, i) => `class ${i}`)];
  tell((packer) => ({
    mode: "pca",
    classes: names,
    points: packer.array("float32", [0, 0, 1, 1, 2, 0], [3, 2]),
    rows: packer.array("int32", [4, 7, 9]),
    codes: packer.array("int32", [0, 19, -1]),
  }));
  await settle();
  const legend = [...root().querySelectorAll(".legend .sign")].map((each) => each.textContent);
  expect(legend).toHaveLength(20);
  expect(legend[0]).toBe(NAME);
  expect(legend.slice(-2)).toEqual(["2 others", "without a label"]);
  const said = [0, 1, 2].map(() => {
    key("ArrowDown");
    return root().querySelector("[aria-live]")!.textContent;
  });
  expect(said).toEqual([`row 4: label ${NAME}`, "row 7: label class 18", "row 9: label none"]);
});

it("shows a tensor without elements in words", async () => {
  const packer = new Packer();
  const nothing = packer.array("float64", [], [0, 0, 0]);
  tell({ size: 0, shape: [0, 3], stats: null, axes: [], notes: ["no elements"] });
  await settle();
  expect(nothing).toBeDefined();
  expect(one(".notes").textContent).toBe("no elements");
});

it("finds the cell under the pointer, panel by panel", () => {
  const shape = { panels: 5, rows: 2, columns: 3 };
  const grid = fit(shape, 300, 200, false);
  expect(grid.across).toBeGreaterThan(1);
  expect(placeAt(grid, shape, 1, grid.head + 1)).toEqual({ panel: 0, row: 0, column: 0 });
  expect(placeAt(grid, shape, 1, 1)).toBeNull();
  const right = 3 * grid.width + 12 + 1.5 * grid.width;
  expect(placeAt(grid, shape, right, grid.head + 1.5 * grid.height)).toEqual({ panel: 1, row: 1, column: 1 });
});
