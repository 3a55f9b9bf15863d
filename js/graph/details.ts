// The pane beside the picture: all that is known of the selected node.

import { formatBytes, formatCount, formatSeconds, grouped } from "../lib/format";
import { h, type Child } from "../lib/dom";
import type { GraphNode, GraphRecord, ParameterStats, TensorStats } from "../lib/records";
import type { Palette } from "./colours";
import { wordsOf } from "./labels";
import { oneLine, shapeText } from "./text";
import type { Direction } from "./trail";

/** What the pane's buttons do. */
export interface Doors {
  /** Select another node. */
  go(node: number): void;
  /** How many operations lie on the trail in a direction, and whether it is shown. */
  trail(direction: Direction): { count: number; shown: boolean };
  /** Show a trail, or show it no more. */
  follow(direction: Direction): void;
}

/** What stands in the pane. */
export function detailsOf(record: GraphRecord, node: number, palette: Palette, doors: Doors): HTMLElement {
  const it = record.nodes[node]!;
  const inside = it.kind === "group" ? "group of layers" : it.kind;
  const mark = h("span", { class: "mark", "aria-hidden": "true" });
  mark.style.background = it.kind === "group" ? palette.muted : palette.family(it.family).mark;
  return h(
    "div",
    { class: "details-body", tabindex: 0 },
    h("h3", {}, mark, h("span", {}, oneLine(it.type || it.label, 80))),
    h("p", { class: "muted path mono" }, oneLine(it.id, 200)),
    it.change && it.change !== "same" && h("p", { class: `change ${it.change}` }, it.note || it.change),
    it.status &&
      h("p", { class: "notice bad" }, it.note || "The forward pass ended inside this group."),
    facts(record, it, inside),
    statistics("Output values", it.values, palette.accent),
    statistics("Gradient of the output", it.gradient, palette.family("activation").mark),
    ...it.parameters.map((parameter) => parameterOf(parameter, palette)),
    section("Attributes", it.attributes.map(([name, value]) => row(name, oneLine(value, 400)))),
    it.source && source(it.source),
    neighbours(record, node, doors),
  );
}

function facts(record: GraphRecord, it: GraphNode, kind: string): Child {
  const rows = it.outputs.map((spec, index) =>
    row(it.outputs.length > 1 ? `output ${index}` : "output", `${shapeText(spec.shape)}  ${spec.dtype}`),
  );
  if (rows.length === 0) rows.push(row("kind", kind));
  if (it.repeat > 1) rows.push(row("repeated", `${it.repeat} identical blocks`));
  if (it.params) rows.push(row("parameters", grouped(it.params), share(it.params, record.params)));
  if (it.flops) rows.push(row("FLOPs", formatCount(it.flops), share(it.flops, record.flops), grouped(it.flops)));
  if (it.memory) rows.push(row("memory", formatBytes(it.memory), share(it.memory, record.memory)));
  if (it.traffic) rows.push(row("bytes moved", formatBytes(it.traffic)));
  if (it.seconds) {
    rows.push(row("time", formatSeconds(it.seconds), share(it.seconds, record.seconds)));
    if (it.flops) rows.push(row("speed", formatCount(it.flops / it.seconds).replace(/(\D?)$/, " $1FLOP/s")));
  }
  return h("dl", {}, ...rows);
}

function parameterOf({ name, spec, values, gradient }: ParameterStats, palette: Palette): HTMLElement {
  const number = (value: number) => (Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "–");
  return h(
    "section",
    {},
    h("h4", { title: name }, oneLine(name.split(".").pop()!, 40), h("span", { class: "aside" }, `${shapeText(spec.shape)} ${spec.dtype}`)),
    histogram(values, palette.family("parameter").mark),
    h(
      "dl",
      {},
      row("mean ± std", `${number(values.mean)} ± ${number(values.std)}`),
      row("range", `${number(values.low)} … ${number(values.high)}`),
      values.nans + values.infinities > 0 && row("not finite", grouped(values.nans + values.infinities)),
      gradient && row("gradient norm", number(gradient.norm)),
    ),
  );
}

function share(part: number, whole: number): string {
  if (!whole || part > whole) return "";
  const percent = (100 * part) / whole;
  return percent < 0.1 ? "< 0.1 %" : `${percent.toFixed(percent < 10 ? 1 : 0)} %`;
}

function row(name: string, value: string, aside = "", title = ""): HTMLElement {
  return h(
    "div",
    { class: "fact" },
    h("dt", { title: name }, oneLine(name, 60)),
    h("dd", { title: title || null }, value, aside && h("span", { class: "muted aside" }, aside)),
  );
}

function section(title: string, rows: HTMLElement[]): Child {
  return rows.length > 0 && h("section", {}, h("h4", {}, title), h("dl", {}, ...rows));
}

function statistics(title: string, stats: TensorStats | null, colour: string): Child {
  if (!stats) return null;
  const number = (value: number) => (Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "–");
  const rows = [
    row("mean ± std", `${number(stats.mean)} ± ${number(stats.std)}`),
    row("range", `${number(stats.low)} … ${number(stats.high)}`),
    row("norm", number(stats.norm)),
    row("zeros", `${number(100 * stats.zeros)} %`),
  ];
  if (stats.nans) rows.push(row("NaN", grouped(stats.nans)));
  if (stats.infinities) rows.push(row("infinite", grouped(stats.infinities)));
  return h("section", {}, h("h4", {}, title), histogram(stats, colour), h("dl", {}, ...rows));
}

/** Bars of divs: they follow the theme and need no drawing. */
function histogram(stats: TensorStats, colour: string): Child {
  const counts = stats.histogram.data;
  const most = counts.reduce((a, b) => Math.max(a, b), 0);
  if (most === 0) return null;
  const bars = Array.from(counts, (count) => {
    const bar = h("i", {});
    bar.style.height = `${count > 0 ? Math.max((100 * count) / most, 2) : 0}%`;
    bar.style.background = colour;
    return bar;
  });
  return h("div", { class: "histogram", role: "img", "aria-label": "histogram" }, ...bars);
}

function source({ file, line, text }: NonNullable<GraphNode["source"]>): HTMLElement {
  return h(
    "section",
    {},
    h("h4", {}, "Source"),
    h("p", { class: "muted" }, `${oneLine(file, 120)}, line ${line}`),
    text && h("pre", { class: "mono" }, oneLine(text, 300)),
  );
}

/** Buttons that walk along the edges, to what stands beside the node: to a layer, where the edge
 *  itself ends at an operation inside it. */
function neighbours(record: GraphRecord, node: number, doors: Doors): Child {
  const { data } = record.edges;
  const above = (of: number) => record.nodes[of]!.parent;
  const around = new Set([-1]);
  for (let at = above(node); at >= 0; at = above(at)) around.add(at);
  const beside = (other: number) => {
    let at = other;
    while (!around.has(above(at))) at = above(at);
    return at;
  };
  const before = new Set<number>();
  const after = new Set<number>();
  for (let i = 0; i < data.length; i += 3) {
    const [from, to] = [beside(data[i]!), beside(data[i + 1]!)];
    if (to === node && from !== node) before.add(from);
    if (from === node && to !== node) after.add(to);
  }
  const list = (title: string, nodes: ReadonlySet<number>) =>
    nodes.size > 0 &&
    h("div", { class: "fact" }, h("dt", {}, title), h("dd", {}, ...[...nodes].slice(0, 12).map(link)));
  const link = (other: number) => {
    const it = record.nodes[other]!;
    const { title, name } = wordsOf(it);
    const button = h("button", { class: "link", type: "button" }, [title, name].filter(Boolean).join(" "));
    button.title = oneLine(it.id, 200);
    button.addEventListener("click", () => doors.go(other));
    return button;
  };
  const { twin } = record.nodes[node]!;
  const other = twin >= 0 && h("div", { class: "fact" }, h("dt", {}, "counterpart"), h("dd", {}, link(twin)));
  if (before.size + after.size === 0 && !other) return null;
  return h(
    "section",
    {},
    h("h4", {}, "Connections"),
    h("dl", {}, list("from", before), list("to", after), other),
    h("div", { class: "row" }, trailButton("up", doors), trailButton("down", doors)),
  );
}

function trailButton(direction: Direction, doors: Doors): HTMLElement {
  const { count, shown } = doors.trail(direction);
  const text = direction === "up" ? `↑ ${count} upstream` : `↓ ${count} downstream`;
  const title = direction === "up" ? "All that leads here (u)" : "All that this leads to (d)";
  const button = h("button", { class: "button small trail", type: "button", title, "aria-pressed": String(shown) }, text);
  button.disabled = count === 0;
  button.addEventListener("click", () => doors.follow(direction));
  return button;
}
