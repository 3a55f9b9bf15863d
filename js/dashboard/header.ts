// The head of the dashboard: what state the run is in, how far it is, its facts, and one line of
// what the person should know.

import { h, setText } from "../lib/dom";
import { formatBytes, formatCount, formatDuration, grouped } from "../lib/format";
import type { RunState } from "../lib/records";
import { ENDED, type Controls } from "./controls";
import { LapBar } from "./laps";

const WORDS: Record<string, string> = {
  waiting: "Waiting",
  running: "Training",
  paused: "Paused",
  finished: "Finished",
  stopped: "Stopped",
  pruned: "Pruned",
  killed: "Killed",
  interrupted: "Interrupted",
  failed: "Failed",
};
const BUSY =
  "The kernel is busy with a cell, so the click waits. To stop training now, use the notebook's " +
  "■ Stop button: everything trained so far is kept.";
const SILENT_MS = 8000;

export class Header {
  readonly element: HTMLElement;
  private readonly status = h("span", { class: "status", role: "status" });
  private readonly name = h("span", { class: "run-name" });
  private readonly about = h("span", { class: "muted small about" });
  private readonly bar = h("div", { class: "bar" });
  private readonly ticks = h("div", { class: "ticks" });
  private readonly progress: HTMLElement;
  private readonly values = new Map<string, HTMLElement>();
  private readonly facts = h("dl", { class: "run-facts" });
  private readonly laps = new LapBar();
  private readonly notice = h("p", { class: "notice", hidden: true, "aria-live": "polite" });
  private readonly error = h("pre", { class: "notice bad error", role: "alert", hidden: true });
  private tickCount = 0;

  constructor(private readonly controls: Controls) {
    this.progress = h(
      "div",
      { class: "progress", role: "progressbar", "aria-label": "Training progress", "aria-valuemin": 0 },
      this.bar,
      this.ticks,
    );
    for (const name of ["epoch", "step", "time left", "elapsed", "samples/s"]) this.fact(name);
    this.facts.append(h("div", {}, h("dt", {}, "learning rate"), h("dd", {}, controls.rate)));
    this.element = h(
      "header",
      { class: "head" },
      h("div", { class: "row head-row" }, this.status, this.name, this.about, controls.element),
      this.progress,
      this.facts,
      this.laps.element,
      this.notice,
      this.error,
    );
  }

  /** Show the state; `heardAt` is when it came (performance.now), so that clocks run on meanwhile. */
  draw(state: RunState, heardAt: number): void {
    const ended = ENDED.includes(state.status);
    const passed = state.status === "running" ? (performance.now() - heardAt) / 1000 : 0;
    this.element.dataset["status"] = state.status;
    setText(this.status, this.controls.saying || (WORDS[state.status] ?? state.status));
    setText(this.name, state.name);
    setText(this.about, state.facts.map(([name, value]) => `${name} ${value}`).join(" · "));
    this.drawProgress(state, ended);
    this.say("epoch", `${state.epoch}`, state.epochs ? ` / ${state.epochs}` : "");
    this.say("step", grouped(state.step), state.total_steps ? ` / ${grouped(state.total_steps)}` : "");
    const left = state.eta === null ? null : Math.max(0, state.eta - passed);
    this.say("time left", ended ? "–" : formatDuration(left));
    this.say("elapsed", formatDuration(state.elapsed + passed));
    this.say("samples/s", formatCount(state.throughput));
    for (const [name, bytes] of state.memory) {
      if (!this.values.has(name)) this.fact(name);
      this.say(name, formatBytes(bytes));
    }
    this.laps.draw(state.laps);
    this.drawNotice(state, ended, heardAt);
  }

  private fact(name: string): void {
    const value = h("dd");
    this.values.set(name, value);
    this.facts.append(h("div", {}, h("dt", {}, name), value));
  }

  private say(name: string, value: string, rest = ""): void {
    const place = this.values.get(name);
    if (!place || place.dataset["text"] === value + rest) return;
    place.dataset["text"] = value + rest;
    place.replaceChildren(value, h("span", { class: "muted" }, rest));
  }

  private drawProgress(state: RunState, ended: boolean): void {
    const total = state.total_steps;
    const epochs = state.epochs ?? 0;
    const part = total ? Math.min(1, state.step / total) : epochs ? state.epoch / epochs : 0;
    this.bar.style.width = `${100 * (state.status === "finished" ? 1 : part)}%`;
    this.bar.classList.toggle("is-open", !total && !ended);
    this.progress.setAttribute("aria-valuemax", String(total ?? epochs));
    this.progress.setAttribute("aria-valuenow", String(total ? state.step : state.epoch));
    if (this.tickCount === epochs || epochs > 60) return;
    this.tickCount = epochs;
    const marks = Array.from({ length: Math.max(0, epochs - 1) }, (_, index) =>
      h("i", { style: `left:${(100 * (index + 1)) / epochs}%` }),
    );
    this.ticks.replaceChildren(...marks);
  }

  private drawNotice(state: RunState, ended: boolean, heardAt: number): void {
    const silent = !ended && performance.now() - heardAt > SILENT_MS;
    const seconds = Math.round((performance.now() - heardAt) / 1000);
    let text = state.message;
    if (this.controls.unheard) text = BUSY;
    else if (silent) {
      text =
        `Nothing heard from the kernel for ${seconds} s. It is busy, or it has died; what came ` +
        "until then stays here.";
    }
    setText(this.notice, text);
    this.notice.hidden = text === "";
    this.notice.classList.toggle("warning", silent || this.controls.unheard);
    this.notice.classList.toggle("good", state.status === "finished");
    setText(this.error, state.error);
    this.error.hidden = state.error === "";
  }
}
