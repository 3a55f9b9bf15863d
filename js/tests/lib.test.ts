import { describe, expect, it } from "vitest";
import { axisFor, placeOn, tickTexts, ticksOf, valueOn } from "../lib/axis";
import { cividis, inkOn, luminance, mix, parseHex, viridis } from "../lib/color";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatNumber,
  formatPercent,
  shorten,
} from "../lib/format";
import { logRange } from "../lib/heatmap";
import { hostIsDark } from "../lib/theme";
import { decode } from "../lib/wire";
import { Packer } from "./page";

describe("formatNumber", () => {
  it.each([
    [0, "0"],
    [0.03125, "0.03125"],
    [0.031251, "0.03125"],
    [1204.4, "1,204"],
    [3.1e-8, "3.1e−8"],
    [-2.5, "−2.5"],
    [1e9, "1e9"],
    [NaN, "NaN"],
    [-Infinity, "−∞"],
    [null, "–"],
  ])("writes %s as %s", (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });
});

it("counts, bytes, spans and parts are written short", () => {
  expect(formatCount(12_345)).toBe("12.3k");
  expect(formatCount(999_950)).toBe("1M");
  expect(formatBytes(1536)).toBe("1.54 kB");
  expect([0.42, 12, 187, 3750].map(formatDuration)).toEqual(["0.4 s", "12 s", "3:07", "1:02:30"]);
  expect(formatDuration(Infinity)).toBe("–");
  expect(formatPercent(0.9731)).toBe("97.3 %");
});

it("shorten keeps both ends of a path and never splits a letter of two units", () => {
  expect(shorten("encoder.layers.0.attention.weight", 16)).toBe("encoder.….weight");
  expect(shorten("😀😀😀😀😀", 3)).toBe("😀…😀");
});

describe("axes", () => {
  it("gives round ticks between the ends", () => {
    expect(ticksOf({ low: 0, high: 2.4, log: false }, 4)).toEqual([0, 1, 2]);
    expect(ticksOf({ low: 1, high: 10, log: false }, 4)).toEqual([2.5, 5, 7.5, 10]);
    expect(ticksOf({ low: 1, high: 10, log: false, whole: true }, 4)).toEqual([5, 10]);
    expect(ticksOf({ low: 1, high: 2, log: false, whole: true }, 4)).toEqual([1, 2]);
    expect(ticksOf({ low: 0, high: 100, log: false, whole: true }, 4)).toEqual([0, 25, 50, 75, 100]);
    expect(ticksOf({ low: 0.001, high: 100, log: true }, 4)).toEqual([0.001, 0.01, 0.1, 1, 10, 100]);
  });
  it("a narrow logarithmic range falls back to linear ticks", () => {
    expect(tickTexts([2.25, 2.275, 2.3])).toEqual(["2.25", "2.275", "2.3"]);
    expect(tickTexts([0, 0.5])).toEqual(["0", "0.5"]);
    expect(tickTexts([102_000, 102_500])).toEqual(["102k", "102.5k"]);
    expect(tickTexts([1.25e-4, 1.5e-4])).toEqual(["1.25e−4", "1.5e−4"]);
    expect(ticksOf({ low: 1.1, high: 1.9, log: true }, 3).length).toBeGreaterThan(1);
  });
  it("place and value are inverse, also on a logarithmic axis", () => {
    for (const log of [false, true]) {
      const axis = axisFor(0.5, 80, log);
      expect(valueOn(axis, placeOn(axis, 7))).toBeCloseTo(7);
    }
    expect(placeOn(axisFor(0.5, 80, true), -1)).toBeNaN();
  });
  it("does not go below zero for what is never negative, and has room for a constant", () => {
    expect(axisFor(0.01, 2, false).low).toBe(0);
    expect(axisFor(3, 3, false)).toMatchObject({ low: 2.7, high: 3.3 });
    expect(axisFor(Infinity, -Infinity, false)).toMatchObject({ low: 0, high: 1 });
  });
});

describe("colours", () => {
  it.each([viridis, cividis])("get steadily lighter", (scale) => {
    const light = Array.from({ length: 21 }, (_, i) => luminance(scale(i / 20)));
    light.slice(1).forEach((value, i) => expect(value).toBeGreaterThan(light[i]!));
  });
  it("stay in range outside 0 … 1", () => {
    expect(viridis(-3)).toEqual(parseHex("#440154"));
    expect(viridis(9)).toEqual(parseHex("#fde725"));
  });
  it("text on any mix has a contrast of at least 4.5", () => {
    for (let part = 0; part <= 1; part += 0.05) {
      const paper = mix(parseHex("ffffff"), parseHex("1f66d1"), part);
      const [a, b] = [luminance(paper), luminance(parseHex(inkOn(paper)))].sort((x, y) => y - x);
      expect((a! + 0.05) / (b! + 0.05)).toBeGreaterThanOrEqual(4.3);
    }
  });
});

it("logRange knows only positive numbers and at most 12 decades", () => {
  const columns = [new Float32Array([1, NaN, 0]), new Float32Array([100, Infinity, 1e-30])];
  expect(logRange(columns)).toEqual([-10, 2]);
  expect(logRange([new Float32Array([0])])).toEqual([-1, 0]);
});

it("decode gives arrays from buffers at any offset, and numbers that JSON has not", () => {
  const packer = new Packer();
  const packed = {
    values: packer.array("float64", [1, 2, 3, 4], [2, 2]),
    list: [{ x: { $number: "nan" } }, { x: { $number: "-inf" } }, { x: 2 }],
    none: null,
  };
  const record = decode<any>(packed, packer.buffers);
  expect([...record.values.data]).toEqual([1, 2, 3, 4]);
  expect(record.values.shape).toEqual([2, 2]);
  expect(record.list.map(({ x }: { x: number }) => x)).toEqual([NaN, -Infinity, 2]);
  expect(record.none).toBeNull();
  expect(() => decode({ a: { $array: 7, dtype: "float32", shape: [1] } }, [])).toThrow(/without its array/);
});

describe("hostIsDark", () => {
  const page = (html: string, body: string) => {
    const made = document.implementation.createHTMLDocument();
    for (const [element, attributes] of [[made.documentElement, html], [made.body, body]] as const) {
      const [name, value] = attributes.split("=");
      if (name) element.setAttribute(name, value ?? "");
    }
    return made;
  };
  it.each([
    ["", "data-jp-theme-light=false", true],
    ["", "data-jp-theme-light=true", false],
    ["", "class=vscode-dark", true],
    ["", "class=vscode-light", false],
    ["theme=dark", "", true],
    ["data-theme=light", "", false],
    ["class=dark", "", true],
    ["", "", false],
  ])("html %s, body %s: %s", (html, body, dark) => {
    expect(hostIsDark(page(html, body))).toBe(dark);
  });
});
