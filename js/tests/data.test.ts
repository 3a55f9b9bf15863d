import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { mount } from "../bundles/values";
import { givePage, Packer, TestPort } from "./page";

const NAME = "<img src=x onerror=alert(1)>";
const NONE = { $number: "nan" };

let host: HTMLElement;
let port: TestPort;
let unmount: () => void;

function tell(): void {
  const packer = new Packer();
  const field = (name: string, mean: number, counts: number[], more = {}) => ({
    name, kind: "number", shape: [], dtype: "float32", low: 0, high: 4, mean, std: 1, nans: 0, infinities: 0,
    distinct: null, histogram: packer.array("float32", counts), start: 0, stop: 4, column: true, ...more,
  });
  const text = field("words", 0, [], { kind: "text", low: NONE, high: NONE, mean: NONE, std: NONE, distinct: 3, column: false });
  const part = (title: string, mean: number, classes: [string, number][], counts: number[]) => ({
    title, kind: "TensorDataset", total: 8, seen: 8, more_columns: 0, classes, samples: [],
    fields: [field("size", 0, counts), field(NAME, mean, counts, { nans: mean }), text],
  });
  const side = (part: string, number: number, target: string) => ({ part, number, target });
  const pair = (more: Record<string, unknown>) => ({
    first: side("train", 3, "cat"), second: side("val", 1, NAME), differs: true, image: packer.array("uint8", []),
    cells: [], text: "", ...more,
  });
  const record = {
    parts: [
      part("train", 0, [["cat", 6], [NAME, 2]], [1, 1, 1, 1]),
      part(NAME, 2, [["cat", 4], ["dog", 4]], [0, 0, 0, 4]),
    ],
    findings: [{ level: "bad", title: NAME, text: "" }],
    groups: [
      { title: "In both", level: "bad", count: 30, pairs: [pair({ image: packer.array("uint8", [0, 9, 8, 7], [2, 2, 1]) })] },
      { title: "Twice", level: "note", count: 1, pairs: [pair({ cells: [["size", "1.5"], [NAME, "2"]] })] },
      { title: "Texts", level: "note", count: 1, pairs: [pair({ text: NAME })] },
    ],
  };
  port.say({ type: "record", record }, packer.buffers);
}

const root = () => host.shadowRoot!;
const all = <E extends HTMLElement = HTMLElement>(selector: string) => [...root().querySelectorAll<E>(selector)];
const one = <E extends HTMLElement = HTMLElement>(selector: string) => root().querySelector<E>(selector)!;
const press = (target: Element, key: string) => target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));

beforeEach(() => {
  givePage();
  host = document.createElement("div");
  document.body.append(host);
  port = new TestPort();
  unmount = mount("data", host, port);
  tell();
});

afterEach(() => {
  unmount();
  host.remove();
  vi.restoreAllMocks();
});

it("shows names as text", () => {
  expect(port.sent[0]).toEqual({ type: "hello", have: {} });
  expect(one("h3").textContent).toBe(`train · ${NAME}`);
  expect(all("img")).toEqual([]);
  expect(one(".findings").textContent).toContain(NAME);
});

it("puts the shares of classes beside each other, and sorts them", () => {
  const names = () => all(".classes .name").map((name) => name.textContent);
  expect(names()).toEqual(["cat", NAME, "dog"]);
  const bars = all(".classes li:first-child .bar i").map((bar) => bar.style.width);
  expect(bars[0]).toBe("100%");
  expect(parseFloat(bars[1]!)).toBeCloseTo(66.7, 1);
  expect(one(".classes").textContent).toContain("0 (0 %)");
  const order = one<HTMLSelectElement>("select[aria-label='Order of the classes']");
  order.value = "most different first";
  order.dispatchEvent(new Event("change"));
  expect(names()).toEqual(["dog", "cat", NAME]);
});

it("says how far values have moved, and opens a histogram that keys read", () => {
  const order = one<HTMLSelectElement>("select[aria-label='Order of the fields']");
  order.selectedIndex = 1;
  order.dispatchEvent(new Event("change"));
  const [first, second] = all<HTMLButtonElement>(".fields button");
  expect(first!.textContent).toBe(NAME);
  expect(one(".fields .warned").textContent).toBe("+2 σ");
  expect(one(".fields").textContent).toContain("2 NaN");
  expect(one(".fields").textContent).toContain("3 different");
  first!.focus();
  press(first!, "ArrowDown");
  expect(root().activeElement).toBe(second);
  first!.click();
  expect(first!.getAttribute("aria-expanded")).toBe("true");
  const histogram = one("[role=slider]");
  press(histogram, "End");
  expect(one(".reading").textContent).toBe(`3 … 4: train 25.0 %, ${NAME} 100 %`);
  expect(histogram.getAttribute("aria-valuenow")).toBe("3");
  press(histogram, "Home");
  expect(histogram.getAttribute("aria-valuetext")).toContain("0 … 1");
  first!.click();
  expect(one<HTMLElement>(".detail").hidden).toBe(true);
});

it("shows pairs as pictures, rows and texts", () => {
  const [pictures, rows, texts] = all(".tools[role=group] button");
  expect(pictures!.getAttribute("aria-pressed")).toBe("true");
  expect(all(".pairs canvas").length).toBe(2);
  expect(one(".pairs").textContent).toContain("another target");
  expect(one("section").textContent).toContain("and 29 more");
  rows!.click();
  expect(all("section:first-of-type tbody tr").length).toBe(2);
  expect(all("section:first-of-type thead th").map((cell) => cell.textContent)).toEqual(["sample", "target", "size", NAME]);
  texts!.click();
  expect(one(".pairs .text").textContent).toBe(NAME);
  expect(all("img")).toEqual([]);
});
