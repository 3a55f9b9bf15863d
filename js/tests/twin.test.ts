import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { findTwin, hideTwin } from "../lib/twin";

let calls: (() => void)[];

beforeEach(() => {
  calls = [];
  vi.stubGlobal(
    "ResizeObserver",
    class {
      constructor(call: () => void) {
        calls.push(call);
      }
      observe(): void {}
      disconnect(): void {}
    },
  );
});
afterEach(() => {
  document.body.replaceChildren();
  vi.unstubAllGlobals();
});

/** A cell's outputs as JupyterLab builds them, from their inner HTML; [0] has our view. */
function outputs(...inner: string[]): { host: HTMLElement; children: HTMLElement[] } {
  return outputsOf("jp-OutputArea", "jp-OutputArea-child", inner);
}

function outputsOf(
  areaClass: string,
  childClass: string,
  inner: string[],
): { host: HTMLElement; children: HTMLElement[] } {
  const area = document.createElement("div");
  area.className = areaClass;
  for (const html of inner) {
    const child = document.createElement("div");
    child.className = childClass;
    child.innerHTML = html;
    area.append(child);
  }
  document.body.append(area);
  const children = [...area.children] as HTMLElement[];
  return { host: children[0]!.querySelector<HTMLElement>(".view")!, children };
}
const VIEW = '<div class="view"></div>';
const text = encodeURIComponent('<svg id="nbdl-twin-7" xmlns="http://www.w3.org/2000/svg"></svg>');
const SVG = `<div class="jp-RenderedSVG"><img src="data:image/svg+xml,${text}"></div>`;
const PNG = '<div class="jp-RenderedImage"><img src="data:image/png;base64,AAAA"></div>';

it("finds the picture with its id, wherever it stands after the view", () => {
  const { host, children } = outputs(VIEW, "<pre>printed</pre>", SVG);
  expect(findTwin(host, "nbdl-twin-7")).toBe(children[2]);
  expect(findTwin(host, "nbdl-twin-8")).toBeUndefined();
});

it("finds an SVG that a host gives as base64", () => {
  const encoded = btoa('<svg id="nbdl-twin-9" xmlns="http://www.w3.org/2000/svg"></svg>');
  const { host, children } = outputs(VIEW, `<img src="data:image/svg+xml;base64,${encoded}">`);
  expect(findTwin(host, "nbdl-twin-9")).toBe(children[1]);
});

it("hides the picture in VS Code, where each output is a container of the cell's", () => {
  const picture = '<div class="output"><svg id="nbdl-twin-7"></svg></div>';
  const { host, children } = outputsOf("cell_container", "output_container", [VIEW, picture]);
  const life = new AbortController();
  hideTwin(host, "nbdl-twin-7", life.signal);
  calls.forEach((call) => call());
  expect(children[1]!.style.display).toBe("none");
  life.abort();
  expect(children[1]!.style.display).toBe("");
});

it("where the host shows the PNG, takes the very next output and no other picture", () => {
  const { host, children } = outputs(VIEW, PNG);
  expect(findTwin(host, "x")).toBe(children[1]);
  expect(findTwin(outputs(VIEW, "<p>text</p>", PNG).host, "x")).toBeUndefined();
});

it("hides the twin while the view lives, also one that comes later, and shows it afterwards", async () => {
  const { host, children } = outputs(VIEW, "<p></p>");
  const life = new AbortController();
  hideTwin(host, "nbdl-twin-7", life.signal);
  calls.forEach((call) => call());
  children[1]!.innerHTML = SVG;
  await Promise.resolve();
  expect(children[1]!.style.display).toBe("none");
  life.abort();
  expect(children[1]!.style.display).toBe("");
});

it("does nothing outside a notebook", () => {
  const host = document.createElement("div");
  hideTwin(host, "nbdl-twin-7", new AbortController().signal);
  calls.forEach((call) => call());
  expect(findTwin(host, "nbdl-twin-7")).toBeUndefined();
});
