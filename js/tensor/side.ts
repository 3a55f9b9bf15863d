// The numbers that describe a tensor, beside its picture.

import { css } from "../lib/color";
import { h, type Child } from "../lib/dom";
import { formatBytes, formatNumber, grouped } from "../lib/format";
import type { TensorRecord } from "../lib/records";
import type { Theme } from "../lib/theme";
import { NOT_A_NUMBER, scaleOf, shareOf } from "./cells";
import { dot, LOOKS } from "./points";

export function sideOf(record: TensorRecord, theme: Theme): Child[] {
  const { stats } = record;
  const rows: [string, string, boolean?][] = [];
  if (stats) {
    rows.push(["min", formatNumber(stats.low)], ["max", formatNumber(stats.high)]);
    rows.push(["mean", formatNumber(stats.mean)], ["std", formatNumber(stats.std)]);
    rows.push(["zeros", `${formatNumber(100 * stats.zeros, 3)} %`]);
    rows.push(["NaN", grouped(stats.nans), stats.nans > 0]);
    rows.push(["infinite", grouped(stats.infinities), stats.infinities > 0]);
  }
  const masked = record.marks.data.reduce((sum, mark) => sum + Number(mark === 4), 0);
  if (masked) rows.push(["masked here", grouped(masked)]);
  rows.push(...record.facts);
  const list = h("dl", { class: "facts" });
  for (const [name, value, bad] of rows) {
    list.append(h("dt", {}, name), h("dd", { class: bad ? "bad" : null }, value));
  }
  return [histogram(record, theme), list];
}

/** Bars in the colours of the picture: they are its legend too. */
function histogram(record: TensorRecord, theme: Theme): Child {
  const { stats } = record;
  const counts = stats?.histogram.data ?? [];
  const most = Math.max(0, ...counts);
  if (!stats || most === 0) return null;
  const scale = scaleOf(record, theme);
  const plain = record.mode !== "values";
  const bars = Array.from(counts, (count, i) => {
    const bar = h("i", {});
    const value = stats.low + ((i + 0.5) / counts.length) * (stats.high - stats.low);
    bar.style.height = `${count > 0 ? Math.max((100 * count) / most, 2) : 0}%`;
    bar.style.background = plain ? theme.color("accent") : css(scale(shareOf(record, value)));
    return bar;
  });
  return h(
    "figure",
    {},
    h("div", { class: "bars", role: "img", "aria-label": "Histogram of the values" }, ...bars),
    h(
      "figcaption",
      { class: "muted small" },
      h("span", {}, formatNumber(stats.low, 3)),
      h("span", {}, formatNumber(stats.high, 3)),
    ),
  );
}

/** What the colours and signs mean. */
export function legendOf(record: TensorRecord, theme: Theme): Child[] {
  if (record.classes.length) return classKey(record, theme);
  if (record.mode !== "values" || !record.size) return [];
  const scale = scaleOf(record, theme);
  const stops = Array.from({ length: 11 }, (_, i) => css(scale(i / 10))).join(",");
  const bar = h("span", { class: "scale" });
  bar.style.background = `linear-gradient(90deg,${stops})`;
  const key = (sign: string, colour: string, words: string) => {
    const box = h("i", { "aria-hidden": "true" }, sign);
    box.style.background = colour;
    return h("span", { class: "sign" }, box, words);
  };
  const found = new Set(record.marks.data);
  const shared = record.axes.filter(({ role }) => role === "rows" || role === "columns");
  const block = shared.map(({ every }) => every).join("×");
  return [
    formatNumber(record.low, 3),
    bar,
    formatNumber(record.high, 3),
    shared.some(({ every }) => every > 1) && h("span", { class: "sign muted" }, `a cell is the mean of ${block}`),
    found.has(1) && key("×", NOT_A_NUMBER, "NaN"),
    found.has(2) && key("+", theme.color("text"), "∞"),
    found.has(3) && key("−", theme.color("text"), "−∞"),
    found.has(4) && key("", theme.color("line"), "masked"),
  ];
}

function classKey(record: TensorRecord, theme: Theme): Child[] {
  const sign = (code: number, words: string) => {
    const canvas = h("canvas", { width: 24, height: 24, "aria-hidden": "true" });
    const context = canvas.getContext("2d");
    context?.scale(2, 2);
    if (context) dot(context, theme, 6, 6, code);
    return h("span", { class: "sign" }, canvas, words);
  };
  const others = record.classes.length - LOOKS;
  return [
    ...record.classes.slice(0, LOOKS).map((name, code) => sign(code, name)),
    others > 0 && sign(LOOKS, `${grouped(others)} others`),
    record.codes.data.some((code) => code < 0) && sign(-1, "without a label"),
  ];
}

export function aboutText(record: TensorRecord): string {
  const shape = record.shape.join("×") || "scalar";
  const kind = record.title ? record.kind : "";
  return [kind, `${record.dtype} ${shape}`, record.device, formatBytes(record.nbytes)]
    .filter(Boolean)
    .join(" · ");
}
