// How often each class is there: a bar for each data set, as parts of the whole.

import { h, on } from "../lib/dom";
import { formatPercent, grouped } from "../lib/format";
import type { DataPart } from "../lib/records";
import { chooser, colourOf, key, more } from "./parts";

const SHOWN = 20;

interface Row {
  name: string;
  counts: number[];
  shares: number[];
}

export function classBars(parts: DataPart[], all: DataPart[], signal: AbortSignal): HTMLElement {
  const rows = rowsOf(parts);
  const most = Math.max(...rows.flatMap((row) => row.shares)) || 1;
  const list = h("ul", { class: "classes" });
  const orders: Record<string, (a: Row, b: Row) => number> = {
    "as they are": () => 0,
    "most first": (a, b) => b.shares[0]! - a.shares[0]!,
    "least first": (a, b) => a.shares[0]! - b.shares[0]!,
  };
  if (parts.length > 1) orders["most different first"] = (a, b) => spread(b) - spread(a);
  const order = chooser("Order of the classes", Object.keys(orders));
  const rest = more(rows.length, SHOWN, "classes");
  const fill = () => {
    const sorted = [...rows].sort(orders[order.value] ?? (() => 0));
    const shown = rest.all ? sorted : sorted.slice(0, SHOWN);
    list.replaceChildren(...shown.map((row) => item(row, most, parts, all)));
  };
  on(order, "change", fill, signal);
  on(rest.element, "click", () => (rest.toggle(), fill()), signal);
  fill();
  return h(
    "div",
    {},
    h("div", { class: "row tools" }, h("span", { class: "muted" }, `${grouped(rows.length)} classes`), key(parts, all), h("span", { class: "spread" }), rows.length > 2 && order),
    list,
    rows.length > SHOWN && rest.element,
  );
}

function rowsOf(parts: DataPart[]): Row[] {
  const tables = parts.map((part) => new Map(part.classes));
  const totals = tables.map((table) => [...table.values()].reduce((sum, n) => sum + n, 0) || 1);
  const names = new Set(tables.flatMap((table) => [...table.keys()]));
  return [...names].map((name) => {
    const counts = tables.map((table) => table.get(name) ?? 0);
    return { name, counts, shares: counts.map((count, i) => count / totals[i]!) };
  });
}

/** How far apart the shares of a class are. */
function spread({ shares }: Row): number {
  return Math.max(...shares) - Math.min(...shares);
}

function item({ name, counts, shares }: Row, most: number, parts: DataPart[], all: DataPart[]): HTMLElement {
  const bars = shares.map((share, i) => {
    const bar = h("i", {});
    bar.style.width = `${(100 * share) / most}%`;
    bar.style.background = colourOf(all.indexOf(parts[i]!));
    return h("div", { class: "bar" }, bar);
  });
  const said = counts.map((count, i) =>
    h(
      "span",
      { class: count ? null : "bad" },
      parts.length > 1 ? h("span", { class: "unseen" }, `${parts[i]!.title}: `) : null,
      `${grouped(count)} (${formatPercent(shares[i])})`,
    ),
  );
  return h(
    "li",
    {},
    h("span", { class: "name", title: name }, name),
    h("div", { class: "bars", "aria-hidden": "true" }, ...bars),
    h("span", { class: "said small" }, ...said),
  );
}
