// The pane when nothing is selected: the whole graph in numbers, and where they come from.

import { h, type Child } from "../lib/dom";
import { formatBytes, formatCount, formatSeconds, grouped } from "../lib/format";
import type { GraphNode, GraphRecord } from "../lib/records";
import { swatch } from "./colouring";
import type { Palette } from "./colours";
import { wordsOf } from "./labels";
import { oneLine } from "./text";

const TOP = 6;

export function overviewOf(
  record: GraphRecord,
  palette: Palette,
  go: (node: number) => void,
): HTMLElement {
  // What mirrors an earlier operation (on the way back, in the other model) counts once.
  const layers = record.nodes.filter(({ kind, twin }, index) => kind === "op" && (twin < 0 || twin > index)).length;
  const frozen = record.params - record.trainable;
  const rows: [string, string][] = [["operations", grouped(layers)]];
  if (record.params) rows.push(["parameters", grouped(record.params)]);
  if (record.params && frozen > 0) rows.push(["of them frozen", grouped(frozen)]);
  if (record.flops) rows.push(["FLOPs", grouped(record.flops)]);
  if (record.memory) rows.push(["activations", formatBytes(record.memory)]);
  if (record.seconds) rows.push(["measured", formatSeconds(record.seconds)]);
  return h(
    "div",
    { class: "details-body", tabindex: 0 },
    h("h3", {}, oneLine(record.title, 60)),
    h(
      "dl",
      {},
      ...rows.map(([name, value]) => h("div", { class: "fact" }, h("dt", {}, name), h("dd", {}, value))),
    ),
    ...changes(record, palette, go),
    ranking(record, palette, "Most parameters", (node) => node.params, formatCount, go),
    ranking(record, palette, "Most time", (node) => node.seconds, formatSeconds, go),
    ranking(record, palette, "Most FLOPs", (node) => node.flops, formatCount, go),
    legend(record, palette),
  );
}

const LISTED = 40;

/** Of a difference: what changed, as buttons that lead there. */
function changes(record: GraphRecord, palette: Palette, go: (node: number) => void): Child[] {
  const { nodes } = record;
  const alone = ({ change }: GraphNode) => change === "added" || change === "removed";
  const list = (title: string, wanted: (node: GraphNode) => boolean) => {
    const found = nodes.flatMap((node, index) => {
      const inside = node.parent >= 0 && alone(nodes[node.parent]!);
      const told = alone(node) || (node.note !== "" && node.twin < index);
      return wanted(node) && told && !inside ? [index] : [];
    });
    const rows = found.slice(0, LISTED).map((index) => {
      const node = nodes[index]!;
      const words = oneLine(`${node.type} ${node.id.slice(node.id.indexOf(".") + 1)}`, 36);
      const button = h("button", { type: "button", title: node.note || node.id }, swatch(words, node.change, palette));
      button.addEventListener("click", () => go(index));
      return button;
    });
    if (found.length > LISTED) rows.push(h("button", { type: "button", disabled: true }, `and ${found.length - LISTED} more`));
    return rows.length > 0 && h("section", {}, h("h4", {}, title), h("div", { class: "ranking" }, ...rows));
  };
  return [
    list("Removed", ({ change }) => change === "removed"),
    list("Added", ({ change }) => change === "added"),
    list("Changed", ({ change }) => change === "changed"),
    list("Of another shape", ({ change }) => change === "reshaped"),
  ];
}

/** The heaviest operations, as bars one can click. */
function ranking(
  record: GraphRecord,
  palette: Palette,
  title: string,
  of: (node: GraphNode) => number,
  words: (value: number) => string,
  go: (node: number) => void,
): Child {
  const times = repeats(record);
  const heavy = record.nodes
    .map((node, index) => ({ node, index, value: node.kind === "op" ? of(node) : 0 }))
    .filter(({ value, index }) => value > 0 && times[index]! > 0)
    .sort((a, b) => b.value - a.value)
    .slice(0, TOP);
  if (heavy.length < 2 || record.nodes.some(({ change }) => change)) return null;
  const rows = heavy.map(({ node, index, value }) => {
    const bar = h("span", { class: "bar" });
    bar.style.width = `${(100 * value) / heavy[0]!.value}%`;
    bar.style.background = palette.family(node.family).mark;
    const { title: type } = wordsOf(node);
    const name = node.id === type ? type : `${type} ${oneLine(node.id, 32)}`;
    const count = times[index]! > 1 ? `${times[index]}× ` : "";
    const amount = h("span", { class: "amount" }, count + words(value));
    const button = h("button", { type: "button", title: node.id }, bar, h("span", {}, name), amount);
    button.addEventListener("click", () => go(index));
    return button;
  });
  return h("section", {}, h("h4", {}, title), h("div", { class: "ranking" }, ...rows));
}

/** How often each node is there: those of the first of identical blocks stand for all, the rest 0. */
function repeats(record: GraphRecord): number[] {
  const seen = new Set<number>();
  const times: number[] = [];
  record.nodes.forEach(({ parent }, index) => {
    const above = parent < 0 ? 1 : times[parent]!;
    const count = parent < 0 ? 0 : record.nodes[parent]!.repeat;
    times[index] = count > 1 ? (seen.has(parent) ? 0 : above * count) : above;
    seen.add(parent);
  });
  return times;
}

/** Which colour is what, for the families that occur. */
function legend(record: GraphRecord, palette: Palette): Child {
  const ops = record.nodes.filter((node) => node.kind === "op" && palette.named(node.family));
  const families = [...new Set(ops.map((node) => node.family))];
  if (families.length < 2 || record.nodes.some(({ change }) => change)) return null;
  const entries = families.map((family) => swatch(family, family, palette));
  return h("section", {}, h("h4", {}, "Colours"), h("div", { class: "legend small" }, ...entries));
}
