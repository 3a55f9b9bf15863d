// What the colours say now: families, a measure's numbers, or words such as types of elements; and
// the key that explains them.

import { h } from "../lib/dom";
import type { GraphRecord } from "../lib/records";
import type { Paint, Palette } from "./colours";
import { measuresOf, rangeOf, sharesOf, sortingsOf, type Measure, type Sorting } from "./measures";

export class Colouring {
  /** Lies in a corner of the picture. */
  readonly key = h("div", { class: "key small", hidden: true });
  /** What can be chosen besides the families. */
  readonly choices: { name: string; label: string }[];
  measure: Measure | null = null;
  private sorting: Sorting | null = null;
  private shares: Float32Array | null = null;
  private readonly measures: Measure[];
  private readonly sortings: Sorting[];

  /** `more`: measures besides those of the nodes themselves. */
  constructor(private readonly record: GraphRecord, more: Measure[] = []) {
    this.measures = [...more, ...measuresOf(record)];
    this.sortings = sortingsOf(record);
    this.choices = [...this.sortings, ...this.measures];
  }

  get name(): string {
    return (this.measure ?? this.sorting)?.name ?? "";
  }

  choose(name: string, palette: Palette): void {
    this.sorting = this.sortings.find((sorting) => sorting.name === name) ?? null;
    this.measure = this.measures.find((measure) => measure.name === name) ?? null;
    this.shares = this.measure && sharesOf(this.record, this.measure);
    this.explain(palette);
  }

  paintOf(node: number, palette: Palette): Paint {
    const it = this.record.nodes[node]!;
    if (it.status === "failed" || this.measure?.isBad?.(it)) return palette.failed;
    if (this.shares) {
      const share = this.shares[node]!;
      return Number.isNaN(share) ? palette.group(1) : palette.heat(share);
    }
    if (this.sorting) {
      const family = this.sorting.families.get(this.sorting.of(it));
      return family === undefined ? palette.group(0) : palette.family(family);
    }
    if (it.kind === "group" && !it.family) return palette.group(0);
    return palette.family(it.family || it.kind);
  }

  /** Write the key for the choice and the theme there are now. */
  explain(palette: Palette): void {
    const { key, measure, sorting } = this;
    key.hidden = !measure && !sorting?.families.size;
    if (measure) {
      const [low, most] = rangeOf(this.record, measure);
      const ramp = h("i", { class: "ramp" });
      const stops = [0.05, 0.3, 0.6, 1].map((share) => palette.heat(share).fill);
      ramp.style.background = `linear-gradient(90deg, ${stops.join(", ")})`;
      key.replaceChildren(h("span", {}, measure.text(low), ramp, measure.text(most)));
    } else if (sorting) {
      key.replaceChildren(...[...sorting.families].map(([word, family]) => swatch(word, family, palette)));
    }
  }
}

/** A colour and what it stands for. */
export function swatch(word: string, family: string, palette: Palette): HTMLElement {
  const mark = h("i", { class: "mark" });
  mark.style.background = palette.family(family).mark;
  return h("span", {}, mark, word);
}
