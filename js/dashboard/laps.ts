// Where the time of a step goes: one thin bar, and the same in words below.

import { h } from "../lib/dom";
import { formatPercent, formatSeconds } from "../lib/format";
import type { RunState } from "../lib/records";

const TONES: Record<string, string> = {
  data: "third",
  forward: "train",
  backward: "val",
  compute: "train",
  update: "fourth",
  step: "train",
};

export class LapBar {
  readonly element: HTMLElement;
  private readonly bar = h("div", { class: "lap-bar", "aria-hidden": "true" });
  private readonly words = h("div", { class: "row small muted lap-words" });
  private shown = "";

  constructor() {
    this.element = h("div", { class: "laps", hidden: true }, this.bar, this.words);
  }

  draw(laps: RunState["laps"]): void {
    const total = laps.reduce((sum, [, seconds]) => sum + seconds, 0);
    this.element.hidden = total === 0;
    const parts = laps.map(([part, seconds]) => ({ part, text: `${part} ${formatPercent(seconds / total)}` }));
    const said = [formatSeconds(total), ...parts.map(({ text }) => text)].join();
    if (total === 0 || said === this.shown) return;
    this.shown = said;
    const tones = laps.map(([part]) => `--tone: var(--nbdl-${TONES[part] ?? "faint"})`);
    this.bar.replaceChildren(
      ...laps.map(([, seconds], at) => h("i", { style: `${tones[at]};flex-grow:${seconds / total}` })),
    );
    this.words.replaceChildren(
      h("span", {}, `a step takes ${formatSeconds(total)}`),
      ...parts.map(({ text }, at) => h("span", { class: "lap", style: tones[at]! }, text)),
    );
  }
}
