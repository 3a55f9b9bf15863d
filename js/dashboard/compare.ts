// Another run's curves over those of this one: which, and where they are kept.

import { h, on } from "../lib/dom";
import type { Others } from "../lib/records";
import type { Points } from "./curves";

export class Compare {
  readonly element: HTMLElement;
  private readonly choice = h("select", { class: "field compare", "aria-label": "Compare with another run" });
  private offered = "";
  private readonly curves = new Map<string, Points>();

  /** `ask` tells Python which run is wanted; '' is none. */
  constructor(ask: () => void, signal: AbortSignal) {
    this.element = h("div", { class: "row live", hidden: true }, this.choice);
    on(this.choice, "change", () => {
      this.curves.clear();
      ask();
    }, signal);
  }

  /** The ids of the runs that are wanted. */
  get wanted(): string[] {
    return this.choice.value ? [this.choice.value] : [];
  }

  /** The other run's points of a series. */
  of(name: string): Points | undefined {
    return this.curves.get(name);
  }

  /** What Python told of other runs. */
  take({ choices, chosen }: Others): void {
    const offered = choices.flat().join("\n");
    if (offered !== this.offered) {
      this.offered = offered;
      const before = this.choice.value;
      const options = choices.map(([id, label]) => h("option", { value: id }, label));
      this.choice.replaceChildren(h("option", { value: "" }, "compare with …"), ...options);
      this.choice.value = choices.some(([id]) => id === before) ? before : "";
    }
    this.element.hidden = choices.length === 0;
    for (const { id, series } of chosen) {
      if (id !== this.choice.value) continue;
      for (const { name, steps, values } of series) this.curves.set(name, { steps: steps.data, values: values.data });
    }
  }
}
