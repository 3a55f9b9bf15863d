// Samples that are there twice, side by side: pictures as pictures, rows of a table as rows.

import { h, on } from "../lib/dom";
import { grouped } from "../lib/format";
import { picture } from "../lib/image";
import type { PairGroup, PairRecord, PairSide } from "../lib/records";

export function pairList(groups: PairGroup[], signal: AbortSignal): HTMLElement {
  const place = h("div", {});
  const buttons = groups.map((group) =>
    h("button", { class: "button", type: "button" }, group.title, h("span", { class: `count ${group.level}` }, grouped(group.count))),
  );
  const choose = (at: number) => {
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === at)));
    place.replaceChildren(...content(groups[at]!));
  };
  buttons.forEach((button, i) => on(button, "click", () => choose(i), signal));
  choose(0);
  return h("div", {}, h("div", { class: "row tools", role: "group", "aria-label": "Which pairs" }, ...buttons), place);
}

function content({ title, count, pairs }: PairGroup): HTMLElement[] {
  const rest = count - pairs.length;
  const shown = pairs.some((pair) => pair.cells.length) ? rows(title, pairs) : cards(pairs);
  return rest > 0 ? [shown, h("p", { class: "muted small" }, `and ${grouped(rest)} more`)] : [shown];
}

function cards(pairs: PairRecord[]): HTMLElement {
  const list = h("ul", { class: "pairs" });
  for (const pair of pairs) {
    const sides = [pair.first, pair.second].map((side) =>
      h(
        "figure",
        {},
        pair.image.data.length > 0 && picture(pair.image, `${nameOf(side)} ${side.target}`),
        h("figcaption", { class: "small" }, h("span", { class: "muted" }, nameOf(side)), target(side, pair.differs)),
      ),
    );
    const words = pair.text && h("p", { class: "text mono small" }, pair.text);
    list.append(h("li", {}, words, h("div", { class: "sides" }, ...sides), pair.differs && another()));
  }
  return list;
}

function rows(title: string, pairs: PairRecord[]): HTMLElement {
  const names = pairs[0]!.cells.map(([name]) => name);
  const head = ["sample", "target", ...names].map((name) => h("th", { scope: "col" }, name));
  const bodies = pairs.map((pair) => {
    const lines = [pair.first, pair.second].map((side) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, nameOf(side)),
        h("td", {}, target(side, pair.differs)),
        ...pair.cells.map(([, value]) => h("td", { class: "number" }, value)),
      ),
    );
    return h("tbody", {}, ...lines);
  });
  const table = h("table", { class: "small" }, h("thead", {}, h("tr", {}, ...head)), ...bodies);
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title }, table);
}

function nameOf(side: PairSide): string {
  return `${side.part}\u00a0${grouped(side.number)}`;
}

function target(side: PairSide, differs: boolean): HTMLElement | null {
  return side.target ? h("span", { class: differs ? "bad" : null }, side.target) : null;
}

function another(): HTMLElement {
  return h("span", { class: "small bad" }, "another target");
}
