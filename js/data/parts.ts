// What the sections share: the colour of each data set, and small controls.

import { LINE_TOKENS } from "../lib/color";
import { h } from "../lib/dom";
import { grouped } from "../lib/format";
import type { DataPart } from "../lib/records";

export function colourOf(part: number): string {
  return `var(--nbdl-${LINE_TOKENS[part % LINE_TOKENS.length]!})`;
}

/** Which colour is which data set; nothing where there is only one. */
export function key(parts: DataPart[], all: DataPart[]): HTMLElement | null {
  if (parts.length < 2) return null;
  const entries = parts.map((part) => h("span", {}, dot(all.indexOf(part)), part.title));
  return h("span", { class: "key small" }, ...entries);
}

export function dot(part: number): HTMLElement {
  const mark = h("i", { class: "dot", "aria-hidden": "true" });
  mark.style.background = colourOf(part);
  return mark;
}

export function chooser(label: string, choices: string[]): HTMLSelectElement {
  const options = choices.map((choice) => h("option", { value: choice }, choice));
  return h("select", { class: "field small", "aria-label": label }, ...options);
}

/** A button that shows all of a long list, or the first of it again. */
export function more(count: number, shown: number, what: string) {
  const words = (all: boolean) => (all ? `Show the first ${shown}` : `Show all ${grouped(count)} ${what}`);
  const element = h("button", { class: "button quiet", type: "button" }, words(false));
  const state = {
    all: false,
    element,
    toggle(): void {
      state.all = !state.all;
      element.textContent = words(state.all);
    },
  };
  return state;
}
