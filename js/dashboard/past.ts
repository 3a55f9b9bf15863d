// The way back: a slider over the steps of which there are snapshots. The chosen one is marked in
// every chart; its weights, and the code that trains on from there, are shown below.

import { h, on, setText } from "../lib/dom";
import { formatNumber, formatPercent, grouped } from "../lib/format";
import type { Past, RunState } from "../lib/records";

const COLUMNS = ["weights", "shape", "mean", "std", "least", "greatest", "moved since"];

export interface PastHost {
  /** Mark a step in all charts; undefined: none. */
  mark(step: number | undefined): void;
  /** Ask Python for the weights at a step. */
  ask(step: number): void;
  signal: AbortSignal;
}

export class Timeline {
  readonly element: HTMLElement;
  /** The step that is chosen; undefined is now. */
  step: number | undefined;
  private readonly slider = h("input", { type: "range", min: 0, max: 0, "aria-label": "Step to look at" });
  private readonly said = h("output", { class: "tool-value" }, "now");
  private readonly now = h("button", { class: "button quiet", type: "button", hidden: true }, "back to now");
  private readonly code = h("code", { class: "mono" });
  private readonly copy = h("button", { class: "button quiet", type: "button" }, "copy");
  private readonly details = h("div", { class: "past-details", hidden: true });
  private readonly table = h("div", { class: "scroll past-table", tabindex: 0 });
  private kept: readonly number[] = [];
  private variable = "run";
  private shown: Past | null = null;

  constructor(private readonly host: PastHost) {
    const { signal } = host;
    this.copy.title = "Copy the code that trains on from this step as a new run";
    this.details.append(
      h("p", { class: "row small" }, h("span", { class: "muted" }, "branch here:"), this.code, this.copy),
      this.table,
    );
    this.element = h(
      "section",
      { class: "past live", "aria-label": "The run's past", hidden: true },
      h("label", { class: "row small muted past-row" }, "look back", this.slider, this.said, this.now),
      this.details,
    );
    on(this.slider, "input", () => this.choose(this.kept[Number(this.slider.value)]), signal);
    on(this.now, "click", () => this.choose(undefined), signal);
    on(this.copy, "click", () => void this.copyCode(), signal);
  }

  /** Show where the run can be looked at now, and the weights at the chosen step if they came. */
  draw(state: RunState, past: Past | null): void {
    this.element.hidden = state.kept.length < 2;
    this.kept = state.kept;
    this.variable = state.variable;
    this.slider.max = String(Math.max(0, this.kept.length - 1));
    // Snapshots are thinned as the run goes on: the chosen step stays where it is, or the next one.
    const place = this.step === undefined ? this.kept.length - 1 : this.kept.findLastIndex((at) => at <= this.step!);
    this.slider.value = String(Math.max(0, place));
    if (past && past.step === this.step && past !== this.shown) this.fill(past);
  }

  private choose(step: number | undefined): void {
    this.step = step;
    this.now.hidden = step === undefined;
    this.details.hidden = step === undefined;
    setText(this.said, step === undefined ? "now" : `step ${grouped(step)}`);
    this.slider.setAttribute("aria-valuetext", this.said.textContent ?? "");
    if (step === undefined) this.slider.value = this.slider.max;
    else {
      setText(this.code, `${this.variable}.branch(${step})`);
      setText(this.copy, "copy");
      this.host.ask(step);
    }
    this.host.mark(step);
  }

  private fill(past: Past): void {
    this.shown = past;
    const head = h("tr", {}, ...COLUMNS.map((name) => h("th", { scope: "col" }, name)));
    const rows = past.tensors.map(({ name, shape, mean, std, low, high, moved }) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, name),
        h("td", {}, shape),
        ...[mean, std, low, high].map((value) => h("td", {}, formatNumber(value))),
        h("td", {}, Number.isFinite(moved) ? formatPercent(moved) : "–"),
      ),
    );
    this.table.replaceChildren(h("table", {}, h("thead", {}, head), h("tbody", {}, ...rows)));
  }

  /** Copy the code; where the browser does not allow it, select it. */
  private async copyCode(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.code.textContent ?? "");
      setText(this.copy, "copied");
    } catch {
      getSelection()?.selectAllChildren(this.code);
    }
  }
}
